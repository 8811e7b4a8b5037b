"""Each image's code with each image's packages: a folder of links to what its lock file names, out of the tests' own
environment, which has the same versions. Nothing else can be imported."""

import json
import subprocess
import sys
from importlib.metadata import PackagePath, distribution, packages_distributions
from pathlib import Path

import mlflow.pyfunc
import mlflow.sklearn
import pandas as pd
import pytest
from packaging.utils import canonicalize_name
from sklearn.linear_model import LinearRegression

from functions.deployments import DEPLOYMENTS
from tests.deploy.locks import HERE, IMAGES, NO_IMAGE, PYTHONS, ROOT, read_lock

pytestmark = pytest.mark.skipif(HERE not in PYTHONS, reason=NO_IMAGE)

IMPORT_THE_APP = """
import sys
import function_app
names = {function.get_function_name() for function in function_app.app.get_functions()}
assert names >= set(sys.argv[1:]), names
"""
# azure-identity's async credentials need a transport that it does not ask for.
WORKLOAD_IDENTITY = """
import asyncio
from functions.bus import connect
from functions.settings import BusSettings, load

async def main():
    await connect(load(BusSettings)).close()

asyncio.run(main())
"""
OPEN_THE_STORE = """
from functions.operations import open_store
open_store("az://operations")
"""
# What readiness imports, see functions/health.py.
IMPORTS = {
    "predict": "import httpx",
    "train": "import databricks.sdk",
    "run-model": "from functions.run_model.mlflow_client import import_mlflow as do; do(); import sklearn.linear_model",
}
LOAD_MODELS = """
import json, sys
from functions.run_model.mlflow_client import import_mlflow
import_mlflow()
import mlflow.pyfunc, pandas
rows = pandas.DataFrame({"a": [1.0, 2.0]})
print(json.dumps([list(map(float, mlflow.pyfunc.load_model(path).predict(rows))) for path in sys.argv[1:]]))
"""
DOUBLING = """
import mlflow
class Doubling(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input["a"] * 2
mlflow.models.set_model(Doubling())
"""
IDENTITY = {
    "SERVICEBUS_CONNECTION__fullyQualifiedNamespace": "north.servicebus.windows.net",
    "SERVICEBUS_CONNECTION__clientId": "00000000-0000-0000-0000-000000000001",
    "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000002",
    "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/tokens/azure-identity-token",
    "AZURE_STORAGE_ACCOUNT_NAME": "north",
}


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Name of the image, and a folder with the packages of its lock file."""
    name = str(request.param)
    packages = tmp_path_factory.mktemp(name)
    lock, owners = set(read_lock(f"{name}-{HERE}")), packages_distributions()
    for package in lock:
        for file in distribution(package).files or ():
            whole = {canonicalize_name(owner) for owner in owners.get(file.parts[0], ())} <= lock
            # Scripts, above site-packages, are removed by install.sh.
            if ".." not in file.parts:
                link(packages, file, whole)
    return name, packages


def link(packages: Path, file: PackagePath, whole: bool) -> None:
    """Link one file; the whole top folder, which is faster, if all that is in it belongs to the image."""
    target = Path(str(file.locate()))
    for _ in file.parts[1:] if whole else ():
        target = target.parent
    place = packages / (file.parts[0] if whole else file)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink():
        place.symlink_to(target)


def run(image: tuple[str, Path], program: str, *arguments: str) -> str:
    """What a program prints that has the packages of the image, the code, and nothing of the tests' environment."""
    name, packages = image
    settings = {"PYTHONPATH": f"{packages}:{ROOT}", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    # -S: no site-packages; -P: not the current folder.
    command = [sys.executable, "-S", "-P", "-c", program, *arguments]
    done = subprocess.run(command, env=settings | IDENTITY, cwd=packages, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    return done.stdout


def test_the_app_is_indexed(image: tuple[str, Path]) -> None:
    run(image, IMPORT_THE_APP, *DEPLOYMENTS[image[0]])


def test_what_readiness_imports_is_there(image: tuple[str, Path]) -> None:
    run(image, IMPORTS[image[0]])


def test_service_bus_and_storage_are_reached_by_workload_identity(image: tuple[str, Path]) -> None:
    run(image, WORKLOAD_IDENTITY)
    run(image, OPEN_THE_STORE)


@pytest.mark.parametrize("image", ["run-model"], indirect=True)
def test_models_of_the_whole_mlflow_are_loaded_without_its_server_side(image: tuple[str, Path], tmp_path: Path) -> None:
    features = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
    model = LinearRegression().fit(features, [1.0, 3.0, 5.0])
    for serialization in ("cloudpickle", "skops"):
        path = tmp_path / serialization
        mlflow.sklearn.save_model(model, path, serialization_format=serialization, pip_requirements=["scikit-learn"])
    source = tmp_path / "doubling.py"
    source.write_text(DOUBLING, encoding="utf-8")
    with pytest.warns(UserWarning, match="Add type hints"):
        mlflow.pyfunc.save_model(tmp_path / "code", python_model=source, pip_requirements=["pandas"])
    predicted = run(image, LOAD_MODELS, *(str(tmp_path / name) for name in ("cloudpickle", "skops", "code")))
    assert json.loads(predicted) == [pytest.approx([3.0, 5.0]), pytest.approx([3.0, 5.0]), [2.0, 4.0]]
