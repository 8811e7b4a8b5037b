"""Service Bus triggers over the real SDK and the local broker."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

from ondemand.host.servicebus.pump import FIRST_PAUSE_S
from tests.integration.ondemand.host.conftest import (
    DEADLINE,
    RunningPart,
    host_arguments,
    host_environ,
    running,
    start_broker,
    told,
)


async def send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    async with client.get_queue_sender(queue) as sender:
        for message in messages:
            await sender.send_messages(message)


async def waiting(client: ServiceBusClient, queue: str) -> int:
    async with client.get_queue_receiver(queue) as receiver:
        return len(await receiver.peek_messages(max_message_count=100))


async def test_the_function_gets_what_it_gets_in_azure(http: httpx.AsyncClient, service_bus: ServiceBusClient) -> None:
    await send(
        service_bus,
        "work",
        ServiceBusMessage(
            "grüße",
            message_id="m-1",
            correlation_id="c-1",
            content_type="application/json",
            subject="s-1",
            to="t-1",
            reply_to="r-1",
            reply_to_session_id="rs-1",
            application_properties={"text": "a", "number": 7, "flag": True},
        ),
    )
    (message,) = (await told(http, "work", lambda answer: bool(answer["messages"])))["messages"]
    assert message.pop("sequence_number") > 0
    enqueued = message.pop("enqueued")
    assert enqueued.startswith("20")
    assert "+" not in enqueued
    message.pop("expires")
    assert message == {
        "body": "grüße",
        "message_id": "m-1",
        "session_id": None,
        "correlation_id": "c-1",
        "content_type": "application/json",
        "subject": "s-1",
        "to": "t-1",
        "reply_to": "r-1",
        "reply_to_session_id": "rs-1",
        "delivery_count": 1,
        "application_properties": {"text": "a", "number": 7, "flag": True},
        "dead_letter_reason": None,
    }


async def test_value_body_of_text_is_text(http: httpx.AsyncClient, service_bus: ServiceBusClient) -> None:
    async with service_bus.get_queue_sender("work") as sender:
        await sender.send_messages(AmqpAnnotatedMessage(value_body="grüße"))
    (message,) = (await told(http, "work", lambda answer: bool(answer["messages"])))["messages"]
    assert message["body"] == "grüße"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (AmqpAnnotatedMessage(value_body={"a": 1}), "a message with a value body of dict cannot be bound to a string"),
        (AmqpAnnotatedMessage(value_body=None), "a message with a value body of NoneType cannot be bound to a string"),
        (AmqpAnnotatedMessage(sequence_body=[["a", 1], [2]]), "a message with a sequence body cannot be bound"),
        # Of its body the host makes metadata.
        (ServiceBusMessage('{"ExpiresAtUtc": "2026-11-26T21:00:22Z"}'), "ValueError: time data '11/26/2026 21:00:22'"),
    ],
    ids=["map", "null", "sequence", "time"],
)
async def test_message_that_the_official_host_refuses_becomes_a_dead_letter(
    bus: str, service_bus: ServiceBusClient, tmp_path: Path, message: Any, reason: str
) -> None:
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus, ("work", "tell"))) as host:
        async with service_bus.get_queue_sender("work") as sender:
            await sender.send_messages(message)
        dead_letters = service_bus.get_queue_receiver("work", sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        async with dead_letters:
            (dead,) = await dead_letters.receive_messages(max_wait_time=DEADLINE)
            await dead_letters.complete_message(dead)
        assert host.terminate() == 0
    assert reason in host.log.read_text()


async def test_json_body_shadows_metadata(http: httpx.AsyncClient, service_bus: ServiceBusClient) -> None:
    """As in Azure: whoever may send a message may forge what the host tells of it."""
    forged = {"messageId": "forged", "DeadLetterReason": "forged", "subject": None, "to": ["x"], "sessionId": 7}
    await send(service_bus, "work", ServiceBusMessage(json.dumps(forged), message_id="m-1", subject="s-1", to="t-1"))
    (message,) = (await told(http, "work", lambda answer: bool(answer["messages"])))["messages"]
    assert (message["message_id"], message["dead_letter_reason"]) == ("forged", "forged")
    assert (message["subject"], message["to"], message["session_id"]) == ("s-1", "t-1", "7")


async def test_ids_and_properties_of_any_type_reach_the_function(
    http: httpx.AsyncClient, service_bus: ServiceBusClient
) -> None:
    ids: list[Any] = [7, uuid.UUID(int=7), b"\xff", "text", None]
    odd = {"id": uuid.UUID(int=1), "time": datetime(2026, 1, 1, tzinfo=UTC), "bytes": b"x", "true": True}
    async with service_bus.get_queue_sender("work") as sender:
        for each in ids:
            properties = AmqpMessageProperties(message_id=each, correlation_id=each, subject="s")
            message = AmqpAnnotatedMessage(data_body=b"return", properties=properties, application_properties=odd)
            await sender.send_messages(message)
    answer = await told(http, "work", lambda answer: len(answer["messages"]) >= len(ids))
    assert {message["delivery_count"] for message in answer["messages"]} == {1}


async def test_dead_letter_that_fails_comes_back_after_a_pause_that_grows(
    http: httpx.AsyncClient, service_bus: ServiceBusClient, host: RunningPart
) -> None:
    """Service Bus never gives a dead letter up, and hands it out again at once."""
    await send(service_bus, "work", ServiceBusMessage("fail twice more", message_id="poison"))
    answer = await told(http, "dead", lambda answer: len(answer["messages"]) == 3)
    first, second, third = (message["seen"] for message in answer["messages"])
    assert second - first >= FIRST_PAUSE_S
    assert third - second >= 2 * FIRST_PAUSE_S
    assert host.log.read_text().count("Traceback") == 2  # of the function of the queue, and of the one of dead letters


async def test_returning_completes(http: httpx.AsyncClient, service_bus: ServiceBusClient, host: RunningPart) -> None:
    await send(service_bus, "work", ServiceBusMessage("return"))
    await told(http, "work", lambda answer: bool(answer["messages"]))
    assert await asyncio.to_thread(host.terminate) == 0
    assert await waiting(service_bus, "work") == 0


async def test_raising_abandons_until_the_dead_letter_trigger_gets_it(
    http: httpx.AsyncClient, service_bus: ServiceBusClient
) -> None:
    await send(service_bus, "work", ServiceBusMessage("fail", message_id="poison"), ServiceBusMessage("return"))
    (dead,) = (await told(http, "dead", lambda answer: bool(answer["messages"])))["messages"]
    assert (dead["message_id"], dead["body"]) == ("poison", "fail")
    assert dead["application_properties"]["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    messages = (await told(http, "work", lambda answer: len(answer["messages"]) == 4))["messages"]
    assert [message["delivery_count"] for message in messages if message["body"] == "fail"] == [1, 2, 3]


async def test_no_more_than_the_concurrent_calls_run(http: httpx.AsyncClient, service_bus: ServiceBusClient) -> None:
    await http.post("/api/gate/close")
    await send(service_bus, "work", *(ServiceBusMessage("wait") for _ in range(10)))
    await told(http, "work", lambda answer: answer["running"] == 4)
    await http.post("/api/gate/open")
    finished = await told(http, "work", lambda answer: len(answer["messages"]) == 10 and answer["running"] == 0)
    assert {message["delivery_count"] for message in finished["messages"]} == {1}


async def test_a_lock_is_renewed_while_the_function_runs(
    http: httpx.AsyncClient, service_bus: ServiceBusClient, host: RunningPart
) -> None:
    await send(service_bus, "short-lock", ServiceBusMessage("3"))
    await told(http, "short-lock", lambda answer: bool(answer["messages"]))
    assert await asyncio.to_thread(host.terminate) == 0
    assert await waiting(service_bus, "short-lock") == 0
    assert "come again" not in host.log.read_text()


async def test_sessions_run_in_order_and_are_released_for_the_next(
    http: httpx.AsyncClient, service_bus: ServiceBusClient
) -> None:
    sessions = ("a", "b", "c")  # one more than may be held at a time
    messages = [ServiceBusMessage(str(number), session_id=session) for number in range(3) for session in sessions]
    await send(service_bus, "conversations", *messages)
    heard = (await told(http, "conversations", lambda answer: len(answer["messages"]) == 9))["messages"]
    for session in sessions:
        assert [message["body"] for message in heard if message["session_id"] == session] == ["0", "1", "2"]


async def test_what_runs_is_completed_before_the_host_ends(
    http: httpx.AsyncClient, service_bus: ServiceBusClient, host: RunningPart
) -> None:
    await send(service_bus, "short-lock", ServiceBusMessage("2"))
    await told(http, "short-lock", lambda answer: bool(answer["messages"]))
    host.process.terminate()
    assert await asyncio.to_thread(host.process.wait, DEADLINE) == 0
    assert await waiting(service_bus, "short-lock") == 0


async def test_a_broker_that_comes_back_is_found_again(tmp_path: Path) -> None:
    broker = start_broker(tmp_path / "broker.log")
    bus = broker.addresses["connection_string"]
    port = int(bus.partition(";")[0].rpartition(":")[2])
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus)) as host:
        broker.process.kill()
        broker.process.wait()
        broker = start_broker(tmp_path / "broker.log", port)
        try:
            async with (
                ServiceBusClient.from_connection_string(bus) as client,
                httpx.AsyncClient(base_url=host.addresses["url"]) as http,
            ):
                await send(client, "work", ServiceBusMessage("return"))
                await send(client, "conversations", ServiceBusMessage("return", session_id="s"))
                await told(http, "work", lambda answer: bool(answer["messages"]))
                await told(http, "conversations", lambda answer: bool(answer["messages"]))
            assert "trying again" in host.log.read_text()
            assert host.terminate() == 0
        finally:
            assert broker.terminate() == 0
