"""Rows at the edge: what travels has one reading, and what would be filled up, repeated or mixed up is refused."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.predict.rows import MAX_DEPTH, MAX_PARAMS, checked_rows
from functions.predict.tables import check_records
from functions.predict.wrong_rows import WrongRows
from functions.settings import RowSettings

FEW = RowSettings(max_rows=10)
BESIDE = "beside other keys: send a row with such a column in a list, a scoring body with nothing but params beside it"

INDEX = "dataframe_split.index must be a list of strings or integers"
KNOWN = "known are columns, data, index"
COLUMNS = "dataframe_split.columns must be a list of strings or integers"
NO_LIST = "is not a list: dataframe_split.data has a list of values a row"


def mistakes(rows: Any, max_rows: int = 10) -> tuple[str, ...]:
    with pytest.raises(WrongRows) as refusal:
        checked_rows(rows, RowSettings(max_rows=max_rows))
    return refusal.value.mistakes


@pytest.mark.parametrize(
    "rows",
    [
        [{"alcohol": 1}, {"alcohol": None}],
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
        [{"inputs": [1], "k": 1}],
        [{"params": {"k": 1}}],
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
        {"dataframe_split": {"columns": ["a", 1], "data": [[1, 2]], "index": [7]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1], [2]], "index": ["x", 7]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1]], "index": None}},
        {"dataframe_split": {"data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"a": 1}]},
        {"dataframe_records": [{"a": 1}], "params": {"top_k": 5, "names": ["x", None], "of": {"a": [1]}}},
        {"instances": [[1, 2]], "params": {"k": 1}},
        {"instances": [{"a": [1, 2]}, {"a": [3]}]},
        {"instances": [[1], [1, 2]]},
        {"inputs": {"a": [1], "b": [2]}},
        {"inputs": {"a": 1, "b": "x", "c": None}},
        {"inputs": {"x": [[1, 2], [3, 4]], "state": [[1, 2, 3]]}},
        {"inputs": [1, 2]},
    ],
)
def test_rows_in_normal_form_travel_as_they_are(rows: Any) -> None:
    assert checked_rows(rows, FEW).value == rows
    assert orjson.loads(checked_rows(rows, FEW).json) == rows


@pytest.mark.parametrize(
    "row",
    [
        {"alcohol": 1},
        {"inputs": "hi", "k": 1},
        {"inputs": "/etc/passwd"},
        {"dataframe_split": "file.json"},
        {"dataframe_records": None},
        {"instances": 1, "inputs": 2},
        {"params": {"k": 1}},
        {"a": 1, "params": [1]},
    ],
)
def test_a_row_travels_as_a_list_of_that_row(row: dict[str, Any]) -> None:
    rows = checked_rows(row, FEW)
    assert rows.value == [row]
    assert orjson.loads(rows.json) == [row]
    assert rows == checked_rows([row], FEW)


@pytest.mark.parametrize("params", [None, {}])
def test_empty_params_are_none(params: Any) -> None:
    assert checked_rows({"inputs": [1], "params": params}, FEW) == checked_rows({"inputs": [1]}, FEW)


@pytest.mark.parametrize(
    ("rows", "mistake"),
    [
        ({"inputs": [1], "alcohol": 1}, f"has inputs {BESIDE}"),
        ({"inputs": [1], "instances": [1]}, f"has instances and inputs {BESIDE}"),
        ({"inputs": [1], "instances": "x"}, f"has inputs {BESIDE}"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1]]}, "index": [1]}, f"has dataframe_split {BESIDE}"),
        ({"inputs": {"a": [1]}, "params": {}, "k": 1}, f"has inputs {BESIDE}"),
    ],
)
def test_a_body_with_two_readings_is_refused(rows: Any, mistake: str) -> None:
    assert mistakes(rows) == (mistake,)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        {"dataframe_records": []},
        {"dataframe_split": {"columns": ["a"], "data": []}},
        {"dataframe_split": {"columns": ["a"], "data": [], "index": []}},
        {"dataframe_split": {"data": []}},
        {"instances": []},
        {"inputs": []},
        {"inputs": {"a": []}},
        {"inputs": {"a": [], "b": []}},
        {"instances": {"a": []}},
    ],
)
def test_no_rows_are_refused(rows: Any) -> None:
    assert mistakes(rows) == ("has no rows",)


@pytest.mark.parametrize("rows", [None, "/etc/passwd", 3, True])
def test_what_is_no_row_is_refused(rows: Any) -> None:
    assert mistakes(rows) == ("must be a row (object), rows (list of objects) or an MLflow scoring body",)


@pytest.mark.parametrize(
    ("rows", "mistake"),
    [
        ({}, "has no columns"),
        ([{}], "has no columns"),
        ([1], "row 0 is not an object: every row must be one"),
        ([{"a": 1}, [1], None], "row 1 is not an object: every row must be one"),
        ({"instances": [{"a": 1}, 1]}, "row 1 is not an object: every row must be one"),
        ({"inputs": [1, {"a": 1}]}, "row 0 is not an object: every row must be one"),
        ({"dataframe_records": {"a": 1}}, "dataframe_records must be a list of rows"),
        ([{"a": 1, "c": 1}, {"a": 1, "C": 1}], "row 1 lacks 'c' and has 'C', which row 0 lacks"),
        ([{"a": 1}, {}], "row 1 lacks 'a'"),
        ([{"a": 1}, {"a": 1}, {"a": 1, "b": 2}], "row 2 has 'b', which row 0 lacks"),
        ({"dataframe_records": [{"a": 1, "b": 1}, {"a": 1}]}, "row 1 lacks 'b'"),
        ({"instances": [{"a": 1, "b": 1}, {"a": 1}]}, "row 1 lacks 'b'"),
        ({"inputs": [{"a": 1, "b": 1}, {"a": 1}]}, "row 1 lacks 'b'"),
        ([dict.fromkeys("abcdefg"), {"a": 1}], "row 1 lacks 'b', 'c', 'd', 'e', 'f' and 1 more"),
        ([{"a" * 200: 1}, {"b": 1}], f"row 1 lacks '{'a' * 100}…' and has 'b', which row 0 lacks"),
    ],
)
def test_rows_without_the_columns_of_the_first_are_refused(rows: Any, mistake: str) -> None:
    assert mistakes(rows)[0] == mistake


@pytest.mark.parametrize(
    ("split", "mistake"),
    [
        ([[1]], "dataframe_split must be an object"),
        ({"columns": ["a"]}, "dataframe_split.data must be a list of rows"),
        ({"columns": ["a"], "data": {"a": 1}}, "dataframe_split.data must be a list of rows"),
        ({"columns": ["a"], "data": [[1]], "x": 1}, "dataframe_split has the unknown key 'x'; " + KNOWN),
        ({"columns": ["a", "b"], "data": [[1, 2], [1]]}, "row 1 has 1 value for 2 columns"),
        ({"columns": ["a"], "data": [[1, 2]]}, "row 0 has 2 values for 1 column"),
        ({"columns": ["a"], "data": [1]}, f"row 0 {NO_LIST}"),
        ({"columns": ["a"], "data": [[1], {"a": 1}]}, f"row 1 {NO_LIST}"),
        ({"data": [[1], [1, 2]]}, "row 1 has 2 values, row 0 has 1"),
        ({"data": [[]]}, "has no columns"),
        ({"columns": [], "data": [[]]}, "has no columns"),
        ({"columns": ["a", "b", "a"], "data": [[1, 2, 3]]}, "dataframe_split.columns has 'a' more than once"),
        ({"columns": [1, "1"], "data": [[1, 2]]}, "dataframe_split.columns has '1' more than once"),
        ({"columns": [1, 1], "data": [[1, 2]]}, "dataframe_split.columns has '1' more than once"),
        ({"columns": [True], "data": [[1]]}, COLUMNS),
        ({"columns": [None], "data": [[1]]}, COLUMNS),
        ({"columns": [["a", "b"]], "data": [[1]]}, COLUMNS),
        ({"columns": [1.5], "data": [[1]]}, COLUMNS),
        ({"columns": "a", "data": [[1]]}, COLUMNS),
        ({"columns": ["a"], "data": [[1]], "index": [7, 8]}, "index has 2 entries, data has 1 row"),
        ({"columns": ["a"], "data": [[1], [2]], "index": [7]}, "index has 1 entry, data has 2 rows"),
        ({"columns": ["a"], "data": [[1]], "index": []}, "index has 0 entries, data has 1 row"),
        ({"columns": ["a"], "data": [[1]], "index": 7}, INDEX),
        ({"columns": ["a"], "data": [[1]], "index": [None]}, INDEX),
        ({"columns": ["a"], "data": [[1]], "index": [[1, 2]]}, INDEX),
    ],
)  # fmt: skip
def test_a_split_that_does_not_fit_itself_is_refused(split: Any, mistake: str) -> None:
    assert mistakes({"dataframe_split": split})[0] == mistake


@pytest.mark.parametrize("key", ["inputs", "instances"])
@pytest.mark.parametrize(
    ("columns", "mistake"),
    [
        ({}, "has no columns"),
        ({"a": [1, 2], "b": [1]}, "'b' has 1 value, 'a' 2 values"),
        ({"a": [1, 2], "b": []}, "'b' has 0 values, 'a' 2 values"),
        ({"a": [1, 2], "b": 1}, "'b' has no list, 'a' 2 values"),
        ({"a": 1, "b": [1]}, "'b' has 1 value, 'a' no list"),
    ],
)
def test_columns_of_different_lengths_are_refused(key: str, columns: Any, mistake: str) -> None:
    assert mistakes({key: columns}) == (mistake,)


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1}] * 11,
        {"dataframe_records": [{"a": 1}] * 11},
        {"dataframe_split": {"data": [[1]] * 11}},
        {"instances": [1] * 11},
        {"inputs": {"a": [1] * 11}},
        {"inputs": {"a": 1, "b": [1] * 11}},
    ],
)
def test_the_number_of_rows_is_bounded(rows: Any) -> None:
    assert mistakes(rows) == ("has 11 rows; 10 are allowed: send the rows in parts",)


@pytest.mark.parametrize(
    ("params", "mistake"),
    [
        ([], "params must be an object"),
        ("x", "params must be an object"),
        (0, "params must be an object"),
        (False, "params must be an object"),
        ({"k": [[1]]}, "params: 'k' must be a value, an object or a list of values"),
        ({"k": [{"a": 1}]}, "params: 'k' must be a value, an object or a list of values"),
        ({str(n): n for n in range(MAX_PARAMS + 1)}, "params has 101 entries; 100 are allowed"),
    ],
)
@pytest.mark.parametrize("body", [{"inputs": [1]}, {"instances": [1]}, {"dataframe_records": [{"a": 1}]},
                                  {"dataframe_split": {"columns": ["a"], "data": [[1]]}}])  # fmt: skip
def test_wrong_params_are_refused(body: dict[str, Any], params: Any, mistake: str) -> None:
    assert mistakes(body | {"params": params}) == (mistake,)


def test_the_first_20_wrong_rows_are_named_and_all_are_counted() -> None:
    with pytest.raises(WrongRows) as refusal:
        checked_rows([{"a": 1}] + [{"b": 1}] * 30, RowSettings(max_rows=100))
    assert refusal.value.total == 30
    assert len(refusal.value.mistakes) == 20
    assert refusal.value.mistakes[19] == "row 20 lacks 'a' and has 'b', which row 0 lacks"


def test_depth_is_bounded() -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH - 1):
        nested = [nested]
    assert checked_rows({"inputs": nested}, FEW)
    assert checked_rows({"a": "[" * 100, "b": "]{" * 100}, FEW)
    for deep in ({"inputs": [nested]}, {"inputs": [1], "params": {"a": {"b": nested}}}, {"a": nested}):
        assert mistakes(deep) == (f"is nested deeper than {MAX_DEPTH} levels",)
    for _ in range(2000):
        nested = [nested]
    assert mistakes({"inputs": nested}) == (f"is nested deeper than {MAX_DEPTH} levels",)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 240, 300, 1000])
@pytest.mark.parametrize("hidden", ['["]",', '["]\\\\",', '{"k\\"}":1,"a":'])
def test_brackets_in_strings_hide_no_levels(levels: int, hidden: str) -> None:
    """Rows that are too deep for a message would fail the commands that share it."""
    closing = "}" if hidden.startswith("{") else ',"["]'
    text = f'[{{"a":{hidden * levels}1{closing * levels}}}]'
    body = f'{{"predictionParameters":{text}}}'.encode()
    with pytest.raises(WrongRows, match=f"deeper than {MAX_DEPTH} levels"):
        checked_rows(orjson.loads(text), FEW, body)


def test_deep_value_with_as_many_brackets_as_flat_rows_is_refused() -> None:
    nested: Any = 1
    for _ in range(100):
        nested = [nested]
    assert mistakes([1] * 99 + [nested], 100)[0].startswith("row 0 is not an object")
    split = {"columns": ["a"], "data": [[1]] + [1] * 98 + [nested[0]]}
    assert mistakes({"dataframe_split": split}, 100)[0].startswith("row 1 is not a list")
    assert mistakes({"dataframe_split": {"columns": [nested], "data": [[1]] * 10}}) != ()


@pytest.mark.parametrize("level", [2, MAX_DEPTH - 4, MAX_DEPTH - 3, 300])
@pytest.mark.parametrize("index", [{}, {"index": [0, 1]}])
def test_depth_of_a_split_is_bounded(level: int, index: dict[str, Any]) -> None:
    nested: Any = 1
    for _ in range(level):
        nested = [nested]
    rows = {"dataframe_split": {"columns": ["a"], "data": [[1], [nested]], **index}}
    if level + 4 <= MAX_DEPTH:
        assert checked_rows(rows, FEW)
    else:
        assert mistakes(rows) == (f"is nested deeper than {MAX_DEPTH} levels",)


_NAMES = st.sampled_from("abc")


@given(st.lists(st.dictionaries(_NAMES, st.integers(), min_size=1), min_size=1, max_size=5), st.integers(1, 1200))
def test_records_pass_just_when_all_have_the_columns_of_the_first(rows: list[dict[str, Any]], times: int) -> None:
    many = [rows[0]] * times + rows
    if all(row.keys() == rows[0].keys() for row in rows):
        check_records(many, RowSettings(max_rows=10_000))
    else:
        with pytest.raises(WrongRows):
            check_records(many, RowSettings(max_rows=10_000))


@given(st.recursive(st.none() | st.integers() | st.text(":{}[]a"), lambda inner: st.dictionaries(st.text(":a"), inner)
                    | st.lists(inner), max_leaves=8))  # fmt: skip
def test_the_colons_are_those_of_the_json(value: Any) -> None:
    rows = checked_rows([{"a": orjson.dumps(value).decode(), "b": value}], FEW) if _fits(value) else None
    assert rows is None or rows.colons == rows.json.count(b":")


def _fits(value: Any) -> bool:
    """orjson writes integers of 64 bits only."""
    try:
        return bool(orjson.dumps(value))
    except TypeError:
        return False
