"""What is said of an exception that somebody's code raised: it may hold secrets, and may not even have a text."""

MAX_TEXT = 2000
_NAME = type.__dict__["__name__"].__get__


def describe(error: BaseException, expose: bool) -> str:
    """The exception's type, with its text where `expose` says so. Never raises."""
    name = type_name(error)
    if not expose:
        return name
    try:
        text = str(error)[:MAX_TEXT]
    except BaseException:  # noqa: BLE001  # its class is the model's own and may do anything
        return name
    return f"{name}: {text}" if text else name


def type_name(error: BaseException) -> str:
    """The name of the exception's class, whatever its metaclass makes of it."""
    return str(_NAME(type(error)))
