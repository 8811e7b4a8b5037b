"""What the worker refuses in Azure is refused here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.ondemand.host.conftest import DEADLINE

HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"
APPS = {
    "two apps": "import azure.functions as func\nfirst = func.FunctionApp()\nsecond = func.FunctionApp()\n",
    "no app": "",
    "error": HEAD + "raise ValueError('of the app')\n",
}
ONLY_BY_THE_RUNTIME = {
    "annotation": HEAD + "@app.route('x')\nasync def x(req: func.HttpRequest) -> None: ...\n",
    "argument": HEAD + "@app.route('x')\nasync def x(request: func.HttpRequest) -> str: ...\n",
}
needs_runtime = pytest.mark.skipif(sys.version_info < (3, 13), reason="azure-functions-runtime needs Python 3.13")


def start(app: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "function_app.py").write_text(app)
    (folder / "host.json").write_text('{"version": "2.0"}')
    command = [sys.executable, "-m", "ondemand.host", "--script-root", str(folder), "--port", "0"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ, timeout=DEADLINE, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
def test_app_that_cannot_be_indexed_stops_the_start(app: str, tmp_path: Path) -> None:
    ended = start(app, tmp_path)
    assert ended.returncode == 1
    assert "Error" in ended.stderr or "needed, found" in ended.stderr


@needs_runtime
@pytest.mark.parametrize("app", ONLY_BY_THE_RUNTIME.values(), ids=ONLY_BY_THE_RUNTIME)
def test_functions_that_the_runtime_refuses_stop_the_start(app: str, tmp_path: Path) -> None:
    ended = start(app, tmp_path)
    assert ended.returncode == 1
    assert "cannot load the x function" in ended.stderr
