"""What a JSON parser drops without a word is refused by name, and nothing else is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog import Catalog
from functions.errors import InvalidRequest
from functions.predict.request import ValidRequest, parse_body, validate
from functions.settings import RowSettings

MANY = RowSettings(max_rows=1000)
CATALOG = Catalog.model_validate(
    {
        "models": {
            "any": {
                "experiment": "/e",
                "notebook": "/n",
                "cluster": {"serverless": True},
                "parameters": {"x": {"type": "float", "default": 1}, "s": {"type": "str", "default": ""}},
            }
        }
    }
)
BEYOND = "is beyond 64 bits: send a fraction or an exponent with it if a float will do"


def accepted(rows: str, parameters: str = "null") -> ValidRequest:
    body = f'{{"modelType":"any","modelParameters":{parameters},"predictionParameters":{rows}}}'.encode()
    return validate(parse_body(None, body, 1_000_000), CATALOG, MANY, body)


def refused(rows: str, parameters: str = "null") -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refusal:
        accepted(rows, parameters)
    return {error.field: error.message for error in refusal.value.errors}


@pytest.mark.parametrize(
    "number",
    [
        "18446744073709551616",
        "-9223372036854775809",
        "-9999999999999999999",
        "1" + "0" * 30,
        "-1" + "0" * 30,
        "1" * 300,
    ],
)
@pytest.mark.parametrize("space", ["", " ", "\n\t"])
def test_integers_beyond_64_bits_are_refused_by_name(number: str, space: str) -> None:
    shown = number[:100] + ("…" if len(number) > 100 else "")
    at = "predictionParameters"
    assert refused(f'{{"a":{space}{number}}}') == {f"{at}.a": f"{shown} {BEYOND}"}
    assert refused(f'[{{"a": 1}},{{"a": {number} }}]') == {f"{at}.1.a": f"{shown} {BEYOND}"}
    assert refused(f'{{"inputs":[{space}{number}]}}') == {f"{at}.inputs.0": f"{shown} {BEYOND}"}
    assert refused('{"a": 1}', f'{{"x": {number}}}') == {"modelParameters.x": f"{shown} {BEYOND}"}
    assert refused(f'{{"inputs": [1], "params": {{"k": {number}}}}}') == {f"{at}.params.k": f"{shown} {BEYOND}"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1e30", 1e30),
        ("1000000000000000000000000000000.0", 1e30),
        ("1000000000000000000000000000000e0", 1e30),
        ("0.1234567890123456789012345", 0.1234567890123456789012345),
        ("-0.00012345678901234567", -0.00012345678901234567),
        ('"123456789012345678901234567890"', "123456789012345678901234567890"),
        ('"a -123456789012345678901234567890"', "a -123456789012345678901234567890"),
        ('"\\"123456789012345678901234567890"', '"123456789012345678901234567890'),
        ("[1700000000000000000, -1700000000000000000]", [1700000000000000000, -1700000000000000000]),
    ],
)
def test_other_long_runs_of_digits_pass(text: str, value: Any) -> None:
    assert accepted(f'{{"a": {text}}}').rows == [{"a": value}]
    assert accepted(f'[{{"b": 1}}, {{"b": {text}}}]').rows == [{"b": 1}, {"b": value}]


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ('{"a": 1, "a": 2}', "a"),
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "\\u0061": 2}', "a"),
        ('[{"a": 1}, {"a": 1, "a": null}]', "a"),
        ('{"a": {"b": 1, "b": 2}}', "b"),
        ('{"a": {"b": 1}, "a": 2}', "a"),
        ('{"a": "\\u003a", "a": ":"}', "a"),
        ('{"a": "12:30", "a": "\\u003A"}', "a"),
        ('{"a:": ":", "a:": ":"}', "a:"),
        ('{"inputs": [1], "inputs": [2]}', "inputs"),
    ],
)
def test_a_key_that_stands_twice_is_refused_by_name(rows: str, key: str) -> None:
    assert refused(rows) == {key: "stands twice in one object: only one of its values could be meant"}


def test_parameters_and_fields_that_stand_twice_are_refused() -> None:
    assert list(refused('{"a": 1}', '{"x": 1, "x": 2}')) == ["x"]
    assert list(refused('{"a": 1}, "modelType": "any"')) == ["modelType"]
    assert list(refused('{"a": 1}, "predictionParameters": {"a": 2}')) == ["predictionParameters"]


@pytest.mark.parametrize(
    "rows", ['{"a": "x:y", "b": "\\u003a", "c": "\\\\u003a"}', '{"a:b": {"c": "2026-01-01T00:00:00"}, "\\u0061": 1}']
)
def test_colons_and_escapes_are_no_repetition(rows: str) -> None:
    assert accepted(rows).rows == [json.loads(rows)]


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(':"\\a0', max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(_VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_what_python_writes_passes_unless_an_integer_is_too_long(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps([{"a": value}], ensure_ascii=ascii_only, indent=indent)
    assert accepted(text, '{"s": "x:y"}').rows == [{"a": value}]


@given(st.integers(), _VALUES)
def test_an_integer_travels_whole_or_is_refused(number: int, value: Any) -> None:
    text = json.dumps([{"a": value, "n": number * 2**60}])
    if -(2**63) <= number * 2**60 < 2**64:
        assert accepted(text).rows == json.loads(text)
    else:
        assert list(refused(text)) == ["predictionParameters.0.n"]
