import cProfile
import pstats
from datetime import datetime

import pytest
from azure.functions.servicebus import ServiceBusMessageInConverter

from functions.upstream.message_times import install

WRITTEN = (
    *("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999+00:00", "2026-11-26T21:00:22.5"),
    *("2026-11-26T21:00:22", "2026-11-26T21:00:22.776", "2026-11-26T21:00:22.776123", "2026-11-26T21:00:22.776+00:00"),
    *("2026-11-26T21:00:22Z", "2026-11-26T21:00:22.776Z", "2026-11-26T21:00:22-00:00", "11/26/2026 21:00:22Z"),
    *("", None, "2026-11-26T21:00:22+02:00", "2026-13-26T21:00:22", "2026-11-26", "20261126T210022", "today"),
)


def read(text: str | None) -> datetime | str | None:
    try:
        return ServiceBusMessageInConverter._parse_datetime(text)
    except ValueError:
        return "refused"


def test_times_are_read_as_the_library_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [read(text) for text in WRITTEN]
    monkeypatch.setattr(ServiceBusMessageInConverter, "_parse_datetime", ServiceBusMessageInConverter._parse_datetime)
    install()
    assert list(map(repr, map(read, WRITTEN))) == list(map(repr, alone))  # the zone, too


def test_the_library_alone_tries_one_format_after_another() -> None:
    """When it does no more, the workaround can go."""
    profile = cProfile.Profile()
    profile.runcall(ServiceBusMessageInConverter._parse_datetime, "2026-11-26T21:00:22.776")
    calls = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # of each (file, line, function)
    assert sum(figures[0] for (_, _, name), figures in calls.items() if "strptime" in name) > 20
