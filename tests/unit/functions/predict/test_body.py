import json

import pytest

from functions.errors import LengthRequired, MalformedRequest, UnsupportedContentEncoding, UnsupportedMediaType
from functions.predict.body import json_object, received_body


def reason(body: bytes) -> str:
    with pytest.raises(MalformedRequest) as refusal:
        json_object(None, body, 1000)
    return refusal.value.detail.removeprefix("The body is not valid JSON: ")


def test_body_in_chunks_did_not_arrive() -> None:
    with pytest.raises(LengthRequired, match="Send the body with Content-Length"):
        received_body({"transfer-encoding": "chunked"}, b"")


@pytest.mark.parametrize("headers", [{}, {"content-length": "2"}, {"transfer-encoding": "chunked"}])
def test_body_that_arrived_is_taken_however_it_was_sent(headers: dict[str, str]) -> None:
    assert received_body(headers, b"{}") == b"{}"


def test_request_without_a_body_is_no_chunked_one() -> None:
    assert received_body({"content-length": "0"}, b"") == b""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("NaN", "NaN is not JSON: send null"),
        ("-NaN", "-NaN is not JSON: send null"),
        ("nan", "nan is not JSON: send null"),
        ("Infinity", "Infinity is not JSON: send null or a number"),
        ("-Infinity", "-Infinity is not JSON: send null or a number"),
        ("inf", "inf is not JSON: send null or a number"),
        ("None", "None is not JSON: send null"),
        ("NULL", "NULL is not JSON: send null"),
        ("undefined", "undefined is not JSON: send null"),
        ("True", "True is not JSON: send true"),
        ("FALSE", "FALSE is not JSON: send false"),
    ],
)
def test_words_of_other_languages_are_told(value: str, told: str) -> None:
    assert reason(f'{{"a": [1, {value}]}}'.encode()).startswith(f"{told} (line 1 column ")
    assert reason(f'{{"é NaN": "NaN",\n "b": {value}}}'.encode()).startswith(f"{told} (line 2 column ")


def test_what_python_writes_for_a_missing_number_is_told() -> None:
    assert reason(json.dumps({"a": float("nan")}).encode()) == "NaN is not JSON: send null (line 1 column 7)"


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": nil}', b'{"a": truefalse}', b'{"a": "NaN}', b'{"a": NaNs}'])
def test_other_mistakes_are_told_as_the_parser_does(body: bytes) -> None:
    assert "send" not in reason(body)


def test_a_byte_order_mark_is_skipped() -> None:
    assert json_object(None, b"\xef\xbb\xbf" + b'{"a": 1}', 1000) == {"a": 1}
    assert "byte order mark" in reason(b"\xef\xbb\xbf\xef\xbb\xbf{}")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_another_unicode_encoding_is_told(encoding: str) -> None:
    expected = encoding.upper().removesuffix("-LE").removesuffix("-BE")
    assert expected in (told := reason('{"modelType": "é"}'.encode(encoding)))
    assert told.endswith("send UTF-8")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        " Application/JSON ",
        "application/json;charset=utf-8",
        "application/json ; charset=UTF-8",
        'application/json; charset="utf-8"',
        'application/json; charset="ut\\f-8"; a=b',
        "application/json; charset=us-ascii",
        "application/json;",
        "application/json; ; a=b;",
        'application/json; a="charset=latin-1; b=c"',
        "application/problem+json",
        "application/vnd.company+json; version=1",
    ],
)
def test_json_by_any_name(content_type: str) -> None:
    assert json_object(content_type, b"{}", 1000) == {}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "json",
        "+json",
        "text",
        "text/json-seq",
        "application/json, text/plain",
        "application/json charset=utf-8",
        "application/json; charset",
        "application/json; charset=utf-8 x",
        "application/json; charset = utf-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json;" + " ;" * 50_000 + "x",
        "application/json;" + ' a="' * 50_000,
    ],
)
def test_other_media_types_are_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=r"Send the body as application/json, not '"):
        json_object(content_type, b"{}", 1000)


@pytest.mark.parametrize("charset", ["utf-16", '"utf-16le"', "iso-8859-1", '""', "UTF-7"])
def test_another_charset_is_refused(charset: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=r"Send the body in UTF-8, not in '"):
        json_object(f"application/json; charset={charset}", b"{}", 1000)


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_body_as_it_is(encoding: str | None) -> None:
    assert json_object(None, b"{}", 1000, encoding) == {}


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "deflate", "x"])
def test_an_encoded_body_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedContentEncoding, match="without Content-Encoding") as refusal:
        json_object(None, b"{}", 1000, encoding)
    assert (refusal.value.status, refusal.value.headers) == (415, {"Accept-Encoding": "identity"})
