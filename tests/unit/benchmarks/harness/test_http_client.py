import pytest

from benchmarks.harness.http_client import Answer, HttpError, ResponseParser, post

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-LENGTH: 7\r\n\r\n[5.125]"


def test_a_response_in_one_piece() -> None:
    assert ResponseParser().feed(RESPONSE) == Answer(200, b"[5.125]")


def test_a_response_byte_by_byte_and_the_next_one() -> None:
    parser = ResponseParser()
    for _ in range(2):
        *unfinished, answer = (parser.feed(RESPONSE[at : at + 1]) for at in range(len(RESPONSE)))
        assert unfinished == [None] * (len(RESPONSE) - 1)
        assert answer == Answer(200, b"[5.125]")


def test_a_body_in_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parser = ResponseParser()
    assert parser.feed(head + b"4\r\n[5.1\r\n") is None
    assert parser.feed(b"3\r\n25]\r\n0\r\n\r\n") == Answer(200, b"[5.125]")


def test_an_empty_body() -> None:
    assert ResponseParser().feed(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") == Answer(503, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"nonsense\r\n\r\n",
        RESPONSE + b"H",
    ],
)
def test_what_is_not_understood_is_an_error(data: bytes) -> None:
    with pytest.raises(HttpError):
        ResponseParser().feed(data)


def test_a_request_has_host_path_and_length() -> None:
    head, _, body = post("http://127.0.0.1:7071/predict", b'{"a":1}').partition(b"\r\n\r\n")

    assert head.splitlines()[0] == b"POST /predict HTTP/1.1"
    assert b"Host: 127.0.0.1:7071" in head.splitlines()
    assert b"Content-Length: 7" in head.splitlines()
    assert body == b'{"a":1}'
