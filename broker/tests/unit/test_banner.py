"""The text for a person at a terminal."""

from pathlib import Path

import pytest

from servicebus_broker.banner import banner
from servicebus_broker.journal.fsync import Fsync

ADDRESSES = {"connection_string": "for messages"}


@pytest.mark.parametrize("fsync", Fsync)
def test_banner_tells_where_data_is_and_when_it_is_on_the_disk(fsync: Fsync) -> None:
    text = banner(ADDRESSES, ["orders", "replies"], Path("/kept"), fsync)
    assert "Kept in /kept, on the disk" in text
    assert "Queues: orders, replies" in text


def test_in_memory_without_administration_and_queues() -> None:
    text = banner(ADDRESSES, [], None, Fsync.INTERVAL)
    assert "for messages" in text
    assert "Administration" not in text
    assert "Queues: none yet" in text
    assert "forgotten" in text
