import base64
import io
import json
import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import logs

KEY = "c2Vjcm+LL2V0/a2V5Zm9ydGVzdHM="
ENVIRON = {
    "SERVICEBUS_CONNECTION": f"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey={KEY}",
    "DATABRICKS_TOKEN": "canary databricks/token",
    "AZURE_STORAGE_SAS_KEY": "sv=2024&sig=canary%2Fsas",
    "IDEMPOTENCY_SECRET": "canary-idempotency",
    "DATABASE_URL": "postgresql://user:canary-pass%2Fword@host/db",
    "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/tokens/azure-identity-token",
    "SERVICEBUS_CONNECTION__credential": "managedidentity",
    "AZURE_CLIENT_SECRET": "local",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-team=canary-of-headers, authorization=canary%20header",
}
SECRETS = (
    "canary databricks/token",
    KEY,
    "canary%2Fsas",
    "canary-idempotency",
    "canary-pass/word",
    "canary%20header",
    "canary header",
)


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    factory, hook = logging.getLogRecordFactory(), threading.excepthook
    levels = {name: logging.getLogger(name).level for name in logs.CHATTY}
    logs.install(ENVIRON)
    yield
    logging.setLogRecordFactory(factory)
    logging.captureWarnings(False)
    threading.excepthook = hook
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler writes that is added after the installation, on a logger that does not propagate."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("tests.logs")
    logger.propagate = False
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.propagate = True


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "encode",
    [
        str,
        lambda text: quote(text, safe=""),
        lambda text: json.dumps({"token": text}),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
        repr,
    ],
    ids=["plain", "quoted", "json", "base64", "base64url", "repr"],
)
def test_values_of_credentials_are_masked(secret: str, encode: object) -> None:
    assert callable(encode)
    spelt = encode(secret)
    text = logs.redaction(ENVIRON)(f"before {spelt} after")
    assert secret not in text
    assert spelt not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("SharedAccessKeyName=root;SharedAccessKey=abc=;EntityPath=q", "Name=root;SharedAccessKey=***;EntityPath=q"),
        ("AccountName=a;AccountKey=abc==;EndpointSuffix=e", "AccountName=a;AccountKey=***;EndpointSuffix=e"),
        ("SharedAccessSignature sr=sb%3a&sig=a%2Bb&se=1&skn=root", "sig=***&se=1&skn=root"),
        ("GET /predict?code=abcdef HTTP/1.1", "GET /predict?code=*** HTTP/1.1"),
        ("'Authorization': 'Bearer abc.def-123'", "'Authorization': 'Bearer ***'"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic ***"),
        ("{'x-functions-key': 'abc-def_1'}", "{'x-functions-key': '***'}"),
        ("cannot reach https://user:pass@mlflow.example/api", "https://***@mlflow.example/api"),
        ("token dapi0123456789abcdef0123456789abcdef-2 is invalid", "token dapi*** is invalid"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhcGkifQ.c2lnbmF0dXJl!", "got eyJ***!"),
        ("client_secret=abc&grant_type=x", "client_secret=***&grant_type=x"),
    ],
)  # fmt: skip
def test_what_looks_like_a_credential_is_masked(text: str, clean: str) -> None:
    assert logs.redaction({})(text).endswith(clean)


