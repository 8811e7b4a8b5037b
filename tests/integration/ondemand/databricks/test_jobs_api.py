"""What databricks-sdk sends, and reads in the answers."""

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import InvalidParameterValue, PermissionDenied, ResourceDoesNotExist
from databricks.sdk.service.compute import ClusterSpec, Environment
from databricks.sdk.service.jobs import (
    JobEnvironment,
    NotebookTask,
    RunLifeCycleState,
    RunResultState,
    RunType,
    SubmitTask,
    TerminationCodeCode,
    TerminationTypeType,
)

from tests.integration.ondemand.databricks.conftest import workspace
from tests.integration.ondemand.databricks.runs import output_of, result_of, submit, task_run_id, wait_for_end
from tests.integration.ondemand.parts_databricks import Part, connect, started


def test_a_run_succeeds(client: WorkspaceClient) -> None:
    run = wait_for_end(client, submit(client, "echo", {"first": "one", "third": "three"}))
    assert run.state is not None
    assert run.state.life_cycle_state is RunLifeCycleState.TERMINATED
    assert run.state.result_state is RunResultState.SUCCESS
    assert run.status is not None
    assert run.status.termination_details is not None
    assert run.status.termination_details.code is TerminationCodeCode.SUCCESS
    assert run.status.termination_details.type is TerminationTypeType.SUCCESS
    assert run.run_type is RunType.SUBMIT_RUN
    assert run.run_name == "echo"
    assert run.start_time
    assert run.end_time
    assert run.end_time >= run.start_time
    output = client.jobs.get_run_output(task_run_id(run))
    assert output.error is None
    assert output.notebook_output is not None
    assert json.loads(output.notebook_output.result or "") == {"first": "one", "second": "b", "third": "three"}


def test_the_waiter_of_the_sdk_returns(client: WorkspaceClient) -> None:
    task = SubmitTask("main", notebook_task=NotebookTask("/Test/echo"))
    run = client.jobs.submit_and_wait(run_name="waited for", tasks=[task])
    assert run.state is not None
    assert run.state.result_state is RunResultState.SUCCESS


def test_a_failure_is_told_with_its_trace(client: WorkspaceClient) -> None:
    run = wait_for_end(client, submit(client, "fail"))
    assert run.state is not None
    assert run.state.life_cycle_state is RunLifeCycleState.INTERNAL_ERROR
    assert run.state.result_state is RunResultState.FAILED
    assert "Task main failed" in (run.state.state_message or "")
    assert run.status is not None
    assert run.status.termination_details is not None
    assert run.status.termination_details.code is TerminationCodeCode.RUN_EXECUTION_ERROR
    assert run.tasks is not None
    assert run.tasks[0].state is not None
    assert run.tasks[0].state.life_cycle_state is RunLifeCycleState.TERMINATED
    output = client.jobs.get_run_output(task_run_id(run))
    assert output.error == "ZeroDivisionError: division by zero"
    trace = output.error_trace or ""
    assert '"/Test/fail, cell 2", line 2' in trace
    assert "return numerator / denominator" in trace
    assert "ondemand/databricks" not in trace


def test_the_output_is_the_tasks_and_not_the_runs(client: WorkspaceClient) -> None:
    run_id = submit(client, "echo")
    run = wait_for_end(client, run_id)
    assert task_run_id(run) != run_id
    with pytest.raises(InvalidParameterValue, match="each individual task run"):
        client.jobs.get_run_output(run_id)


def test_a_tasks_run_can_be_got(client: WorkspaceClient) -> None:
    run = wait_for_end(client, submit(client, "echo"))
    assert client.jobs.get_run(task_run_id(run)).job_run_id == run.run_id


@pytest.mark.parametrize("notebook", ["echo", "fail"])
def test_an_idempotency_token_stands_for_one_run(client: WorkspaceClient, notebook: str) -> None:
    first = submit(client, notebook, token=f"token of {notebook}")
    wait_for_end(client, first)
    assert submit(client, notebook, token=f"token of {notebook}") == first
    assert submit(client, notebook, token=f"another token of {notebook}") != first


def test_an_idempotency_token_has_at_most_64_characters(client: WorkspaceClient) -> None:
    submit(client, "echo", token="t" * 64)
    with pytest.raises(InvalidParameterValue, match="idempotency_token"):
        submit(client, "echo", token="t" * 65)


def test_a_missing_notebook_fails_the_run(client: WorkspaceClient) -> None:
    run = wait_for_end(client, submit(client, "../../secrets"))
    assert run.status is not None
    assert run.status.termination_details is not None
    assert run.status.termination_details.code is TerminationCodeCode.RESOURCE_NOT_FOUND
    assert output_of(client, run.run_id or 0).error == "Notebook not found: /Test/../../secrets"


def test_every_kind_of_compute_is_accepted_and_reported(client: WorkspaceClient) -> None:
    task = NotebookTask("/Test/echo")
    environment = JobEnvironment("serverless", Environment(client="2"))
    tasks = [
        SubmitTask("a", notebook_task=task, existing_cluster_id="0923-1"),
        SubmitTask("b", notebook_task=task, new_cluster=ClusterSpec(num_workers=0, spark_version="16.4.x-scala2.12")),
        SubmitTask("c", notebook_task=task, environment_key="serverless"),
    ]
    for submitted in tasks:
        run = wait_for_end(client, client.jobs.submit(tasks=[submitted], environments=[environment]).run_id)
        assert run.tasks is not None
        (reported,) = run.tasks
        assert reported.existing_cluster_id == submitted.existing_cluster_id
        assert (reported.new_cluster is None) == (submitted.new_cluster is None)
        assert reported.environment_key == submitted.environment_key


