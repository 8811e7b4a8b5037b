import json
import uuid
from datetime import UTC, datetime

import pytest
from azure.functions.meta import get_binding_registry
from azure.functions.servicebus import ServiceBusMessageInConverter

from ondemand.host.servicebus.messages import NEVER, _MessageConverter, _plain


@pytest.mark.parametrize(
    "written", [NEVER, "2026-11-26T21:00:22", "2026-11-26T21:00:22.776123", "2026-11-26T21:00:22.5", "", None]
)
def test_times_are_read_as_the_library_reads_them(written: str | None) -> None:
    assert _MessageConverter._parse_datetime(written) == ServiceBusMessageInConverter._parse_datetime(written)


def test_the_converter_of_the_library_stays_the_registered_one() -> None:
    assert get_binding_registry().get("serviceBusTrigger") is ServiceBusMessageInConverter


@pytest.mark.parametrize(
    "value",
    [{b"a": {b"b": [b"\xff", {1: None}]}}, uuid.UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC), (1, 2.5), True, 2**63],
)
def test_value_of_any_type_becomes_json(value: object) -> None:
    json.dumps(_plain(value))
