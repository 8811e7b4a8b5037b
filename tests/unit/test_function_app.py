"""What the Functions host sees of us, and what importing it costs. Each check runs in a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {"mlflow", "pandas", "numpy", "databricks", "sklearn", "ondemand", "httpx", "opentelemetry"}


def run(code: str, **environ: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_app_loads_nothing_heavy_and_needs_no_setting() -> None:
    code = "import function_app, sys, json; print(json.dumps(sorted(sys.modules)))"
    loaded = {name.split(".")[0] for name in json.loads(run(code))}
    assert loaded.isdisjoint(HEAVY)
    assert "azure" in loaded


def test_credentials_have_no_newline_when_a_library_reads_them() -> None:
    code = "import function_app, os; print(repr(os.environ['DATABRICKS_TOKEN']))"
    assert run(code, DATABRICKS_TOKEN="dapi1\n").strip() == "'dapi1'"


def test_a_deployment_is_named_for_every_function() -> None:
    code = """
import function_app, json
from functions.deployments import DEPLOYMENTS
names = [f.get_function_name() for f in function_app.app.get_functions()]
print(json.dumps([names, DEPLOYMENTS]))
"""
    names, deployments = json.loads(run(code))
    assert len(names) == len(set(names))
    assert set(names) == {name for functions in deployments.values() for name in functions}


def test_bodies_of_messages_come_as_bytes() -> None:
    """Of a text that is JSON the host makes metadata, which hide a message's own (azure-functions-host#7119)."""
    code = """
import function_app, json
triggers = [json.loads(binding) for f in function_app.app.get_functions() for binding in f.get_raw_bindings()]
print({each.get("dataType") for each in triggers if each["type"] == "serviceBusTrigger"})
"""
    assert run(code).strip() == "{'BINARY'}"


def test_pools_get_dead_letter_functions_of_their_own(tmp_path: Path) -> None:
    catalog = tmp_path / "models.yaml"
    catalog.write_text((ROOT / "models.yaml").read_text().replace("artifact_name: model", "pool: gpu", 1))
    code = "import function_app; print([f.get_function_name() for f in function_app.app.get_functions()])"
    assert "dead_letters_run_model_gpu" in run(code, CATALOG_FILE=str(catalog))


def test_a_wrong_catalog_stops_the_start(tmp_path: Path) -> None:
    catalog = tmp_path / "models.yaml"
    catalog.write_text("models: {wine: {notebook: x}}")
    done = subprocess.run(
        [sys.executable, "-c", "import function_app"],
        cwd=ROOT, env=os.environ | {"CATALOG_FILE": str(catalog)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"{catalog}: models.wine.experiment: Field required" in done.stderr


def test_functions_know_nothing_of_the_local_stack() -> None:
    for path in (ROOT / "functions").rglob("*.py"):
        text = path.read_text()
        assert "from ondemand" not in text, path
        assert "import ondemand" not in text, path


def test_mlflow_reads_yaml_with_libyaml() -> None:
    code = """
import yaml
from functions.run_model.mlflow_client import import_mlflow
import_mlflow()
print(yaml.SafeLoader)
"""
    assert run(code).strip() == "<class 'yaml.cyaml.CSafeLoader'>"


def test_mlflow_is_imported_by_one_thread_at_a_time() -> None:
    """A process that starts because messages wait has look-ups and its readiness probe at the same moment."""
    code = """
import threading
from functions.catalog import load_catalog
from functions.errors import Unavailable
from functions.run_model.lookup import Lookup
from functions.run_model.mlflow_client import import_mlflow, mlflow_client
from functions.settings import catalog_path

lookup = Lookup(lambda: mlflow_client("http://127.0.0.1:1"))

def look_up():
    try:
        lookup.find(load_catalog(catalog_path()).models["wine"], {}, "0" * 64)
    except Unavailable:
        print("unavailable")

threads = [threading.Thread(target=target) for target in (import_mlflow, look_up, look_up, import_mlflow)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    environ = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    assert run(code, **environ).split() == ["unavailable"] * 2


def test_no_function_raises_what_may_hold_a_credential() -> None:
    """The Functions host logs what a function raises."""
    code = """
import asyncio, inspect, os, traceback
import function_app
from functions.logs import FunctionFailedError

class Message:
    def __getattr__(self, name):
        try:
            raise OSError(os.environ["DATABRICKS_TOKEN"])
        except OSError as error:
            raise ValueError("first line\\n2026-01-01 ERROR with " + os.environ["DATABRICKS_TOKEN"]) from error

for function in function_app.app.get_functions():
    handler = function.get_user_function()
    assert inspect.iscoroutinefunction(handler)
    (name,) = inspect.signature(handler).parameters
    assert name == function.get_trigger().name
    if "serviceBus" in function.get_trigger().type:
        try:
            asyncio.run(handler(**{name: Message()}))
        except FunctionFailedError as failure:
            print("".join(traceback.format_exception(failure)))
"""
    environ = {
        "DATABRICKS_TOKEN": "canary-token",
        "SERVICEBUS_CONNECTION": "Endpoint=sb://127.0.0.1/;SharedAccessKey=k",
    }
    printed = run(code, **environ, OPERATIONS_URL="file:///tmp/none", MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert r"FunctionFailedError: ValueError: first line\n2026-01-01 ERROR with ***; caused by OSError: ***" in printed
    assert "in __getattr__" in printed
    assert "canary" not in printed
    assert "\n2026" not in printed


def test_the_log_of_the_app_has_no_credential() -> None:
    code = (
        "import function_app, logging, os; logging.getLogger('azure').error('with %s', os.environ['DATABRICKS_TOKEN'])"
    )
    environ = os.environ | {"DATABRICKS_TOKEN": "canary-token\n"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stderr == "with ***\n"


def test_what_is_logged_outside_of_an_invocation_goes_to_stderr_of_the_worker() -> None:
    code = """
import logging, sys
class AsyncLoggingHandler(logging.Handler):
    def emit(self, record): print("the worker has", record.getMessage())
logging.getLogger().addHandler(AsyncLoggingHandler())
sys.stderr = sys.stdout
import function_app
logging.getLogger("functions.predict.inbox").warning("key %s", "dapi0123456789abcdef0123")
logging.getLogger("functions.predict.inbox").info("quiet")
logging.getLogger("httpx").info("quiet")
"""
    assert run(code) == "WARNING functions.predict.inbox: key dapi***\n"


def test_a_wrong_log_level_names_the_setting() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import function_app"],
        cwd=ROOT, env=os.environ | {"LOG_LEVEL": "LOUD"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "setting LOG_LEVEL: Input should be 'INFO', 'WARNING' or 'ERROR'" in done.stderr
