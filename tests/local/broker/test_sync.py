"""The essentials with the synchronous SDK."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.exceptions import SessionCannotBeLockedError

from tests.local.broker.conftest import RunningBroker
from tests.local.broker.test_messages import WAIT


@pytest.fixture
def sync_client(broker: RunningBroker) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as client:
        yield client


def test_send_receive_and_each_settlement(sync_client: ServiceBusClient) -> None:
    with sync_client.get_queue_sender("plain") as sender, sync_client.get_queue_receiver("plain") as receiver:
        sender.send_messages(ServiceBusMessage("hello"))
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.renew_message_lock(message)
        receiver.abandon_message(message)
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        assert (str(message), message.delivery_count) == ("hello", 1)
        receiver.complete_message(message)
        sender.send_messages([ServiceBusMessage("bad")])
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.dead_letter_message(message, reason="why")
        assert receiver.peek_messages() == []
    with sync_client.get_queue_receiver("plain", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        assert message.dead_letter_reason == "why"
        receiver.complete_message(message)


def test_schedule_and_cancel(sync_client: ServiceBusClient) -> None:
    with sync_client.get_queue_sender("plain") as sender, sync_client.get_queue_receiver("plain") as receiver:
        far = sender.schedule_messages(ServiceBusMessage("never"), datetime.now(UTC) + timedelta(hours=1))
        sender.cancel_scheduled_messages(far)
        sender.schedule_messages(ServiceBusMessage("soon"), datetime.now(UTC) + timedelta(seconds=0.5))
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        assert str(message) == "soon"
        receiver.complete_message(message)


def test_sessions(sync_client: ServiceBusClient) -> None:
    session_id = uuid4().hex
    with sync_client.get_queue_sender("sessions") as sender:
        sender.send_messages(ServiceBusMessage("in session", session_id=session_id))
    with sync_client.get_queue_receiver("sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT) as receiver:
        assert receiver.session.session_id == session_id
        with (
            pytest.raises(SessionCannotBeLockedError),
            sync_client.get_queue_receiver("sessions", session_id=session_id),
        ):
            pass
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.session.renew_lock()
        receiver.complete_message(message)
