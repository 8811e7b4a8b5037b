"""The project's notebooks train real models, logged to a real tracking server, that answer."""

import json
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient

from tests.integration.ondemand.databricks.runs import result_of, submit
from tests.integration.ondemand.parts_databricks import connect, started

WINE = {
    "alcohol": 12.8,
    "chlorides": 0.029,
    "citric_acid": 0.48,
    "density": 0.98,
    "fixed_acidity": 6.2,
    "free_sulfur_dioxide": 29.0,
    "pH": 3.33,
    "residual_sugar": 1.2,
    "sulphates": 0.39,
    "total_sulfur_dioxide": 75.0,
    "volatile_acidity": 0.66,
}
PATIENT = {"age": 59, "sex": 2, "bmi": 32.1, "bp": 101, "s1": 157, "s2": 93.2, "s3": 38, "s4": 4, "s5": 4.86, "s6": 87}


@pytest.fixture
def jobs(databricks: str) -> WorkspaceClient:
    return connect(databricks)


@pytest.fixture
def tracking(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    return mlflow_server


def train(jobs: WorkspaceClient, kind: str, **parameters: str) -> dict[str, str]:
    result = result_of(jobs, submit(jobs, f"/Shared/mlflow-ondemand/{kind}", parameters))
    answer: dict[str, str] = json.loads(result)
    return answer


@pytest.mark.filterwarnings("default")  # of MLflow and what it imports
@pytest.mark.parametrize(
    ("kind", "row", "low", "high"), [("wine", WINE, 3, 9), ("diabetes", PATIENT, 25, 346)], ids=["wine", "diabetes"]
)
def test_a_notebook_logs_a_model_that_answers(
    jobs: WorkspaceClient, tracking: str, kind: str, row: dict[str, float], low: float, high: float
) -> None:
    import mlflow
    import pandas as pd

    experiment = f"/Shared/mlflow-ondemand/experiments/{kind} of the test"
    trained = train(jobs, kind, alpha="0.36", l1_ratio="0.33", experiment=experiment, artifact_name="regressor")
    client = mlflow.MlflowClient(tracking)
    run = client.get_run(trained["run_id"])
    assert client.get_experiment(run.info.experiment_id).name == experiment
    assert run.info.status == "FINISHED"
    assert run.data.params == {"alpha": "0.36", "l1_ratio": "0.33"}
    assert run.data.metrics.keys() == {"rmse", "mae", "r2"}
    logged = client.get_logged_model(trained["model_id"])
    assert logged.name == "regressor"
    assert logged.params == {"alpha": "0.36", "l1_ratio": "0.33"}
    model = mlflow.pyfunc.load_model(f"models:/{trained['model_id']}")
    (answer,) = model.predict(pd.DataFrame([row]).astype("float64"))
    assert low <= answer <= high


def test_synthetic_wines_stand_in_where_there_are_no_real_ones(
    mlflow_server: str, tracking: str, tmp_path: Path
) -> None:
    # A copy of the notebook in a place that has no data set beside it.
    notebook = Path(__file__).parents[4] / "notebooks" / "wine.ipynb"
    folder = tmp_path / "checkout" / "notebooks"
    folder.mkdir(parents=True)
    (folder / "wine.ipynb").write_bytes(notebook.read_bytes())
    arguments = ("--data", tmp_path / "data", "--workspace", f"/Shared/mlflow-ondemand={folder}")
    with started("ondemand.databricks", *arguments, MLFLOW_TRACKING_URI=mlflow_server, WINE_QUALITY_CSV="") as part:
        import mlflow

        trained = train(connect(part.url), "wine", alpha="0.1")
        run = mlflow.MlflowClient(tracking).get_run(trained["run_id"])
    assert run.data.tags["data_source"] == "synthetic sample"
    assert 0 < run.data.metrics["r2"] < 1


def test_a_parameter_that_is_no_number_fails_the_run(jobs: WorkspaceClient) -> None:
    with pytest.raises(AssertionError, match="could not convert string to float"):
        train(jobs, "wine", alpha="much")
