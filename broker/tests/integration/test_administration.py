"""Administration by the unmodified synchronous client: every operation, every refusal."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.management import EntityStatus, ServiceBusAdministrationClient

from tests.integration.conftest import QUEUES, RunningBroker

WAIT = 30
# The form in which azure-servicebus shows .NET's TimeSpan.MaxValue.
NEVER = timedelta(days=10675199, hours=2, minutes=48, seconds=5, microseconds=477581)


@pytest.fixture(scope="module")
def administration(broker: RunningBroker) -> Iterator[ServiceBusAdministrationClient]:
    """A client that trusts the broker's certificate and does not retry."""
    with ServiceBusAdministrationClient.from_connection_string(
        broker.administration, connection_verify=broker.certificate, retry_total=0
    ) as client:
        yield client


@pytest.fixture
def name(administration: ServiceBusAdministrationClient) -> Iterator[str]:
    """A name for a queue, which is deleted after the test."""
    chosen = f"made/{uuid4().hex}"
    yield chosen
    try:
        administration.delete_queue(chosen)
    except ResourceNotFoundError:
        return


@pytest.fixture
def messages(broker: RunningBroker) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0) as client:
        yield client


def test_a_queue_of_the_configuration_has_the_properties_given_there(
    administration: ServiceBusAdministrationClient,
) -> None:
    queue = administration.get_queue("Short-Lived")
    assert queue.default_message_time_to_live == timedelta(seconds=1)
    assert queue.dead_lettering_on_message_expiration is True
    assert (queue.lock_duration, queue.max_delivery_count) == (timedelta(minutes=1), 10)
    assert (queue.status, queue.availability_status) == (EntityStatus.ACTIVE, "Available")
    assert (queue.requires_session, queue.forward_to, queue.authorization_rules) == (False, None, None)
    assert queue.auto_delete_on_idle == NEVER


def test_a_created_queue_has_the_properties_asked_for_and_takes_messages(
    administration: ServiceBusAdministrationClient, messages: ServiceBusClient, name: str
) -> None:
    made = administration.create_queue(
        name,
        lock_duration=timedelta(seconds=30),
        max_delivery_count=3,
        max_size_in_megabytes=2048,
        default_message_time_to_live=timedelta(days=2, hours=3, seconds=1.5),
        duplicate_detection_history_time_window="PT20M",
        requires_duplicate_detection=True,
        requires_session=False,
        dead_lettering_on_message_expiration=True,
        forward_dead_lettered_messages_to="plain",
        auto_delete_on_idle=timedelta(hours=1),
        user_metadata="größer <&> kleiner",
        enable_batched_operations=False,
    )
    assert dict(made) == dict(administration.get_queue(name))
    assert made.lock_duration == timedelta(seconds=30)
    assert (made.max_delivery_count, made.max_size_in_megabytes) == (3, 2048)
    assert made.default_message_time_to_live == timedelta(days=2, hours=3, seconds=1.5)
    assert made.duplicate_detection_history_time_window == timedelta(minutes=20)
    assert (made.requires_duplicate_detection, made.dead_lettering_on_message_expiration) == (True, True)
    assert made.auto_delete_on_idle == timedelta(hours=1)
    assert made.user_metadata == "größer <&> kleiner"
    assert made.enable_batched_operations is False
    assert made.forward_dead_lettered_messages_to is not None
    assert made.forward_dead_lettered_messages_to.endswith("/plain")
    with messages.get_queue_sender(name) as sender:
        sender.send_messages(ServiceBusMessage("hello"))
    with messages.get_queue_receiver(name) as receiver:
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.complete_message(message)


def test_a_queue_with_sessions_can_be_created(
    administration: ServiceBusAdministrationClient, messages: ServiceBusClient, name: str
) -> None:
    administration.create_queue(name, requires_session=True)
    with messages.get_queue_sender(name) as sender:
        sender.send_messages(ServiceBusMessage("hello", session_id="s"))
    with messages.get_queue_receiver(name, session_id="s") as receiver:
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.complete_message(message)


def test_update_sets_named_properties_and_clears_the_others(
    administration: ServiceBusAdministrationClient, name: str
) -> None:
    queue = administration.create_queue(name, forward_to="plain", user_metadata="first", max_delivery_count=5)
    queue.max_delivery_count = 7
    queue.forward_to = None
    queue.status = EntityStatus.SEND_DISABLED
    administration.update_queue(queue, user_metadata="second")
    after = administration.get_queue(name)
    assert (after.max_delivery_count, after.forward_to, after.user_metadata) == (7, None, "second")
    assert after.status == EntityStatus.SEND_DISABLED


def test_update_of_a_fixed_property_is_refused_and_changes_nothing(
    administration: ServiceBusAdministrationClient, name: str
) -> None:
    queue = administration.create_queue(name)
    with pytest.raises(HttpResponseError, match="requires_session cannot be changed") as refused:
        administration.update_queue(queue, requires_session=True, max_delivery_count=2)
    assert refused.value.status_code == 400
    assert administration.get_queue(name).max_delivery_count == 10


def test_an_update_of_a_missing_queue_is_not_found(administration: ServiceBusAdministrationClient, name: str) -> None:
    queue = administration.create_queue(name)
    administration.delete_queue(name)
    with pytest.raises(ResourceNotFoundError) as missing:
        administration.update_queue(queue)
    assert missing.value.status_code == 404


