import json

import pytest

from functions.errors import MalformedRequest
from functions.predict.body import json_object


def reason(body: bytes) -> str:
    with pytest.raises(MalformedRequest) as refusal:
        json_object(None, body, 1000)
    return refusal.value.detail.removeprefix("The body is not valid JSON: ")


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
