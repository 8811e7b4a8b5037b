"""local.settings.json and binding expressions."""

from pathlib import Path

import pytest

from ondemand.host.app_settings import NO_CORS, Cors, load_local_settings, local_cors, resolve_expressions
from ondemand.host.errors import HostError


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": false, "Values": {"A": "file", "B": "file"}}')
    environ = {"A": "environment"}
    load_local_settings(tmp_path, environ)
    assert environ == {"A": "environment", "B": "file"}


def test_the_file_may_be_missing(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    load_local_settings(tmp_path, environ)
    assert environ == {}


@pytest.mark.parametrize("text", ['{"IsEncrypted": true, "Values": {"A": "x"}}', "{"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.settings.json").write_text(text)
    with pytest.raises(HostError, match=r"local\.settings\.json"):
        load_local_settings(tmp_path, {})


def test_the_projects_file_has_what_the_functions_need() -> None:
    environ: dict[str, str] = {}
    load_local_settings(Path(__file__).parents[4], environ)
    assert environ["FUNCTIONS_WORKER_RUNTIME"] == "python"
    needed = {"SERVICEBUS_CONNECTION", "DATABRICKS_HOST", "DATABRICKS_TOKEN", "MLFLOW_TRACKING_URI", "OPERATIONS_URL"}
    assert needed <= environ.keys()


def test_expressions_are_replaced() -> None:
    assert resolve_expressions("%POOL%-%N%/$DeadLetterQueue", {"POOL": "gpu", "N": "1"}) == "gpu-1/$DeadLetterQueue"
    assert resolve_expressions("train", {}) == "train"


def test_a_setting_that_is_not_set_is_named() -> None:
    with pytest.raises(HostError, match="POOL"):
        resolve_expressions("%POOL%", {})


@pytest.mark.parametrize(
    ("text", "cors"),
    [
        ("{}", NO_CORS),
        ('{"Host": {"LocalHttpPort": 7071}}', NO_CORS),
        ('{"Host": {"CORS": "*"}}', Cors(("*",))),
        ('{"Host": {"CORS": "https://A.example/, http://b", "CORSCredentials": true}}',
         Cors(("https://a.example", "http://b"), credentials=True)),
    ],
)  # fmt: skip
def test_sites_whose_pages_may_ask(tmp_path: Path, text: str, cors: Cors) -> None:
    assert local_cors(tmp_path) == NO_CORS
    (tmp_path / "local.settings.json").write_text(text)
    assert local_cors(tmp_path) == cors


def test_credentials_are_not_for_every_site(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Host": {"CORS": "*", "CORSCredentials": true}}')
    with pytest.raises(HostError, match="CORSCredentials"):
        local_cors(tmp_path)