def test_a_missing_queue_is_not_found(administration: ServiceBusAdministrationClient) -> None:
    for ask in (administration.get_queue, administration.get_queue_runtime_properties, administration.delete_queue):
        with pytest.raises(ResourceNotFoundError):
            ask("no-such-queue")


def test_a_queue_cannot_be_created_twice_in_any_case(administration: ServiceBusAdministrationClient) -> None:
    with pytest.raises(ResourceExistsError) as exists:
        administration.create_queue("PLAIN")
    assert exists.value.status_code == 409


@pytest.mark.parametrize("wrong", ["two words", "tab\t", "a#b", "$reserved", "-a", "a.", "a//b", "ä", "x" * 261])
def test_invalid_name_is_refused(administration: ServiceBusAdministrationClient, wrong: str) -> None:
    with pytest.raises(HttpResponseError, match="SubCode=40000") as refused:
        administration.create_queue(wrong)
    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"lock_duration": timedelta(minutes=6)}, "LockDuration"),
        ({"lock_duration": "P1M"}, "LockDuration"),
        ({"max_delivery_count": 0}, "MaxDeliveryCount"),
        ({"max_size_in_megabytes": -1}, "MaxSizeInMegabytes"),
        ({"duplicate_detection_history_time_window": "P8D"}, "DuplicateDetectionHistoryTimeWindow"),
        ({"auto_delete_on_idle": timedelta(minutes=4)}, "AutoDeleteOnIdle"),
        ({"user_metadata": "x" * 1025}, "UserMetadata"),
        ({"max_message_size_in_kilobytes": 102_400}, "MaxMessageSizeInKilobytes"),
        ({"status": "Renaming"}, "Status"),
        ({"forward_to": "no-such-queue"}, "no-such-queue"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_value_is_refused_by_name(
    administration: ServiceBusAdministrationClient, name: str, wrong: dict[str, str], named: str
) -> None:
    with pytest.raises(HttpResponseError, match=named) as refused:
        administration.create_queue(name, **wrong)  # type: ignore[arg-type]  # wrong on purpose
    assert refused.value.status_code == 400
    with pytest.raises(ResourceNotFoundError):
        administration.get_queue(name)


def test_a_list_has_every_queue_once_however_small_its_pages(administration: ServiceBusAdministrationClient) -> None:
    for page in (1, 3, len(QUEUES), 100):
        names = [queue.name for queue in administration.list_queues(max_page_size=page)]
        assert [each for each in names if each in QUEUES] == sorted(QUEUES)
        runtime = [queue.name for queue in administration.list_queues_runtime_properties(max_page_size=page)]
        assert runtime == names
    later = [queue.name for queue in administration.list_queues(start_index=2)]
    assert later == [queue.name for queue in administration.list_queues()][2:]


def test_counts_of_active_locked_scheduled_and_dead_lettered_messages(
    administration: ServiceBusAdministrationClient, messages: ServiceBusClient, name: str
) -> None:
    before = datetime.now(UTC)
    administration.create_queue(name)
    with messages.get_queue_sender(name) as sender:
        sender.send_messages([ServiceBusMessage("x" * 100) for _ in range(5)])
        sender.schedule_messages([ServiceBusMessage("later")], datetime.now(UTC) + timedelta(hours=1))
    with messages.get_queue_receiver(name) as receiver:
        for message in receiver.receive_messages(2, max_wait_time=WAIT):
            receiver.dead_letter_message(message, reason="test")
        receiver.receive_messages(1, max_wait_time=WAIT)
        counts = administration.get_queue_runtime_properties(name)
    assert counts.name == name
    assert (counts.active_message_count, counts.scheduled_message_count, counts.dead_letter_message_count) == (3, 1, 2)
    assert (counts.transfer_message_count, counts.transfer_dead_letter_message_count) == (0, 0)
    assert counts.total_message_count == 6
    assert counts.size_in_bytes is not None
    assert counts.size_in_bytes > 500
    assert counts.created_at_utc is not None
    assert counts.updated_at_utc is not None
    assert counts.accessed_at_utc is not None
    assert before <= counts.created_at_utc <= counts.updated_at_utc <= counts.accessed_at_utc <= datetime.now(UTC)


def test_namespace_has_name_and_type(administration: ServiceBusAdministrationClient) -> None:
    properties = administration.get_namespace_properties()
    assert (properties.name, properties.namespace_type) == ("local", "Messaging")
    assert properties.created_at_utc is not None


# azure-servicebus 7.15 asks an element for its truth value, of which Python 3.12 and later warn.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
def test_topics_are_refused_with_a_reason(administration: ServiceBusAdministrationClient) -> None:
    assert list(administration.list_topics()) == []
    with pytest.raises(ResourceNotFoundError):
        administration.get_topic("news")
    with pytest.raises(ResourceNotFoundError, match="no topics"):
        list(administration.list_subscriptions("news"))
    with pytest.raises(ResourceNotFoundError, match="no topics"):
        list(administration.list_rules("news", "me"))
    for create in (
        lambda: administration.create_topic("news"),
        lambda: administration.create_subscription("news", "me"),
        lambda: administration.create_rule("news", "me", "mine"),
    ):
        with pytest.raises(HttpResponseError, match="queues only"):
            create()


def test_client_that_does_not_trust_the_certificate_fails(broker: RunningBroker) -> None:
    stranger = ServiceBusAdministrationClient.from_connection_string(broker.administration, retry_total=0)
    with stranger, pytest.raises(ServiceRequestError, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.get_queue("plain")
