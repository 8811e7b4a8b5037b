"""Definitions of queues: created, updated and deleted while the broker runs, and configured ones."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from servicebus_broker.journal.definitions import Definition
from servicebus_broker.journal.frames import JournalError
from servicebus_broker.journal.journal import Journal
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import FOREVER, EntityStatus, QueueSettings
from tests.unit.journal.journaled import SETTINGS, journaled, make_queues, texts, wire
from tests.unit.queues.conftest import FakeClock, dead_letters, token

MADE = QueueSettings("Made", lock_duration=7, status=EntityStatus.SEND_DISABLED, forward_dead_letters_to="queue")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def new_queue(clock: FakeClock, settings: QueueSettings) -> Queue:
    return make_queues(clock, [settings])[0]


def test_created_queue_comes_back_with_its_messages(tmp_path: Path, clock: FakeClock) -> None:
    settings = QueueSettings("made", lock_duration=7, default_time_to_live=FOREVER)
    with journaled(tmp_path, clock) as (journal, _):
        queue = new_queue(clock, settings)
        journal.queue_created(queue)
        queue.send([wire("text"), wire("dead")])
        queue.receive()
        queue.dead_letter(token(queue.receive()))
        journal.write()
    for _ in range(2):
        with journaled(tmp_path, clock) as (journal, queues):
            assert journal.defined() == [*SETTINGS, settings]
            assert texts(queues["made"]) == ["text"]
            assert texts(dead_letters(queues["made"])) == ["dead"]


def test_an_updated_queue_keeps_its_settings(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, _):
        queue = new_queue(clock, MADE)
        journal.queue_created(queue)
        queue.reconfigure(replace(MADE, status=EntityStatus.ACTIVE, lock_duration=8))
        journal.queue_updated(queue)
        journal.write()
    with journaled(tmp_path, clock) as (journal, _):
        assert journal.defined()[-1] == replace(MADE, status=EntityStatus.ACTIVE, lock_duration=8)


def test_deleted_queue_stays_deleted_and_a_new_one_of_its_name_is_empty(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, _):
        former, latter = new_queue(clock, QueueSettings("made")), new_queue(clock, QueueSettings("MADE"))
        journal.queue_created(former)
        former.send([wire("gone")])
        journal.queue_deleted(former)
        former.send([wire("to a queue that is no more")])
        journal.queue_created(latter)
        latter.send([wire("there")])
        journal.write()
    with journaled(tmp_path, clock) as (journal, queues):
        assert texts(queues["MADE"]) == ["there"]
        journal.queue_deleted(queues["MADE"])
        journal.write()
    with journaled(tmp_path, clock) as (journal, _):
        assert journal.defined() == SETTINGS


def test_configuration_overrides_stored_settings(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].reconfigure(replace(SETTINGS[0], lock_duration=5))
        journal.queue_updated(queues["queue"])
        queues["queue"].send([wire("kept")])
        journal.queue_deleted(queues["once"])
        journal.queue_created(new_queue(clock, MADE))
        journal.write()
    configured = [*SETTINGS, QueueSettings("made", lock_duration=9)]
    with journaled(tmp_path, clock, configured) as (journal, queues):
        assert sorted(journal.defined(), key=lambda each: each.name) == sorted(configured, key=lambda each: each.name)
        assert texts(queues["queue"]) == ["kept"]


def test_queue_that_is_no_longer_configured_is_deleted_when_empty(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("unread")])
        queues["once"].send([wire("kept")])
        journal.write()
    configured = [replace(SETTINGS[2], max_delivery_count=7), QueueSettings("new")]
    with caplog.at_level(logging.WARNING), journaled(tmp_path, clock, configured) as (journal, queues):
        assert {each.name for each in journal.defined()} == {"queue", "once", "new"}
        assert texts(queues["once"]) == ["kept"]
        message = queues["queue"].receive()
        assert message is not None
        assert message.lock is not None
        queues["queue"].complete(message.lock.token)
        journal.write()
    assert "'queue' is no longer configured, but holds 1 messages" in caplog.text
    with journaled(tmp_path, clock, configured) as (journal, queues):
        assert {each.name for each in journal.defined()} == {"once", "new"}


@pytest.mark.parametrize("configured", [True, False])
def test_settings_are_read_as_they_were_written(configured: bool) -> None:
    definition = Definition(replace(MADE, user_metadata='"', max_size=5), configured)
    assert Definition.from_json(definition.to_json()) == definition


def test_unknown_settings_are_ignored_and_missing_ones_have_their_default() -> None:
    data = b'{"configured": true, "settings": {"name": "queue", "color": "red"}}'
    assert Definition.from_json(data) == Definition(QueueSettings("queue"), configured=True)


def test_sessions_of_a_queue_with_messages_are_not_configured_away(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("kept")])
        journal.write()
    changed = [replace(each, requires_session=not each.requires_session) for each in SETTINGS]
    with pytest.raises(JournalError, match="The queue 'queue' holds 1 messages, and RequiresSession cannot change"):
        Journal(tmp_path, changed, clock)
    with journaled(tmp_path, clock, [SETTINGS[0], *changed[1:]]) as (journal, queues):
        assert texts(queues["queue"]) == ["kept"]
        assert not queues["sessions"].settings.requires_session
