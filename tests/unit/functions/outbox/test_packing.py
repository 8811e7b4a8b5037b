from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from functions.contracts import AnyMessage, Event, Operation, RunModel, StartTraining
from functions.outbox.messages import Publication
from functions.outbox.packing import MAX_LINGER_S, MAX_SHARED, linger, pack

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def command(number: int, session: str = "one") -> RunModel:
    return RunModel(
        operation=f"{number:032x}",
        reply_to_session=session,
        model_type="wine",
        parameters={},
        key="b" * 64,
        created_at=NOW,
        deadline=NOW,
        expires_at=NOW,
    )


def event(number: int, session: str = "one", result: object = None) -> Event:
    return Event(
        phase="outcome",
        operation=Operation(operation_id=f"{number:032x}", status="completed", result=result),
        reply_to_session=session,
    )


def packed(publications: Sequence[Publication], max_bytes: int = 10_000) -> list[list[AnyMessage]]:
    return [[each.message for each in shared.publications] for shared in pack(publications, max_bytes)]


@pytest.mark.parametrize("make", [command, event])
async def test_what_may_goes_together_in_order_up_to_the_limit(make: Callable[[int], AnyMessage]) -> None:
    messages = [make(number) for number in range(MAX_SHARED + 2)]
    together = packed([Publication(message, may_share=True) for message in messages], 10**6)
    assert together == [messages[:MAX_SHARED], messages[MAX_SHARED:]]


async def test_what_may_not_goes_alone() -> None:
    messages: list[AnyMessage] = [command(0), command(1), command(2), StartTraining(command=command(3))]
    assert packed([Publication(message) for message in messages]) == [[message] for message in messages]


async def test_each_instance_of_predict_has_its_own() -> None:
    mixed = [event(0, "one"), event(1, "two"), event(2, "one")]
    assert packed([Publication(each, may_share=True) for each in mixed]) == [[mixed[0], mixed[2]], [mixed[1]]]
    commands = [command(0, "one"), command(1, "two")]
    assert packed([Publication(each, may_share=True) for each in commands]) == [[commands[0]], [commands[1]]]


async def test_a_message_stays_within_its_size_and_a_larger_one_goes_alone() -> None:
    small, large = [event(number) for number in range(3)], event(3, result="x" * 1000)
    size = len(small[0].to_json())
    publications = [Publication(each, may_share=True) for each in (*small[:2], large, small[2])]
    assert packed(publications, 2 * size) == [small[:2], [large], [small[2]]]


def test_a_client_alone_waits_for_nobody_and_the_wait_is_bounded() -> None:
    assert linger(0) == 0
    assert 0 < linger(1) < linger(2) <= MAX_LINGER_S
    assert linger(10**6) == MAX_LINGER_S
