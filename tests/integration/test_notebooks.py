"""The notebooks of the project, executed as the Jobs stand-in does, in a process of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPERIMENT = "/Test/experiment"
BESIDE_ANOTHER_TRAINING = """
import json, sys
from pathlib import Path

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient

from ondemand.databricks.notebook.execution import NotebookExecution
from ondemand.databricks.workspace import Mount, Workspace

create = SqlAlchemyStore.create_experiment

def another_training_was_first(self, *args, **kwargs):
    create(self, *args, **kwargs)
    return create(self, *args, **kwargs)

SqlAlchemyStore.create_experiment = another_training_was_first
notebooks, name, experiment, data = sys.argv[1:]
workspace = Workspace((Mount("/Test", Path(notebooks)),))
left = NotebookExecution(workspace, {"experiment": experiment}, Path(data)).run(f"/Test/{name}")
client = MlflowClient()
run = client.get_run(json.loads(left)["run_id"])
print("ran in", client.get_experiment(run.info.experiment_id).name)
"""


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_a_run_lands_in_its_experiment_although_another_training_created_it(name: str, tmp_path: Path) -> None:
    """`mlflow.set_experiment` of 3.17 returns such an experiment without activating it, and runs went to Default."""
    notebooks = shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    executed = subprocess.run(
        (sys.executable, "-c", BESIDE_ANOTHER_TRAINING, str(notebooks), name, EXPERIMENT, str(tmp_path)),
        env=os.environ
        | {
            "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": str(ROOT),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert executed.returncode == 0, executed.stderr
    assert executed.stdout.splitlines()[-1] == f"ran in {EXPERIMENT}"
