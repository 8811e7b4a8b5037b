"""The images have what the project asks for, in the versions that the tests run with, and nothing else."""

import sys

import pytest
from packaging.utils import canonicalize_name

from tests.deploy.locks import IMAGES, ROOT, closure, read_lock

HEAVY = {"mlflow", "mlflow-skinny", "pandas", "numpy", "scikit-learn", "databricks-sdk", "protobuf", "matplotlib"}

SERVER_OF_MLFLOW = {"mlflow", "flask", "gunicorn", "sqlalchemy", "alembic", "graphene", "docker", "huey", "matplotlib"}


@pytest.mark.parametrize("image", IMAGES)
def test_versions_are_those_of_the_tests(image: str) -> None:
    tested = read_lock("dev")
    lock = read_lock(image)
    assert len(lock) > 20
    for name, (version, hashes) in lock.items():
        assert tested[name][0] == version, name
        assert hashes, name
        assert hashes <= tested[name][1], name


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the images have Python 3.11")
@pytest.mark.parametrize("image", IMAGES)
def test_the_lock_is_what_pyproject_asks_for(image: str) -> None:
    assert set(read_lock(image)) == closure(image), "run `make lock`"


@pytest.mark.parametrize(
    ("image", "without"),
    [("predict", HEAVY), ("train", HEAVY - {"databricks-sdk", "protobuf"}), ("run-model", SERVER_OF_MLFLOW)],
)
def test_an_image_has_no_more_than_its_function_needs(image: str, without: set[str]) -> None:
    assert not set(read_lock(image)) & {canonicalize_name(name) for name in without}


def test_flavours_are_tested_beside_the_versions_of_the_other_tests() -> None:
    tested, flavors = read_lock("dev"), read_lock("flavors")
    assert {"xgboost-cpu", "prophet", "onnxruntime"} <= set(flavors)
    shared = tested.keys() & flavors.keys()
    assert {name: flavors[name][0] for name in shared} == {name: tested[name][0] for name in shared}, "run `make lock`"


@pytest.mark.parametrize("lock", [*IMAGES, "flavors", "torch"])
def test_a_lock_names_no_index(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
