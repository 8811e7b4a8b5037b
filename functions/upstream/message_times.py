"""Reading the times of a received message at once."""

import re
from datetime import datetime

from azure.functions.servicebus import ServiceBusMessageInConverter

_ISO_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]00:00)?")
"""As the host writes them. The library reads some others too, and refuses zones other than UTC."""


def install() -> None:
    """azure-functions tries fourteen formats one by one, for the two times of each message."""
    one_by_one = ServiceBusMessageInConverter._parse_datetime

    def parse(_: type, text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text and _ISO_UTC.fullmatch(text) else one_by_one(text)

    ServiceBusMessageInConverter._parse_datetime = classmethod(parse)  # type: ignore[method-assign,assignment]
