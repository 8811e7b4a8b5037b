"""What a notebook can do, executed for real."""

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import TerminationCodeCode

from tests.integration.ondemand.databricks.runs import output_of, result_of, submit, wait_for_end


def test_magics_and_the_runtime_module_work(client: WorkspaceClient) -> None:
    assert result_of(client, submit(client, "magics")) == "hello from the included notebook"


def test_an_unsupported_magic_fails_and_is_named(client: WorkspaceClient) -> None:
    error = output_of(client, submit(client, "sql")).error or ""
    assert "UnsupportedMagic: %sql is not supported locally" in error


def test_a_process_that_dies_is_told(client: WorkspaceClient) -> None:
    run_id = submit(client, "crash")
    assert "exit code 7" in (output_of(client, run_id).error or "")
    run = wait_for_end(client, run_id)
    assert run.status is not None
    assert run.status.termination_details is not None
    assert run.status.termination_details.code is TerminationCodeCode.DRIVER_ERROR


def test_forks_do_not_share_a_random_state(client: WorkspaceClient) -> None:
    drawn = {result_of(client, submit(client, "random_state")) for _ in range(2)}
    assert len(drawn) == 2


def test_text_that_utf8_cannot_hold_does_no_harm(client: WorkspaceClient) -> None:
    assert output_of(client, submit(client, "surrogate")).error == "ValueError: ?"