@pytest.mark.parametrize(
    "text",
    [
        "the status_code=404 of models:/m-0123@champion",
        "Basic authentication is off; a bearer was sent",
        "design=1 local managedidentity /var/run/secrets/tokens/azure-identity-token",
        "experiment /Shared/wine, alpha=0.36, key 5f2a",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert logs.redaction(ENVIRON)(text) == text


def test_a_record_is_one_line(written: io.StringIO) -> None:
    column = "alcohol\nERROR functions.train forged\r\x1b[2J\u2028\u202e\x85\0\ud800"
    logging.getLogger("tests.logs").error("column %s of %r", column, column)
    assert written.getvalue().splitlines() == [written.getvalue().rstrip("\n")]
    assert written.getvalue().startswith(
        r"ERROR tests.logs column alcohol\nERROR functions.train forged\r\x1b[2J\u2028"
    )
    assert written.getvalue().isascii()


def test_letters_of_all_languages_stay(written: io.StringIO) -> None:
    logging.getLogger("tests.logs").error("Spalte „Säure\u00a0(g/l)“ ist 酸 🍷")
    assert written.getvalue() == "ERROR tests.logs Spalte „Säure\u00a0(g/l)“ ist 酸 🍷\n"


def test_tracebacks_are_masked_and_none_of_their_lines_looks_like_a_record(written: io.StringIO) -> None:
    try:
        try:
            raise ValueError(f"cannot log in with {ENVIRON['DATABRICKS_TOKEN']}")
        except ValueError as error:
            raise RuntimeError("first\nERROR functions.train forged\x1b[2J") from error
    except RuntimeError:
        logging.getLogger("tests.logs").exception("loading")
    first, *lines = written.getvalue().splitlines()
    assert first == "ERROR tests.logs loading"
    assert all(line.startswith("    ") for line in lines)
    assert any("cannot log in with ***" in line for line in lines)
    assert r"forged\x1b[2J" in written.getvalue()
    assert "canary" not in written.getvalue()


def test_no_handler_sees_arguments_or_the_exception() -> None:
    """A handler that formats in its own way, or sends records elsewhere, has nothing else to send."""
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logger = logging.getLogger("tests.logs.queued")
    handler = logging.handlers.QueueHandler(records)
    logger.addHandler(handler)
    try:
        raise ValueError(KEY)
    except ValueError as error:
        logger.warning("trouble: %s", error, exc_info=error)
    finally:
        logger.removeHandler(handler)
    assert KEY not in repr(records.get_nowait().__dict__)


def test_logging_never_fails(written: io.StringIO) -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise OSError("no")

    logging.getLogger("tests.logs").error("it said %s", Unspeakable())
    logging.getLogger("tests.logs").error("%d", "text")
    first, second = written.getvalue().splitlines()
    assert first == "ERROR tests.logs it said %s [the arguments cannot be formatted: OSError]"
    assert second == "ERROR tests.logs %d [the arguments cannot be formatted: TypeError]"


def test_a_thread_that_dies_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def die() -> None:
        raise ValueError(f"with {KEY}")

    thread = threading.Thread(target=die, name="worker")
    thread.start()
    thread.join()
    (record,) = caplog.records
    assert record.getMessage() == "thread worker"
    assert "ValueError: with ***" in (record.exc_text or "")


def test_long_texts_are_cut_without_half_a_credential(written: io.StringIO) -> None:
    for length in range(logs.MAX_LENGTH - 40, logs.MAX_LENGTH + 5):
        logging.getLogger("tests.logs").error("%s%s", "x" * length, KEY)
    assert KEY[:8] not in written.getvalue()
    try:
        raise ValueError("y" * 200_000 + "the reason")
    except ValueError:
        logging.getLogger("tests.logs").exception("z" * 200_000)
    assert len(written.getvalue().rpartition("zz")[2]) < logs.MAX_LENGTH + 100
    assert written.getvalue().endswith("the reason\n")


def test_chatter_of_sdks_is_off() -> None:
    for name in ("azure.servicebus", "azure.core.pipeline.policies", "httpx", "databricks.sdk.oauth"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
        assert logging.getLogger(name).isEnabledFor(logging.WARNING)


@given(st.text())
def test_one_line_is_one_line_and_can_be_written(text: str) -> None:
    line = logs.one_line(text)
    assert len(line.splitlines()) <= 1
    line.encode()


@given(st.text(), st.sampled_from(SECRETS), st.text())
def test_nothing_around_a_credential_saves_it(before: str, secret: str, after: str) -> None:
    assert secret not in logs.redaction(ENVIRON)(before + secret + after)
