"""Queues named on the command line."""

import pytest

from servicebus_broker.config import ConfigError
from servicebus_broker.queue_option import parse_queues
from servicebus_broker.queues.settings import QueueSettings


def test_names_and_features() -> None:
    assert parse_queues(["orders", "replies,session", "once,dup,session"]) == [
        QueueSettings("orders"),
        QueueSettings("replies", requires_session=True),
        QueueSettings("once", requires_session=True, requires_duplicate_detection=True),
    ]
    assert parse_queues([]) == []


@pytest.mark.parametrize("text", ["", ",session", "a b", "/orders", "orders,sessions", "orders,", "orders,session=1"])
def test_invalid_options_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"^--queue {text}: "):
        parse_queues([text])


def test_name_given_twice_in_any_case_is_refused() -> None:
    with pytest.raises(ConfigError, match="--queue orders is given twice"):
        parse_queues(["orders", "ORDERS,session"])