def test_wrong_submissions_name_what_is_wrong(client: WorkspaceClient) -> None:
    notebook = NotebookTask("/Test/echo")
    with pytest.raises(InvalidParameterValue, match="tasks"):
        client.jobs.submit(run_name="without tasks")
    with pytest.raises(InvalidParameterValue, match=r"tasks\.0\.notebook_task\.notebook_path"):
        client.jobs.submit(tasks=[SubmitTask("main", notebook_task=NotebookTask("relative"))])
    with pytest.raises(InvalidParameterValue, match="environment_key"):
        client.jobs.submit(tasks=[SubmitTask("main", notebook_task=notebook, environment_key="unknown")])
    with pytest.raises(InvalidParameterValue, match="base_parameters cannot exceed 1 MB"):
        submit(client, "echo", {"first": "x" * 1024 * 1024})
    with pytest.raises(InvalidParameterValue, match="timeout_seconds"):
        submit(client, "echo", timeout_seconds=-1)


def test_unknown_runs(client: WorkspaceClient) -> None:
    with pytest.raises(ResourceDoesNotExist, match="Run 17 does not exist"):
        client.jobs.get_run(17)
    with pytest.raises(ResourceDoesNotExist, match="Run 17 does not exist"):
        client.jobs.get_run_output(17)
    with pytest.raises(InvalidParameterValue, match="Run 17 does not exist"):
        client.jobs.cancel_run(17)


def test_list_pages_through_every_run(client: WorkspaceClient) -> None:
    submitted = [submit(client, "echo") for _ in range(3)]
    for run_id in submitted:
        wait_for_end(client, run_id)
    listed = list(client.jobs.list_runs(limit=2, expand_tasks=True))
    assert [run.run_id for run in listed[:3]] == submitted[::-1]
    assert all(run.tasks for run in listed)
    assert len({run.run_id for run in listed}) == len(listed)
    assert submitted[0] in [run.run_id for run in client.jobs.list_runs(completed_only=True)]
    assert submitted[0] not in [run.run_id for run in client.jobs.list_runs(active_only=True)]
    assert not list(client.jobs.list_runs(run_type=RunType.JOB_RUN))


def test_the_page_of_a_run_escapes_what_it_shows(client: WorkspaceClient) -> None:
    run = wait_for_end(client, submit(client, "html", {"<b>": "<i>"}))
    assert run.run_page_url is not None
    with urllib.request.urlopen(run.run_page_url) as answer:
        page = answer.read().decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#x27;printed&#x27;)" in page
    assert "ValueError: &lt;script&gt;" in page
    assert "&lt;i&gt;" in page


def test_results_and_printed_output_are_bounded(client: WorkspaceClient) -> None:
    run_id = submit(client, "loud")
    output = output_of(client, run_id)
    assert output.notebook_output is not None
    assert output.notebook_output.truncated
    assert len(output.notebook_output.result or "") == 5 * 1024 * 1024
    with urllib.request.urlopen(client.jobs.get_run(run_id).run_page_url or "") as answer:
        page = answer.read().decode()
    assert "what follows was not kept" in page
    assert "THE END" not in page


def test_a_body_over_the_limit_is_refused(server: Part) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port))
    try:
        headers = {"Authorization": "Bearer any", "Content-Type": "application/json"}
        connection.request("POST", "/api/2.2/jobs/runs/submit", b" " * 3_000_000, headers)
        answer = connection.getresponse()
        assert answer.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert json.loads(answer.read())["error_code"] == "MAX_REQUEST_SIZE_EXCEEDED"
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "http://evil.example", "Content-Type": "text/plain"}, 403),
        ({"Host": "evil.example", "Content-Type": "application/json"}, 403),
        ({}, 415),
        ({"Content-Type": "application/json"}, 401),
    ],
)
def test_web_page_starts_no_training(server: Part, headers: dict[str, str], expected: int) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port))
    try:
        connection.request("POST", "/api/2.2/jobs/runs/submit", b"{}", headers)
        assert connection.getresponse().status == expected
    finally:
        connection.close()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"run_id": true}', b'{"run_id": -1}', b'{"run_id": 1e99}'])
@pytest.mark.parametrize("name", ["submit", "cancel"])
def test_malformed_bodies_are_refused(server: Part, name: str, body: bytes) -> None:
    url = f"{server.url}/api/2.2/jobs/runs/{name}"
    request = urllib.request.Request(url, body, {"Authorization": "Bearer any"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        assert answer.code == http.HTTPStatus.BAD_REQUEST
        assert json.loads(answer.read()).keys() == {"error_code", "message"}


def test_only_the_token_is_accepted(tmp_path: Path) -> None:
    with started(
        "ondemand.databricks", "--data", tmp_path, "--no-preload", *workspace(), DATABRICKS_TOKEN="right"
    ) as part:
        assert not list(connect(part.url, "right").jobs.list_runs())
        with pytest.raises(PermissionDenied, match="Invalid access token"):
            list(connect(part.url, "wrong").jobs.list_runs())


def test_some_token_is_needed(server: Part) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.url}/api/2.2/jobs/runs/list")
    with refused.value as answer:
        assert answer.code == http.HTTPStatus.UNAUTHORIZED


def test_a_new_interpreter_serves_where_nothing_is_preloaded(tmp_path: Path) -> None:
    with started("ondemand.databricks", "--data", tmp_path, "--no-preload", *workspace()) as part:
        client = connect(part.url)
        assert json.loads(result_of(client, submit(client, "echo")))["first"] == "default one"
