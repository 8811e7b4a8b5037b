"""host.json and the environment variables that override it."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from ondemand.host.errors import HostError
from ondemand.host.options import HostOptions, overlay, read_host_options


def options(folder: Path, text: str, **environ: str) -> HostOptions:
    (folder / "host.json").write_text(text)
    return read_host_options(folder, environ)


def test_reads_what_the_project_sets() -> None:
    project = read_host_options(Path(__file__).parents[4], {})
    assert project.extensions.http.route_prefix == ""
    assert project.function_timeout == timedelta(minutes=10)
    assert project.extensions.service_bus.prefetch_count == 0
    assert project.extensions.service_bus.max_auto_lock_renewal_duration == timedelta(minutes=10)
    assert project.extensions.service_bus.session_idle_timeout == timedelta(seconds=5)
    assert project.log_level == logging.INFO


def test_defaults_are_those_of_the_official_host(tmp_path: Path) -> None:
    defaults = options(tmp_path, '{"version": "2.0"}')
    assert defaults.extensions.http.route_prefix == "api"
    assert defaults.extensions.http.max_outstanding_requests is None
    assert defaults.extensions.service_bus.max_concurrent_sessions == 8
    assert defaults.function_timeout == timedelta(minutes=30)
    assert defaults.functions is None


def test_minus_one_means_unlimited(tmp_path: Path) -> None:
    text = '{"functionTimeout": "-1", "extensions": {"http": {"maxOutstandingRequests": -1}}}'
    unlimited = options(tmp_path, text)
    assert unlimited.function_timeout is None
    assert unlimited.extensions.http.max_outstanding_requests is None


def test_environment_narrows_the_functions_that_are_started(tmp_path: Path) -> None:
    names = {f"AzureFunctionsJobHost__functions__{index}": f"f{index}" for index in range(11)}
    narrowed = options(tmp_path, "{}", **names)
    assert narrowed.functions == tuple(f"f{index}" for index in range(11))
    assert narrowed.starts("f10")
    assert not narrowed.starts("f11")


def test_all_functions_start_without_a_list(tmp_path: Path) -> None:
    assert options(tmp_path, "{}").starts("anything")


def test_environment_overrides_without_regard_to_case(tmp_path: Path) -> None:
    text = '{"extensions": {"serviceBus": {"maxConcurrentCalls": 64, "prefetchCount": 3}}}'
    name = "AZUREFUNCTIONSJOBHOST__EXTENSIONS__SERVICEBUS__MAXCONCURRENTCALLS"
    overridden = options(tmp_path, text, **{name: "2"}).extensions.service_bus
    assert (overridden.max_concurrent_calls, overridden.prefetch_count) == (2, 3)


def test_overlay_replaces_single_entries_of_a_list() -> None:
    document = {"functions": ["a", "b"]}
    assert overlay(document, {"AzureFunctionsJobHost__functions__1": "c"}) == {"functions": {"0": "a", "1": "c"}}


@pytest.mark.parametrize("text", ["{", '{"functionTimeout": "soon"}'])
def test_names_the_file_that_is_wrong(tmp_path: Path, text: str) -> None:
    with pytest.raises(HostError, match=r"host\.json"):
        options(tmp_path, text)


def test_names_the_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"host\.json"):
        read_host_options(tmp_path, {})


@pytest.mark.parametrize(
    ("written", "timeout"), [("1.00:10:00", timedelta(days=1, minutes=10)), ("00:10:00", timedelta(minutes=10))]
)
def test_times_are_read_as_dotnet_writes_them(tmp_path: Path, written: str, timeout: timedelta) -> None:
    (tmp_path / "host.json").write_text("{}")
    options = read_host_options(tmp_path, {"AzureFunctionsJobHost__functionTimeout": written})
    assert options.function_timeout == timeout
