"""Workspace paths and the files they stand for."""

from pathlib import Path

import pytest

from ondemand.databricks.workspace import Mount, NotebookNotFound, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "notebooks"
    (folder / "sub").mkdir(parents=True)
    for name in ("wine.ipynb", "setup.py", "sub/deep.py", "data.csv"):
        (folder / name).touch()
    (tmp_path / "secret.py").touch()
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    return Workspace((Mount.parse(f"/Shared/models={folder}"),))


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/Shared/models/wine", "wine.ipynb"),
        ("/Workspace/Shared/models/wine", "wine.ipynb"),
        ("/Shared/models/wine.ipynb", "wine.ipynb"),
        ("/Shared/models/setup", "setup.py"),
        ("/Shared/models/sub/../sub/deep", "sub/deep.py"),
    ],
)
def test_a_notebook_is_found(workspace: Workspace, path: str, file: str) -> None:
    assert workspace.find(path) == workspace.mounts[0].folder / file


@pytest.mark.parametrize(
    "path",
    [
        "/Shared/models",
        "/Shared/models/unknown",
        "/Shared/modelswine",
        "/Elsewhere/wine",
        "/Shared/models/data.csv",
        "/Shared/models/../../secret",
        "/Shared/models/link",
        "",
    ],
)
def test_nothing_else_is_found(workspace: Workspace, path: str) -> None:
    with pytest.raises(NotebookNotFound):
        workspace.find(path)


@pytest.mark.parametrize("text", ["", "/Shared", "Shared=.", "/Shared=", "/Shared=/nonexistent"])
def test_a_wrong_mount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        Mount.parse(text)
