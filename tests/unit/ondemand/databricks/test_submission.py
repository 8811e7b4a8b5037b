"""What ``runs/submit`` accepts."""

import json
from typing import Any

import pytest

from ondemand.databricks.errors import ApiError
from ondemand.databricks.submission import parse_submission


def body(task: dict[str, Any] | None = None, **fields: Any) -> bytes:
    notebook = {"notebook_path": "/Test/wine"}
    return json.dumps({"tasks": [{"task_key": "main", "notebook_task": notebook, **(task or {})}], **fields}).encode()


def test_what_only_matters_on_databricks_is_ignored() -> None:
    submission = parse_submission(body(access_control_list=[{"user_name": "x"}], run_as={"user_name": "y"}))
    assert submission.run_name == "Untitled"
    assert submission.task.notebook_task.base_parameters == {}


@pytest.mark.parametrize(("of_run", "of_task", "effective"), [(0, 0, 0), (5, 0, 5), (0, 7, 7), (5, 7, 5), (9, 7, 7)])
def test_the_shorter_time_limit_counts(of_run: int, of_task: int, effective: int) -> None:
    submission = parse_submission(body({"timeout_seconds": of_task}, timeout_seconds=of_run))
    assert submission.effective_timeout == effective


def test_compute_is_what_the_task_asks_for() -> None:
    assert parse_submission(body()).task.compute == {}
    assert parse_submission(body({"existing_cluster_id": "c"})).task.compute == {"existing_cluster_id": "c"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (body({"notebook_task": {"notebook_path": "relative"}}), r"tasks\.0\.notebook_task\.notebook_path"),
        (body({"notebook_task": None, "spark_jar_task": {}}), r"tasks\.0\.notebook_task"),
        (body({"notebook_task": {"notebook_path": "/x", "base_parameters": {"a": 1}}}), r"base_parameters\.a"),
        (body({"notebook_task": {"notebook_path": "/x", "source": "GIT"}}), "source"),
        (body({"task_key": "a b"}), "task_key"),
        (body({"existing_cluster_id": "c", "new_cluster": {}}), "existing_cluster_id, new_cluster"),
        (body({"environment_key": "e"}), "environment_key 'e'"),
        (body(git_source={"git_url": "x"}), "git_source"),
        (body(tasks=[]), "tasks"),
        (body(tasks=[json.loads(body())["tasks"][0]] * 2), "tasks"),
        (body(timeout_seconds=-1), "timeout_seconds"),
        (body(idempotency_token="t" * 65), "idempotency_token"),
        (b"[]", "body"),
    ],
)
def test_what_is_wrong_is_named(wrong: bytes, field: str) -> None:
    with pytest.raises(ApiError, match=field) as refused:
        parse_submission(wrong)
    assert (refused.value.status, refused.value.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff", b"nonsense"])
def test_what_is_not_json_is_malformed(broken: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        parse_submission(broken)
    assert refused.value.code == "MALFORMED_REQUEST"
