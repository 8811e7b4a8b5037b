from pathlib import Path

import pytest

from tests.changed import targets


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests/unit/functions/predict").mkdir(parents=True)
    (tmp_path / "tests/unit/functions/predict/test_rows.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "target"),
    [
        ("functions/predict/rows.py", "tests/unit/functions/predict"),
        ("functions/errors.py", "tests/unit/functions"),
        ("functions/run_model/rows/reader.py", "tests/unit/functions"),
        ("tests/unit/functions/predict/test_rows.py", "tests/unit/functions/predict/test_rows.py"),
        ("tests/unit/functions/predict/test_deleted.py", "tests/unit/functions/predict"),
        ("tests/unit/functions/predict/helper.py", "tests/unit/functions/predict"),
        ("models.yaml", "tests/unit"),
        ("broker/servicebus_broker/server.py", "broker"),
        ("docs/catalog.md", "tests/unit/test_documents.py"),
        ("Makefile", "tests/unit/test_documents.py"),
    ],
)
def test_changed_file_selects_the_tests_that_mirror_its_folder(root: Path, changed: str, target: str) -> None:
    assert targets([changed], root) == {target}


def test_files_that_no_unit_test_reads_select_none(root: Path) -> None:
    assert targets(["tests/e2e/client.py", "helm/values.yaml"], root) == set()


def test_files_of_one_folder_select_it_once(root: Path) -> None:
    assert targets(["functions/predict/rows.py", "functions/predict/request.py"], root) == {
        "tests/unit/functions/predict"
    }
