"""``dbutils``: widgets, file system, and what is refused."""

from pathlib import Path

import pytest

from ondemand.databricks.notebook.dbutils import DBUtils, NotebookExit
from ondemand.databricks.notebook.filesystem import FileSystem
from ondemand.databricks.notebook.widgets import InputWidgetNotDefined, InvalidInputWidget, Widgets


def test_parameters_go_over_defaults() -> None:
    widgets = Widgets({"alpha": "0.36", "extra": "x"})
    widgets.text("alpha", "1")
    widgets.text("beta", "2", "Label")
    assert (widgets.get("alpha"), widgets.get("beta"), widgets.get("extra")) == ("0.36", "2", "x")
    assert widgets.getAll() == {"alpha": "0.36", "beta": "2", "extra": "x"}


def test_an_unknown_widget_is_named() -> None:
    widgets = Widgets({})
    with pytest.raises(InputWidgetNotDefined, match="alpha"):
        widgets.get("alpha")
    with pytest.raises(InputWidgetNotDefined, match="alpha"):
        widgets.getArgument("alpha")
    assert widgets.getArgument("alpha", "1") == "1"


def test_removed_widgets_are_unknown() -> None:
    widgets = Widgets({})
    for name in ("a", "b", "c"):
        widgets.combobox(name, "1", ["2"])
    widgets.remove("a")
    assert widgets.getAll() == {"b": "1", "c": "1"}
    widgets.removeAll()
    assert widgets.getAll() == {}


def test_a_default_must_be_a_choice_and_a_string() -> None:
    widgets = Widgets({})
    widgets.dropdown("kind", "red", ["red", "white"])
    widgets.multiselect("kinds", "red", ["red", "white"])
    for declare in (widgets.dropdown, widgets.multiselect):
        with pytest.raises(InvalidInputWidget, match="green"):
            declare("kind", "green", ["red", "white"])
    with pytest.raises(InvalidInputWidget, match=r"alpha.*1"):
        widgets.text("alpha", 1)  # type: ignore[arg-type] # the mistake that is tested


def test_leaving_a_notebook_makes_text_of_the_value(tmp_path: Path) -> None:
    dbutils = DBUtils({}, tmp_path)
    with pytest.raises(NotebookExit) as leaving:
        dbutils.notebook.exit(5.5)
    assert leaving.value.value == "5.5"


def test_what_is_not_supported_is_named(tmp_path: Path) -> None:
    dbutils = DBUtils({}, tmp_path)
    with pytest.raises(AttributeError, match=r"dbutils\.secrets"):
        dbutils.secrets  # noqa: B018 - the access is what fails
    with pytest.raises(NotImplementedError, match="other"):
        dbutils.notebook.run("other")


def test_files_are_written_read_listed_copied_moved_and_removed(tmp_path: Path) -> None:
    fs = FileSystem(tmp_path)
    assert fs.put("dbfs:/folder/a.txt", "hello")
    assert fs.head("/folder/a.txt", 4) == "hell"
    fs.cp("/folder/a.txt", "/folder/b.txt")
    fs.mv("/folder/b.txt", "/c.txt")
    assert [(info.path, info.size, info.isDir()) for info in fs.ls("/")] == [
        ("/c.txt", 5, False),
        ("/folder/", 0, True),
    ]
    assert [info.path for info in fs.ls("dbfs:/folder/")] == ["dbfs:/folder/a.txt"]
    assert [info.path for info in fs.ls("/folder/a.txt")] == ["/folder/a.txt"]
    fs.cp("/folder", "/copy", recurse=True)
    assert fs.rm("/folder", recurse=True)
    assert not fs.rm("/folder")
    assert fs.head(f"file:{tmp_path}/copy/a.txt") == "hello"


def test_files_are_not_lost_by_mistake(tmp_path: Path) -> None:
    fs = FileSystem(tmp_path / "root")
    fs.put("/folder/a.txt", "hello")
    with pytest.raises(FileExistsError):
        fs.put("/folder/a.txt", "again")
    with pytest.raises(OSError, match="not empty"):
        fs.rm("/folder")
    with pytest.raises(IsADirectoryError, match="recurse"):
        fs.cp("/folder", "/copy")
    with pytest.raises(PermissionError, match="root"):
        fs.rm("/", recurse=True)
    with pytest.raises(FileNotFoundError, match="nothing"):
        fs.ls("/nothing")


@pytest.mark.parametrize("path", ["/../outside", "dbfs:/folder/../../outside"])
def test_a_path_cannot_lead_out_of_dbfs(tmp_path: Path, path: str) -> None:
    with pytest.raises(PermissionError, match="leads out"):
        FileSystem(tmp_path / "root").put(path, "x")
