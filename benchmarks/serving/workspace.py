"""The folder of the benchmark, and the wine model in it: trained once, by the project's own notebook."""

import shutil
from pathlib import Path

import httpx

from benchmarks.harness.wine import MODEL_TYPE, draw_rows
from benchmarks.serving.contenders.ondemand import Ondemand
from functions.catalog import load_catalog
from functions.settings import catalog_path

ROOT = Path(__file__).parents[2]
BENCH = ROOT / ".bench"
STACK = BENCH / "ondemand"
MODEL = BENCH / "model"
LATEST = BENCH / "latest.json"
TRAINING_PATIENCE_S = 60


def wine_experiment() -> str:
    """The MLflow experiment of the catalog."""
    return load_catalog(catalog_path()).models[MODEL_TYPE].experiment


async def prepare() -> Path:
    """Return the folder of the model; train it through the local stack if it is not there."""
    if not (MODEL / "MLmodel").is_file() or not (STACK / "mlflow").is_dir():
        async with Ondemand(STACK) as ondemand:
            uri = await _ask_until_trained(ondemand)
            _download(uri, ondemand.stack.addresses.mlflow)
    return MODEL


async def _ask_until_trained(ondemand: Ondemand) -> str:
    """Ask for one prediction, which trains the model if need be; return the model's URI."""
    headers = {"Content-Type": "application/json", "Prefer": f"wait={TRAINING_PATIENCE_S}"}
    async with httpx.AsyncClient(trust_env=False, timeout=TRAINING_PATIENCE_S + 10) as client:
        response = await client.post(ondemand.url, content=ondemand.body(draw_rows(1, seed=0)), headers=headers)
    if response.status_code != 200:
        raise RuntimeError(f"the model was not trained: {response.status_code} {response.text[:500]}")
    return str(response.json()["model"]["uri"])


def _download(uri: str, tracking_uri: str) -> None:
    import mlflow
    from mlflow.artifacts import download_artifacts

    shutil.rmtree(MODEL, ignore_errors=True)
    mlflow.set_tracking_uri(tracking_uri)  # a model's URI is not looked up where the call's own tracking_uri says
    try:
        download_artifacts(artifact_uri=uri, dst_path=str(MODEL))
    finally:
        mlflow.set_tracking_uri("")


def copy_of_stack(name: str) -> Path:
    """A new data folder for a stack, with the trained model in its MLflow and nothing else."""
    folder = BENCH / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STACK / "mlflow", folder / "mlflow")
    return folder
