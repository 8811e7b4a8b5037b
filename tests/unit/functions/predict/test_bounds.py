"""A body takes little memory and time, whatever is in it: what would take more is refused before it is looked at."""

import tracemalloc
from typing import Any

import pytest

from functions.catalog import Catalog
from functions.errors import InvalidRequest, OnDemandError, RequestTooLarge
from functions.predict.body import MAX_CONTAINERS, json_object
from functions.predict.request import ValidRequest, parse_body, validate
from functions.predict.rows import checked_rows
from functions.predict.wrong_rows import WrongRows
from functions.settings import RowSettings

MIB = 1024 * 1024
LIMITS = RowSettings()
WIDE = {f"c{number}": 1 for number in range(50_001)}
COLUMNS = "has 50001 columns; 50000 are allowed: send a list of values as one column"
CATALOG = Catalog.model_validate(
    {
        "models": {
            "any": {
                "experiment": "/e",
                "notebook": "/n",
                "cluster": {"serverless": True},
                "parameters": {"x": {"type": "float", "default": 1}},
            }
        }
    }
)


def checked(rows: bytes) -> ValidRequest:
    body = b'{"modelType":"any","predictionParameters":' + rows + b"}"
    return validate(parse_body(None, body, 16 * MIB), CATALOG, LIMITS, body)


@pytest.mark.parametrize("container", [b"[]", b"{}", b'{"a":[]}', b"[" * 900 + b"]" * 900])
def test_lists_and_objects_are_counted_before_they_are_made(container: bytes) -> None:
    body = b'{"a":[' + (container + b",") * MAX_CONTAINERS
    tracemalloc.start()
    try:
        with pytest.raises(RequestTooLarge, match="opening brackets; 1000000 are allowed"):
            json_object(None, body, len(body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB


def test_as_many_lists_as_allowed() -> None:
    body = b'{"a":[' + b"[1]," * (MAX_CONTAINERS - 3) + b"[1]]}"
    assert len(json_object(None, body, len(body))["a"]) == MAX_CONTAINERS - 2


@pytest.mark.parametrize(
    "rows",
    [
        WIDE,
        [WIDE],
        {"dataframe_records": [WIDE]},
        {"dataframe_split": {"columns": list(WIDE), "data": [[1]]}},
        {"dataframe_split": {"data": [[1] * 50_001]}},
        {"instances": WIDE},
        {"inputs": {key: [1] for key in WIDE}},
    ],
    ids=["row", "rows", "records", "split", "without columns", "instances", "inputs"],
)
def test_the_number_of_columns_is_bounded(rows: Any) -> None:
    with pytest.raises(WrongRows) as refusal:
        checked_rows(rows, LIMITS)
    assert refusal.value.mistakes == (COLUMNS,)


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1, "b": 2}] * 6,
        {"inputs": [[[1, 2], [3, 4]]] * 3},
        {"inputs": {"a": [[1, 2, 3]] * 2, "b": [[1, 2, 3]] * 2}},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]] * 6}},
        [{"a": list(range(12))}],
        {"inputs": [1], "params": {"k": list(range(12))}},
    ],
)
def test_the_number_of_values_is_bounded(rows: Any) -> None:
    assert checked_rows(rows, RowSettings(max_cells=14))
    with pytest.raises(WrongRows, match=r"has 1[234] values; 10 are allowed: send the rows in parts"):
        checked_rows(rows, RowSettings(max_cells=10))


def test_commas_in_text_are_no_values() -> None:
    assert checked_rows([{"a": "," * 100}], RowSettings(max_cells=1))


def refused(rows: bytes) -> OnDemandError:
    with pytest.raises(InvalidRequest) as refusal:
        checked(rows)
    return refusal.value


PADDING = b',"p":"' + b"x" * MIB + b'"}]'


def test_losses_of_a_large_body_are_told_without_a_slow_look() -> None:
    """Their paths would take Python's parser seconds."""
    long = b"18446744073709551616"
    (error,) = refused(b'[{"a":' + long + PADDING).errors
    beyond = "is beyond 64 bits: send a fraction or an exponent with it if a float will do"
    assert (error.field, error.message) == ("body", f"at byte 48: {long.decode()} {beyond}")
    (error,) = refused(b'[{"a":1,"a":2' + PADDING).errors
    assert error.field == "body"
    assert error.message.startswith("a key stands twice in one object")
    assert len(refused(b'{"inputs":[[' + (long + b",") * 100_000 + b"1]]}").errors) == 20


@pytest.mark.parametrize(
    "text",
    [
        b'"a 18446744073709551616 b"',
        b'"\\" 18446744073709551616"',
        b'"\\\\"',
        b'"\\\\\\" 18446744073709551616 \\\\"',
        b"18446744073709551615",
        b"18446744073709551616.0",
        b"1e00000000000000000000001",
        b"1e-0000000000000000000001",
        b'"\\u003a\\\\u003a:"',
        b'"a\\u003A"',
    ],
)
def test_nothing_is_lost_of_a_large_body(text: bytes) -> None:
    assert checked(b'[{"a":' + text + PADDING)


@pytest.mark.parametrize("text", [b"1", b'"\\u003a\\\\u003a"'])
def test_an_escaped_colon_hides_no_key(text: bytes) -> None:
    (error,) = refused(b'[{"a":' + text + b',"a":1}]').errors
    assert error.message.startswith("stands twice")
    assert refused(b'[{"a":' + text + b',"a":1' + PADDING)
