"""Log records without credentials, each message on one line.

A factory makes every record of the process, so it also holds for loggers that do not propagate and for handlers that
are added later, such as the one of the Functions worker. It formats message and traceback itself: no handler sees the
arguments or the exception, and a handler that formats in its own way cannot bring a credential back.
"""

import base64
import functools
import json
import logging
import os
import re
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote, quote_plus, unquote, urlsplit

T = TypeVar("T")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

MASK = "***"
MAX_LENGTH = 32_000
"""Characters of a message or a traceback. Application Insights keeps 32,768 of them."""
MAX_CAUSES = 5
MIN_SECRET = 6
"""A shorter value is not looked for: it would blank ordinary words."""
CHATTY = ("azure", "databricks.sdk", "httpx", "uamqp", "urllib3")
"""SDKs that write each call at INFO."""

_SECRET_NAME = re.compile(r"SECRET|PASSW|TOKEN|SIGNATURE|CONNECTION|_SAS|KEY$", re.IGNORECASE)
_NO_SECRET_NAME = re.compile(
    r"(_FILE|_DIR|_URI|_URL|_HOST|_ID|_TYPE|NAMESPACE|__CREDENTIAL|__CLIENTID)$", re.IGNORECASE
)
_PART = r"[^&;,\s\"'<>]+"
_SHAPES = {
    "key=": rf"((?:SharedAccess|Account|Instrumentation)Key=){_PART}",
    "signature=": rf"(SharedAccessSignature=){_PART}",
    "sig=": rf"(\bsig=){_PART}",
    "code=": rf"([?&]code=){_PART}",
    "password=": rf"(\bpassword=){_PART}",
    "client_": rf"(client_(?:secret|assertion)=){_PART}",
    "_token=": rf"((?:access|refresh|id)_token=){_PART}",
    "bearer ": r"(\bBearer +)[\w.~+/=-]{8,}",
    "basic ": r"(\bBasic +)[\w+/=-]{16,}",
    "x-functions-key": r"(x-functions-key\W{1,4})[\w.~+/=-]+",
    "://": r"(://)[^\s/@\"']+(?=@)",
    "dapi": r"(dapi)[0-9a-f-]{16,}",
    "eyj": r"((?<![\w-])eyJ)[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
}
"""Credentials by their look: what the text must hold in lower case, what stays and what is masked. Parts of connection
strings and of addresses, headers, tokens of Databricks and of Entra."""
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_formatter = logging.Formatter()
logger = logging.getLogger(__name__)


def install(environ: Mapping[str, str] = os.environ) -> None:
    """Make every later record of this process clean, and `redact` know its credentials; before anything logs."""
    global _redact
    make = logging.getLogRecordFactory()
    _redact = redaction(environ)

    def make_clean(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        # What is cut off first is twice as much, so that no half of a credential stays at the end.
        record.msg, record.args = one_line(redact(_message(record)[: 2 * MAX_LENGTH]))[:MAX_LENGTH], None
        if record.exc_info:
            record.exc_text = _traceback(record.exc_info)
            record.exc_info = None
        if record.stack_info:
            record.stack_info = _indented(record.stack_info)
        return record

    logging.setLogRecordFactory(make_clean)
    logging.captureWarnings(True)
    threading.excepthook = _log_death_of_thread
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


class FunctionFailedError(Exception):
    """What a function raised and why, as text: the Functions host logs it by itself, where no factory sees it."""


def clean_failure(function: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """The function, whose exceptions hold no credential, nor refer to an exception that may. Their frames stay."""

    @functools.wraps(function)
    async def call(*args: object, **kwargs: object) -> T:
        try:
            return await function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # it is raised again, as text
            raise FunctionFailedError(_reasons(error)).with_traceback(error.__traceback__) from None

    return call


def redaction(environ: Mapping[str, str]) -> Callable[[str], str]:
    """A function that masks the credentials of *environ*, as they are or encoded, and what looks like a credential."""
    values = sorted({form for secret in _secrets(environ) for form in _forms(secret)}, key=len, reverse=True)
    shapes = [(hint, re.compile(shape, re.IGNORECASE)) for hint, shape in _SHAPES.items()]

    def redact(text: str) -> str:
        for value in values:
            if value in text:
                text = text.replace(value, MASK)
        lower = text.lower()
        for hint, shape in shapes:
            if hint in lower:
                text = shape.sub(rf"\1{MASK}", text)
        return text

    return redact


def redact(text: str) -> str:
    """The text without credentials of this process, for an answer or the log."""
    return _redact(text)


def one_line(text: str) -> str:
    """The text with control characters, line breaks of any kind and direction marks escaped."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a model's exception may raise in its own __str__, and logging never fails
        return f"{record.msg!s} [the arguments cannot be formatted: {type(error).__name__}]"


def _log_death_of_thread(args: threading.ExceptHookArgs) -> None:
    """Python would write the traceback to stderr, where no factory sees it."""
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        logger.error("thread %s", args.thread and args.thread.name, exc_info=args.exc_value)


def _reasons(error: BaseException) -> str:
    """Type and text of an exception, and of the exceptions that it came from."""
    reasons: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(reasons) < MAX_CAUSES:
        reasons.append("".join(traceback.format_exception_only(cause)).strip()[: 2 * MAX_LENGTH])
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return one_line(redact("; caused by ".join(reasons)))[:MAX_LENGTH]


def _traceback(exc_info: ExcInfo) -> str:
    """The end of a long one is kept: its reason stands there."""
    return _indented(redact(_formatter.formatException(exc_info)[-2 * MAX_LENGTH :])[-MAX_LENGTH:])


def _indented(text: str) -> str:
    """Lines that none can take for a record, which begins at the margin: an exception's text has line breaks too."""
    return "\n".join(f"    {one_line(line)}" for line in text.split("\n"))


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name):
            yield value.strip()
        if name.endswith("_HEADERS"):  # OTEL_EXPORTER_OTLP_HEADERS and the like: name=value,name=value, as in addresses
            yield from (form for header in re.findall(r"=\s*([^,]+)", value) for form in (header, unquote(header)))
        yield from re.findall(r"(?i)(?:key|signature|sig)=([^;&\s]+)", value)
        yield from _passwords(value)


def _passwords(address: str) -> Iterator[str]:
    if "://" in address and "@" in address:
        try:
            password = urlsplit(address).password
        except ValueError:  # no address after all
            return
        if password:
            yield password
            yield unquote(password)


def _forms(secret: str) -> Iterator[str]:
    """How a credential may be spelt: as it is, in an address, in JSON or Python, in base64."""
    if len(secret) < MIN_SECRET:
        return
    yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1])
    encoded = secret.encode("utf-8", "surrogateescape")
    yield from (encode(encoded).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode))


_redact = redaction({})
