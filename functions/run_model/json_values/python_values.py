"""JSON of Python's own types."""

import datetime
import decimal
import uuid
from typing import Any

from functions.run_model.json_values.converter import Converter, Handler, NoJson, type_name
from functions.run_model.json_values.scalars import MAX_INTEGER, MIN_INTEGER, base64_text, is_text, iso_date, number


def python_kinds() -> dict[type, Handler]:
    return {
        type(None): _null,
        bool: _boolean,
        int: _integer,
        float: _float,
        str: _text,
        bytes: _bytes,
        bytearray: _bytes,
        memoryview: _memory,
        list: _list,
        tuple: _list,
        dict: _dict,
        datetime.datetime: _datetime,
        datetime.date: _date,
        datetime.time: _time,
        datetime.timedelta: duration,
        decimal.Decimal: _decimal,
        uuid.UUID: _uuid,
    }


def _null(value: Any, depth: int, converter: Converter) -> None:
    return None


def _boolean(value: bool, depth: int, converter: Converter) -> bool:
    return value


def _integer(value: int, depth: int, converter: Converter) -> int:
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise NoJson(type_name(value), "is beyond 64 bits")
    return int.__index__(value)  # what an IntEnum is, whatever it overrides


def _float(value: float, depth: int, converter: Converter) -> Any:
    return number(float.__float__(value))


def _text(value: str, depth: int, converter: Converter) -> str:
    if not is_text(value):
        raise NoJson(type_name(value), "holds a lone surrogate, which is not text")
    converter.spend(len(value))
    return str.__str__(value)  # what an enumeration of texts is, whatever it prints as


def _bytes(value: bytes, depth: int, converter: Converter) -> str:
    converter.spend(len(value))
    return base64_text(value)


def _memory(value: memoryview, depth: int, converter: Converter) -> str:
    if value.format != "B":
        raise NoJson(type_name(value), f"of items of format {value.format!r} has no JSON form")
    converter.spend(len(value))
    return base64_text(value.tobytes())


def _list(value: Any, depth: int, converter: Converter) -> list[Any]:
    return converter.array(value, depth)


def _dict(value: dict[Any, Any], depth: int, converter: Converter) -> dict[str, Any]:
    return converter.object(value.items(), value, depth)


def _datetime(value: datetime.datetime, depth: int, converter: Converter) -> str:
    """Also pandas' Timestamp. Its offset from UTC is in the text, if it has one."""
    _check_offset(value)
    text = value.isoformat()
    if iso_date(text[:19]) is None:
        raise NoJson(type_name(value), "is outside the years 1 to 9999")
    return text


def _date(value: datetime.date, depth: int, converter: Converter) -> str:
    return value.isoformat()


def _time(value: datetime.time, depth: int, converter: Converter) -> str:
    _check_offset(value)
    return value.isoformat()


def _check_offset(value: datetime.datetime | datetime.time) -> None:
    """Raises NoJson. The zone of a time without a date has no offset: the text would be without the zone."""
    if value.tzinfo is not None and value.utcoffset() is None:
        raise NoJson(type_name(value), "has a zone without an offset")


def duration(value: Any, depth: int, converter: Converter) -> str:
    """ISO 8601, as pandas writes it: ``P1DT2H0M0.5S``. Also numpy's, of every unit that has one length."""
    import pandas as pd

    try:
        return str(pd.Timedelta(value).isoformat())
    except (ValueError, OverflowError) as error:
        raise NoJson(type_name(value), "has no ISO 8601 form in nanoseconds") from error


def _decimal(value: decimal.Decimal, depth: int, converter: Converter) -> str | None:
    """All its digits, as text: a float would lose some."""
    return None if value.is_nan() else str(value)


def _uuid(value: uuid.UUID, depth: int, converter: Converter) -> str:
    return str(value)
