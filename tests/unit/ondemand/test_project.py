"""What the command takes for the user's catalog, notebooks and request."""

from pathlib import Path

import pytest

from functions.catalog import load_catalog
from ondemand.functions_app import SCRIPT_ROOT
from ondemand.project import SAMPLE_REQUEST, ProjectError, create_project, find_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new project."""
    create_project(tmp_path / "my models")
    return tmp_path / "my models"


def test_new_project_is_found_in_its_folder(folder: Path) -> None:
    project = find_project(folder, None, None)
    assert (project.catalog, project.notebooks) == (folder / "models.yaml", folder / "notebooks")
    assert project.request == folder / "request.json"
    assert not project.is_sample
    assert project.workspace == f"/Shared/mlflow-ondemand={folder}/notebooks"


def test_new_project_is_consistent(folder: Path) -> None:
    project = find_project(folder, None, None)
    request = project.read_request()
    name, entry = load_catalog(project.catalog).find(request["modelType"])
    assert (project.notebooks / Path(entry.notebook).name).with_suffix(".py").is_file()
    assert request["modelParameters"].keys() <= entry.parameters.keys(), name


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "models.yaml").unlink()
    (folder / "request.json").write_text("mine")
    with pytest.raises(ProjectError, match=r"iris\.py, .*request\.json: there already, so nothing was written"):
        create_project(folder)
    assert (folder / "request.json").read_text() == "mine"
    assert not (folder / "models.yaml").exists()


def test_project_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match=r"file.* cannot be written: "):
        create_project(tmp_path / "file")


def test_folder_without_a_catalog_has_the_sample(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "request.json").write_text("{}")
    project = find_project(tmp_path, None, None)
    assert project.is_sample
    assert (project.catalog, project.notebooks) == (SCRIPT_ROOT / "models.yaml", SCRIPT_ROOT / "notebooks")
    assert project.request == SAMPLE_REQUEST
    assert project.read_request()["modelType"] == "WINE"


def test_given_paths_come_first(folder: Path, tmp_path: Path) -> None:
    catalog, notebooks, request = (tmp_path / name for name in ("other.yaml", "other", "other.json"))
    catalog.write_text("models: {}")
    project = find_project(folder, catalog, notebooks, request)
    assert (project.catalog, project.notebooks, project.request) == (catalog, notebooks, request)


def test_given_catalog_takes_the_notebooks_of_the_folder(folder: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "other.yaml"
    catalog.write_text("models: {}")
    assert find_project(folder, catalog, None).notebooks == folder / "notebooks"


@pytest.mark.parametrize(("text", "reason"), [("[1]", "no JSON object"), ("{", "request.json: ")])
def test_request_that_cannot_be_sent_is_refused(folder: Path, text: str, reason: str) -> None:
    (folder / "request.json").write_text(text)
    with pytest.raises(ProjectError, match=reason):
        find_project(folder, None, None).read_request()


def test_missing_request_is_told(folder: Path) -> None:
    (folder / "request.json").unlink()
    with pytest.raises(ProjectError, match="--request"):
        find_project(folder, None, None).read_request()
