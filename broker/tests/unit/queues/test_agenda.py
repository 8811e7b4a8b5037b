"""The next due member among many, and the deadlines that a queue reports."""

from dataclasses import dataclass, field

from servicebus_broker.queues.agenda import Agenda
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import FOREVER
from tests.unit.queues.conftest import LOCK, START, FakeClock, MakeQueue, message, token


@dataclass(eq=False)
class Member:
    due: float = FOREVER
    asked: int = field(default=0)

    def next_due(self) -> float:
        self.asked += 1
        return self.due


def test_only_members_that_are_next_are_asked() -> None:
    agenda: Agenda[Member] = Agenda()
    members = [Member(due=float(n)) for n in range(1, 101)]
    for member in members:
        agenda.join(member)(member.due)
    assert agenda.next_due() == 1
    assert list(agenda.take_due(0.5)) == []
    for member in agenda.take_due(2):
        member.due = FOREVER
    assert agenda.next_due() == 3
    assert [member.asked for member in members[:4]] == [2, 1, 1, 0]
    assert sum(member.asked for member in members[4:]) == 0


def test_postponed_members_are_asked_again_and_former_ones_are_not() -> None:
    agenda: Agenda[Member] = Agenda()
    late, gone = Member(1), Member(2)
    due_earlier, gone_earlier = agenda.join(late), agenda.join(gone)
    due_earlier(1)
    gone_earlier(2)
    late.due = 5
    assert agenda.next_due() == 2
    agenda.leave(gone)
    gone_earlier(1)
    assert agenda.next_due() == 5
    late.due = 3
    due_earlier(3)
    assert agenda.next_due() == 3
    assert list(agenda.take_due(3)) == [late]


def test_queue_reports_only_earlier_deadlines(make_queue: MakeQueue, clock: FakeClock) -> None:
    heard: list[float] = []
    settings = make_queue().settings
    queue = Queue(settings, clock, dead_letters=Queue(settings.for_dead_letters(), clock), on_due=heard.append)
    queue.send([message("a"), message("b"), message("later", at=START + 500)])
    assert heard == [START + 500]
    first = token(queue.receive())
    queue.receive()
    clock.advance(1)
    queue.renew_lock(first)
    assert heard == [START + 500, START + LOCK]
    queue.send([message("c", ttl=2)])
    assert heard[2:] == [START + 3]
    assert queue.next_due() == START + 3
    clock.advance(2)
    queue.advance()
    assert queue.next_due() == START + LOCK
