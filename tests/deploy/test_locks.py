"""The images have what the project asks for, in the versions that the tests run with, and nothing else."""

import pytest
from packaging.utils import canonicalize_name

from tests.deploy.locks import HERE, IMAGES, NO_IMAGE, PYTHONS, ROOT, closure, read_lock

HEAVY = {"mlflow", "mlflow-skinny", "pandas", "numpy", "scikit-learn", "databricks-sdk", "matplotlib"}

SERVER_OF_MLFLOW = {"mlflow", "flask", "gunicorn", "sqlalchemy", "alembic", "graphene", "docker", "huey", "matplotlib"}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("image", IMAGES)
def test_versions_are_those_of_the_tests(image: str, python: str) -> None:
    tested = read_lock("dev", python)
    lock = read_lock(f"{image}-{python}", python)
    assert len(lock) > 20
    for name, (version, hashes) in lock.items():
        assert tested[name][0] == version, name
        assert hashes, name
        assert hashes <= tested[name][1], name


@pytest.mark.skipif(HERE not in PYTHONS, reason=NO_IMAGE)
@pytest.mark.parametrize("image", IMAGES)
def test_the_lock_is_what_pyproject_asks_for(image: str) -> None:
    assert set(read_lock(f"{image}-{HERE}")) == closure(image), "run `make lock`"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("image", "without"),
    [("predict", HEAVY), ("train", HEAVY - {"databricks-sdk"}), ("run-model", SERVER_OF_MLFLOW)],
)
def test_an_image_has_no_more_than_its_function_needs(image: str, without: set[str], python: str) -> None:
    assert not set(read_lock(f"{image}-{python}", python)) & {canonicalize_name(name) for name in without}


@pytest.mark.parametrize(
    ("lock", "packages"), [("flavors", {"xgboost-cpu", "prophet", "onnxruntime"}), ("pytorch", {"sympy"})]
)
def test_flavours_are_tested_beside_the_versions_of_the_other_tests(lock: str, packages: set[str]) -> None:
    tested, flavors = read_lock("dev"), read_lock(lock)
    assert packages <= set(flavors)
    shared = tested.keys() & flavors.keys()
    assert {name: flavors[name][0] for name in shared} == {name: tested[name][0] for name in shared}, "run `make lock`"


@pytest.mark.parametrize(
    "lock", [*(f"{image}-{python}" for image in IMAGES for python in PYTHONS), "dev", "flavors", "pytorch", "torch"]
)
def test_a_lock_names_no_index(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
