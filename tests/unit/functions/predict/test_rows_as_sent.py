"""The JSON of rows that is taken from the body as it was sent is the JSON of those rows."""

import json
import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.predict.request import parse_body
from functions.predict.rows import Rows, checked_rows
from functions.predict.wrong_rows import WrongRows
from functions.settings import RowSettings

MANY = RowSettings(max_rows=1000)
ROWS: list[Any] = [
    [{"a": 1, "b": 2.5}, {"a": 3, "b": None}],
    [{"a": 1, "b": "x"}, {"b": "y", "a": 2}],
    {"dataframe_records": [{"a": 1}]},
    {"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}},
    {"inputs": [[1, 2], [3, 4]]},
    {"instances": [{"a": [1, 2]}]},
    {"inputs": {"a": [1, 2], "b": [3, 4]}},
]
TRICKY: list[Any] = [
    [{"a": "one: two"}, {"a": "3"}],
    [{"a: b": 1}],
    [{"a": {"predictionParameters": 1}}],
    [{"predictionParameters": 1}],
    [{"a": "predictionParameters"}],
    {"inputs": [1], "params": {"k": 1}},
    {"a": 1},
]
PLACES = (
    '{{"modelType": "any", "predictionParameters": {rows}}}',
    '{{"predictionParameters" : {rows} , "modelType": "any"}}',
    '{{"modelParameters": {{"predictionParameters": 1}}, "predictionParameters": {rows}}}',
    '{{"modelParameters": {{"predictionParameters": [{{"a": 1}}]}}, "predictionParameters": {rows}}}',
    '{{"modelType": "predictionParameters","predictionParameters":{rows}  }} ',
    '{{"\\u0070redictionParameters": {rows}, "modelParameters": {{"predictionParameters": [{{"a": 1}}]}}}}',
    '{{\n"predictionParameters": {rows}\n}}',
)


def rows_of(body: str) -> Rows:
    request = parse_body(None, body.encode(), 1_000_000)
    return checked_rows(request.prediction_parameters, MANY, body.encode())


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_rows_in_the_last_place_are_taken_as_sent(rows: Any, separators: tuple[str, str]) -> None:
    text = json.dumps(rows, separators=separators)
    found = rows_of(PLACES[0].format(rows=text))
    assert (found.json, found.start) == (text.encode(), len('{"modelType": "any", "predictionParameters":'))
    assert found.colons == checked_rows(rows, MANY).colons


@pytest.mark.parametrize("rows", ROWS + TRICKY, ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_rows_anywhere_are_the_rows(rows: Any, place: str) -> None:
    found, written = rows_of(place.format(rows=json.dumps(rows))), checked_rows(rows, MANY)
    assert orjson.loads(found.json) == found.value == written.value
    assert found.colons == written.colons


TEXT = st.text(alphabet='ab:"\\{}[], ', max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
RECORDS = st.lists(TEXT, min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, VALUES)), min_size=1, max_size=3)
)


@given(rows=RECORDS | st.builds(lambda key, value: {key: value}, st.sampled_from(["inputs", "instances"]), VALUES))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_any_rows_are_the_rows(place: str, ascii_only: bool, rows: Any) -> None:
    body = place.format(rows=json.dumps(rows, ensure_ascii=ascii_only))
    try:
        written = checked_rows(rows, MANY)
    except WrongRows as wrong:
        with pytest.raises(WrongRows, match=re.escape(str(wrong))):
            rows_of(body)
    else:
        found = rows_of(body)
        assert orjson.loads(found.json) == found.value == written.value
        assert found.colons == written.colons
