"""The text about an exception of somebody's code: it may hold secrets, and may not even have a text."""

from functions.logs import redact

MAX_TEXT = 2000
MAX_NAME = 100
_NAME = type.__dict__["__name__"].__get__
"""Python's own way to a class's name: a metaclass may redefine it."""


def describe(error: BaseException, expose: bool) -> str:
    """The exception's type, with its text where `expose` says so. Never raises."""
    name = type_name(error)
    text = _text(error) if expose else ""
    return f"{name}: {text}" if text else name


def type_name(error: BaseException) -> str:
    """The name of the exception's class, whatever its metaclass makes of it."""
    return redact(_encodable(str(_NAME(type(error)))))[:MAX_NAME]


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  # its class is the model's own and may do anything
        return ""
    text = _encodable(str.__getitem__(text, slice(2 * MAX_TEXT)))  # a subclass of str may redefine slicing
    return redact(text)[:MAX_TEXT]  # in this order: half a credential would not be known for one


def _encodable(text: str) -> str:
    """Halves of surrogate pairs have no UTF-8: no answer could hold them."""
    return str.encode(text, "utf-8", "backslashreplace").decode("utf-8")
