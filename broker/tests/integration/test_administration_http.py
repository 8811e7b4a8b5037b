"""The administration API as bytes on a socket: the requests of KEDA's scaler, and malformed ones."""

import socket
import ssl
from collections.abc import Iterator
from xml.etree import ElementTree

import httpx
import pytest

from tests.integration.conftest import RunningBroker
from tests.unit.tokens import sas_token

ATOM = "{http://www.w3.org/2005/Atom}"
SERVICE_BUS = "{http://schemas.microsoft.com/netservices/2010/10/servicebus/connect}"
COUNTS = "{http://schemas.microsoft.com/netservices/2011/06/servicebus}"
ENTRY = (
    '<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><QueueDescription '
    'xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">{}</QueueDescription></content></entry>'
)
WAIT = 30


@pytest.fixture
def http(broker: RunningBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Trusts what SSL_CERT_FILE names, as KEDA does; verification is on, as always in httpx."""
    monkeypatch.setenv("SSL_CERT_FILE", broker.certificate)
    address = f"https://127.0.0.1:{port_of(broker)}"
    with httpx.Client(base_url=address, headers={"Authorization": sas_token(address)}, timeout=WAIT) as client:
        yield client


def port_of(broker: RunningBroker) -> int:
    return int(broker.administration.split(";")[0].rpartition(":")[2])


def ask_as_keda(http: httpx.Client, queue: str) -> ElementTree.Element:
    """The request of azservicebus/admin's GetQueueRuntimeProperties; the answer to it is always a 200."""
    headers = {"User-Agent": "azsdk-go-azservicebus"}
    response = http.get(f"/{queue}", params={"api-version": "2021-05"}, headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/atom+xml")
    return ElementTree.fromstring(response.content)


def test_keda_finds_the_active_message_count(http: httpx.Client) -> None:
    entry = ask_as_keda(http, "plain")
    assert entry.tag == f"{ATOM}entry"
    count = entry.find(
        f"{ATOM}content/{SERVICE_BUS}QueueDescription/{SERVICE_BUS}CountDetails/{COUNTS}ActiveMessageCount"
    )
    assert count is not None
    assert count.text == "0"


def test_keda_learns_that_a_queue_is_missing(http: httpx.Client) -> None:
    feed = ask_as_keda(http, "no-such-queue")
    assert feed.tag == f"{ATOM}feed"
    assert feed.findtext(f"{ATOM}title") == "Publicly Listed Services"
    assert feed.find(f"{ATOM}entry") is None


def test_keda_lists_queues_for_a_regular_expression(http: httpx.Client) -> None:
    response = http.get("/$Resources/Queues", params={"api-version": "2021-05", "$skip": "0", "$top": "100"})
    feed = ElementTree.fromstring(response.content)
    assert "plain" in [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")]


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "MalformedToken"),
        ("Basic cm9vdDpyb290", "MalformedToken"),
        (sas_token("https://127.0.0.1", key="wrong"), "InvalidSignature"),
        (sas_token("https://127.0.0.1", 1), "ExpiredToken"),
        (sas_token("https://127.0.0.1/another"), "InvalidAudience"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "plain"), ("GET", "$Resources/Queues"), ("PUT", "never-made"), ("DELETE", "plain")]
)
def test_a_request_without_a_valid_token_is_refused(
    http: httpx.Client, method: str, path: str, token: str, reason: str
) -> None:
    body = ENTRY.format("") if method == "PUT" else None
    response = http.request(method, f"/{path}", headers={"Authorization": token}, content=body)
    assert response.status_code == 401
    error = ElementTree.fromstring(response.content)
    assert error.findtext("Code") == "401"
    assert reason in (error.findtext("Detail") or "")
    assert http.get("/plain").status_code == 200


def test_localhost_is_a_name_of_the_broker(broker: RunningBroker, http: httpx.Client) -> None:
    assert http.get(f"https://localhost:{port_of(broker)}/$namespaceinfo").status_code == 200


def test_certificate_passes_strict_verification(broker: RunningBroker) -> None:
    context = ssl.create_default_context(cafile=broker.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", port_of(broker)), timeout=WAIT) as plain:
        context.wrap_socket(plain, server_hostname="127.0.0.1").close()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not well-formed"),
        ("<entry", "not well-formed"),
        ("<entry/>", "not expected"),
        (ENTRY.format("<LockDuration><a>PT1M</a></LockDuration>"), "LockDuration"),
        (ENTRY.format("<AuthorizationRules><AuthorizationRule/></AuthorizationRules>"), "AuthorizationRules"),
        (ENTRY.format("<UserMetadata>" + "<a>" * 50 + "</a>" * 50 + "</UserMetadata>"), "nested deeper"),
        ('<!DOCTYPE e [<!ENTITY a "b">]>' + ENTRY.format("<UserMetadata>&a;</UserMetadata>"), "document type"),
        ('<!DOCTYPE e SYSTEM "file:///etc/passwd">' + ENTRY.format(""), "document type"),
        ('<?xml version="1.0" encoding="no-such"?>' + ENTRY.format(""), "not well-formed"),
    ],
    ids=range(9),
)
def test_body_without_a_description_is_refused(http: httpx.Client, body: str, reason: str) -> None:
    response = http.put("/never-made", content=body)
    assert response.status_code == 400
    error = ElementTree.fromstring(response.content)
    assert error.tag == "Error"
    assert error.findtext("Code") == "400"
    assert reason in (error.findtext("Detail") or "")
    assert ask_as_keda(http, "never-made").tag == f"{ATOM}feed"


def test_a_body_that_is_too_large_is_refused(http: httpx.Client) -> None:
    response = http.put("/never-made", content=ENTRY.format(f"<UserMetadata>{'x' * 100_000}</UserMetadata>"))
    assert response.status_code == 413


@pytest.mark.parametrize("query", [{"$skip": "-1"}, {"$top": "many"}])
def test_page_parameter_that_is_not_a_number_is_refused(http: httpx.Client, query: dict[str, str]) -> None:
    assert http.get("/$Resources/queues", params=query).status_code == 400


def test_page_after_the_end_is_empty(http: httpx.Client) -> None:
    feed = ElementTree.fromstring(http.get("/$Resources/queues", params={"$skip": "9" * 30}).content)
    assert feed.find(f"{ATOM}entry") is None


@pytest.mark.parametrize("path", ["%01", "%00/%ff", "%3Cb%3E", "a%22%27%26", "%ed%a0%80", "%F0%9F%90%87", "x" * 5000])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_answer_is_xml_for_every_path(http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, f"/{path}", content=ENTRY.format("") if method == "PUT" else None)
    assert response.status_code == {"GET": 200, "DELETE": 404, "PUT": 400}[method]
    ElementTree.fromstring(response.content)


def test_another_method_is_refused(http: httpx.Client) -> None:
    assert http.post("/plain").status_code == 405


def test_garbage_and_silence_end_only_their_connection(broker: RunningBroker, http: httpx.Client) -> None:
    context = ssl.create_default_context(cafile=broker.certificate)
    with socket.create_connection(("127.0.0.1", port_of(broker)), timeout=WAIT) as no_tls:
        no_tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", port_of(broker)), timeout=WAIT), server_hostname="localhost"
        ) as garbage:
            garbage.sendall(b"\x00" * 1000 + b"\r\n\r\n")
            assert garbage.recv(4096).startswith(b"HTTP/1.1 400")
        assert http.get("/plain").status_code == 200
