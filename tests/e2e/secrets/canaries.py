"""Credentials that are recognised wherever they turn up, and the search for them."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

MARK = "cAnArY"
ENVIRON = {
    "DATABRICKS_CLIENT_SECRET": f"{MARK}-databricks/client secret",
    "MLFLOW_TRACKING_USERNAME": "somebody",
    "MLFLOW_TRACKING_PASSWORD": f"{MARK}-mlflow",
    "AZURE_CLIENT_SECRET": f"{MARK}~azure.client",
    "AZURE_STORAGE_ACCOUNT_NAME": "account",
    "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(f"{MARK}-storage-account".encode()).decode(),
    "IDEMPOTENCY_SECRET": f"{MARK}-of-the-idempotency-keys",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={MARK}-insights;IngestionEndpoint=https://127.0.0.1",
}
DATABRICKS_TOKEN = f"{MARK}-databricks-token"
BUS_KEY = base64.b64encode(f"{MARK}-service-bus".encode()).decode()
FUNCTION_KEY = f"{MARK}-function-key"
BEARER = f"{MARK}.bearer.token"
IDEMPOTENCY_KEY = f"{MARK}-order-4711"
ROW_MARK = "rOwVaLuE"
ROW = f"{ROW_MARK}-1"


def _encodings(text: str) -> Iterator[bytes]:
    """The text itself, and the middle of its base64 at each of the three places where it may begin."""
    yield text.encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + text.encode())
        yield encoded[-(-offset * 8 // 6) : len(text) * 8 // 6]


CREDENTIALS = tuple(mark for text in (MARK, base64.b64encode(MARK.encode()).decode()) for mark in _encodings(text))
ROWS = tuple(_encodings(ROW_MARK))


def findings(place: str, content: bytes, marks: Sequence[bytes] = CREDENTIALS) -> Iterator[str]:
    """The lines of a text that hold one of the marks."""
    for number, line in enumerate(content.split(b"\n"), 1):
        at = max(map(line.find, marks))
        if at >= 0:
            yield f"{place}:{number}: {line[max(0, at - 150) : at + 60]!r}"


def findings_in(folder: Path, marks: Sequence[bytes] = CREDENTIALS) -> list[str]:
    """The lines of all files below a folder that hold one of the marks."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [line for file in files for line in findings(f"{folder.name}/{file.name}", file.read_bytes(), marks)]
