"""The Functions app that the stack runs, its Deployments and its queues."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGED = Path(__file__).with_name("app")
SCRIPT_ROOT = PACKAGED if PACKAGED.is_dir() else Path(__file__).parents[1]
"""The folder of function_app.py: inside the installed package, or the checkout itself."""
WORKSPACE = "/Shared/mlflow-ondemand"
"""The folder of the Databricks workspace that the notebooks of the catalog are in."""
SAMPLE_WORKSPACE = f"{WORKSPACE}={SCRIPT_ROOT / 'notebooks'}"
"""The app's own notebooks in that folder, as the Jobs API takes it."""
QUEUES = Path(__file__).with_name("servicebus.json")
"""The queues of the app, in the format of the official Service Bus emulator."""

_HEALTH = ("live", "ready")
DEPLOYMENTS: Mapping[str, tuple[str, ...]] = {
    "predict": (
        *("predict", "operation", "models", "model", "openapi", "adopt_results"),
        *("dead_letters_train", "dead_letters_results", "dead_letters_run_model"),
        *_HEALTH,
    ),
    "train": ("train", *_HEALTH),
    "run-model": ("run_model", *_HEALTH),
}
"""The functions of each Deployment, without those of runner pools: the stack has none."""


class CatalogError(Exception):
    """The catalog has mistakes; the message has a line for each."""


def check_catalog(environ: Mapping[str, str]) -> None:
    """Let the app itself read the catalog that *environ* names; raise CatalogError if it refuses it."""
    command = (sys.executable, "-m", "functions.catalog")
    done = subprocess.run(  # noqa: S603  # a module of the app, without input
        command, cwd=SCRIPT_ROOT, env=dict(environ), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CatalogError(done.stderr.strip())
