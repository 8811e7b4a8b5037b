"""Keeping runs and their files."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ondemand.databricks.output import MAX_PRINTED, BoundedLog, RunFiles
from ondemand.databricks.run import Code, Ending, Run, State
from ondemand.databricks.store import Filter, RunStore


def run(number: int, token: str | None = None) -> Run:
    return Run(
        job_id=number * 10,
        run_id=number,
        task_run_id=number + 1000,
        name="name",
        task_key="main",
        notebook_path="/Test/wine",
        parameters={"alpha": "0.36"},
        submitted_at=number,
        idempotency_token=token,
    )


def ended(run: Run) -> Run:
    return replace(run, state=State.TERMINATED, ended_at=99, ending=Ending(Code.SUCCESS))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with closing(RunStore(tmp_path / "runs.db")) as opened:
        yield opened


def test_a_run_is_found_by_its_ids_and_its_token(store: RunStore) -> None:
    store.add(run(1, "token"))
    assert store.find(1) == store.find(1001) == store.find_by_token("token") == run(1, "token")
    assert store.find(2) is None
    assert store.find_by_token("other") is None


def test_runs_survive_the_store(tmp_path: Path) -> None:
    with closing(RunStore(tmp_path / "runs.db")) as first:
        first.add(run(1))
        first.update(ended(run(1)))
    with closing(RunStore(tmp_path / "runs.db")) as second:
        assert second.find(1) == ended(run(1))


def test_active_runs_come_in_the_order_of_submission(store: RunStore) -> None:
    for number in (3, 1, 2):
        store.add(run(number))
    store.update(ended(run(1)))
    assert [active.run_id for active in store.active()] == [3, 2]


def test_pages_are_newest_first_and_do_not_overlap(store: RunStore) -> None:
    for number in range(1, 6):
        store.add(run(number))
    first, following = store.page(2, Filter())
    second, last = store.page(2, Filter(before=following))
    third, nothing = store.page(2, Filter(before=last))
    assert [found.run_id for found in first + second + third] == [5, 4, 3, 2, 1]
    assert nothing is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(active=True), [3, 1]),
        (Filter(active=False), [2]),
        (Filter(job_id=20), [2]),
        (Filter(submitted_from=2), [3, 2]),
        (Filter(submitted_to=2), [2, 1]),
        (Filter(offset=1), [2, 1]),
    ],
)
def test_filters(store: RunStore, wanted: Filter, found: list[int]) -> None:
    for number in (1, 2, 3):
        store.add(run(number))
    store.update(ended(run(2)))
    assert [listed.run_id for listed in store.page(10, wanted)[0]] == found


def test_the_oldest_ended_runs_are_forgotten(store: RunStore) -> None:
    for number in range(1, 6):
        store.add(run(number))
    for number in (1, 2, 4, 5):
        store.update(ended(run(number)))
    assert {forgotten.run_id for forgotten in store.forget_oldest(keep=2)} == {1, 2}
    assert [kept.run_id for kept in store.page(10, Filter())[0]] == [5, 4, 3]


def test_a_log_takes_so_much_and_says_that_there_was_more(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    assert files.printed(1) == ""
    assert files.report(1) is None
    files.create(1)
    log = BoundedLog(files.printed_file(1))
    for _ in range(3):
        log.write(b"x" * (MAX_PRINTED // 2))
    log.close()
    assert files.printed(1).count("x") == MAX_PRINTED
    assert files.printed(1).endswith("[what follows was not kept]\n")
    files.delete(1)
    assert not list(tmp_path.iterdir())
