"""The starter of the real MLflow server."""

import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.integration.ondemand.parts_databricks import DEADLINE, Part, mlflow_server, started

__all__ = ["mlflow_server"]


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("start", [(), ("--plain",)], ids=["fast", "plain"])
def test_it_serves_keeps_artifacts_and_leaves_nothing_behind(start: tuple[str, ...], tmp_path: Path) -> None:
    artifacts = "api/2.0/mlflow-artifacts/artifacts/folder/file.txt"
    with started("ondemand.mlflow_server", "--data", tmp_path, *start) as part:
        assert get(f"{part.url}/health") == "OK"
        upload = urllib.request.Request(f"{part.url}/{artifacts}", b"kept", method="PUT")
        with urllib.request.urlopen(upload, timeout=DEADLINE):
            pass
        processes = psutil.Process(part.process.pid).children(recursive=True)
        part.process.send_signal(signal.SIGINT)
        assert part.process.wait(DEADLINE) == 0
        _, alive = psutil.wait_procs(processes, timeout=DEADLINE)
        assert not alive
    assert list(tmp_path.rglob("file.txt"))
    with started("ondemand.mlflow_server", "--data", tmp_path) as part:
        assert get(f"{part.url}/{artifacts}") == "kept"


def test_experiments_keep_their_artifacts_on_the_server(mlflow_server: str) -> None:
    body = b'{"name": "somewhere"}'
    url = f"{mlflow_server}/api/2.0/mlflow/experiments"
    request = urllib.request.Request(f"{url}/create", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE):
        pass
    assert '"artifact_location": "mlflow-artifacts:/' in get(f"{url}/get-by-name?experiment_name=somewhere")


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Content-Type": "text/plain"}],
)
def test_web_page_makes_no_experiment(mlflow_server: str, headers: dict[str, str]) -> None:
    """MLflow's own checks; the stack relies on them."""
    url = f"{mlflow_server}/api/2.0/mlflow/experiments/create"
    request = urllib.request.Request(url, b'{"name": "foreign"}', {"Content-Type": "application/json", **headers})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=DEADLINE)
    assert refused.value.code in {400, 403}
    refused.value.close()


def by_kill(part: Part) -> int:
    part.process.kill()
    return -signal.SIGKILL


def by_closing_standard_input(part: Part) -> int:
    assert part.process.stdin is not None
    part.process.stdin.close()
    return 0


@pytest.mark.parametrize(("end", "start"), [(by_kill, ()), (by_closing_standard_input, ()), (by_kill, ("--plain",))])
def test_it_ends_with_all_its_processes(end: Callable[[Part], int], start: tuple[str, ...], tmp_path: Path) -> None:
    with started("ondemand.mlflow_server", "--data", tmp_path, *start) as part:
        processes = psutil.Process(part.process.pid).children(recursive=True)
        status = end(part)
        assert part.process.wait(DEADLINE) == status
        _, alive = psutil.wait_procs(processes, timeout=DEADLINE)
        assert not alive
        with pytest.raises(urllib.error.URLError):
            get(f"{part.url}/health")
