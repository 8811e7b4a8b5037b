"""Forms, columns, parameters and refusals of rows."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from functions.errors import InputRefused
from functions.run_model.rows import RowReader, fitted_columns
from tests.unit.functions.run_model.rows.models import Echo, as_the_model_reads, echo, signature

ABC = signature(*(ColSpec("double", name) for name in "abc"))
MIXED = signature(ColSpec("double", "a"), ColSpec("long", "b", required=False), ColSpec("string", "c", required=False))


def told(of: ModelSignature | None, asked: Any, **options: Any) -> list[str]:
    with pytest.raises(InputRefused) as caught:
        RowReader(of, **options).read(asked)
    assert caught.value.status == 422
    return [error.message for error in caught.value.errors]


def read(of: ModelSignature | None, asked: Any, **options: Any) -> pd.DataFrame:
    found = RowReader(of, **options).read(asked).data
    assert isinstance(found, pd.DataFrame)
    return found


# Refusals


def test_refusal_names_row_and_column() -> None:
    of = signature(ColSpec("long", "age"))
    rows: list[Any] = [{"age": 1}] * 41235
    rows[41234] = {"age": None}
    assert told(of, rows) == ["row 41234, column age: null is not a whole number, and the signature requires a value"]


def test_refusal_names_twenty_places_and_counts_all() -> None:
    with pytest.raises(InputRefused, match="in 55 places; see errors, the first 20 of them") as caught:
        RowReader(ABC).read([{"a": None, "b": "x", "c": 1}] * 27 + [{"a": True, "b": 1, "c": 2}])
    assert len(caught.value.errors) == 20


def test_message_repeats_little_of_a_long_value() -> None:
    (message,) = told(ABC, [{"a": "x" * 10_000, "b": 1, "c": 1}])
    assert len(message) < 150


def test_null_for_an_optional_whole_number_advises_double() -> None:
    (message,) = told(MIXED, [{"a": 1, "b": None}])
    assert message.endswith("log the column as double")


# Columns


@pytest.mark.parametrize("second", [{"a": 1, "b": 2}, {"a": 1, "b": 2, "C": 3}])
def test_column_left_out_in_some_rows_is_refused(second: dict[str, Any]) -> None:
    rows = [{"a": 1, "b": 2, "c": 3}, second]
    asked: Any
    for asked in (rows, {"instances": rows}, {"dataframe_records": rows}):
        assert told(ABC, asked) == ["row 1 lacks 'c', which others have"]


def test_optional_column_left_out_in_some_rows_is_refused() -> None:
    assert told(MIXED, [{"a": 1, "c": "x"}, {"a": 2}]) == [
        "row 1 lacks 'c', which others have: send null for a missing value"
    ]


def test_optional_column_may_be_missing_in_all_rows() -> None:
    assert list(read(MIXED, [{"a": 1, "c": "x"}, {"a": 2, "c": None}]).columns) == ["a", "c"]


def test_missing_columns_are_refused_by_name() -> None:
    asked: Any
    for asked in ({"a": 1}, {"inputs": {"a": [1]}}, {"dataframe_split": {"columns": ["a"], "data": [[1]]}}):
        assert told(ABC, asked) == ["the column 'b' is missing", "the column 'c' is missing"]


def test_columns_come_in_the_order_of_the_signature() -> None:
    assert list(read(MIXED, {"c": "x", "b": 1, "a": 2}).columns) == ["a", "b", "c"]


def test_unknown_columns_are_named_or_refused() -> None:
    asked = [{"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "b": 2, "c": 3, "e": 4}]
    found = RowReader(ABC).read(asked)
    assert found.ignored_columns == ("d", "e")
    assert list(found.data.columns) == ["a", "b", "c"]
    assert told(ABC, asked, unknown_columns="refuse") == ["the model has no column 'd'", "the model has no column 'e'"]
    many = dict.fromkeys([*"abc", *(f"x{n}" for n in range(30))], 1)
    assert len(RowReader(ABC).read(many).ignored_columns) == 20


def test_rows_without_any_known_column_are_refused() -> None:
    of = signature(ColSpec("double", "a", required=False))
    for row in ({}, {"x": 1}):
        assert told(of, [row]) == ["none of the model's columns is there: a"]


def test_columns_called_by_numbers_match_as_text() -> None:
    of = signature(ColSpec("double", 0), ColSpec("long", 1))
    asked: Any
    for asked in ({"0": 1, "1": 2}, {"dataframe_split": {"columns": [1, 0], "data": [[2, 1]]}}):
        found = read(of, asked)
        assert list(found.columns) == [0, 1]
        pd.testing.assert_frame_equal(found, echo(of).predict(found))


def test_names_that_are_equal_as_text_match_exactly() -> None:
    of = signature(ColSpec("double", 0), ColSpec("double", "0"))
    assert told(of, {"0": 1}) == ["the column 0 is missing"]
    assert read(of, {"dataframe_split": {"columns": ["0", 0], "data": [[1, 2]]}}).to_numpy().tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("names", [["a", "a"], [0, "0"]])
def test_column_given_twice_is_refused(names: list[Any]) -> None:
    for of in (signature(ColSpec("double", "a")), None):
        (message,) = told(of, {"dataframe_split": {"columns": names, "data": [[1, 2]]}})
        assert "twice" in message


@pytest.mark.parametrize("name", [None, 1.5, True, ["a"], {}])
def test_names_of_other_kinds_are_refused(name: Any) -> None:
    for of in (ABC, None, ModelSignature(Schema([ColSpec("double")]))):
        (message,) = told(of, {"dataframe_split": {"columns": [name], "data": [[1]]}})
        assert "column names" in message


def test_columns_without_names_are_as_many_as_the_signature_has() -> None:
    of = ModelSignature(Schema([ColSpec("double"), ColSpec("string")]))
    asked: Any
    for asked in ({"inputs": [[1, "x"]]}, {"instances": [[1, "x"]]}, [{"p": 1, "q": "x"}], [{"1": "x", "0": 1}]):
        assert read(of, asked).to_numpy().tolist() == [[1.0, "x"]]
    for asked in ({"inputs": [[1, "x", 2]]}, {"instances": [[1]]}, [{"p": 1}]):
        assert "columns, and the signature 2" in told(of, asked)[0]
    assert "different orders" in told(of, [{"p": 1, "q": "x"}, {"q": "x", "p": 1}])[0]
    assert "lacks" in told(of, [{"p": 1, "q": "x"}, {"p": 1, "r": "x"}])[0]
    assert "twice" in told(of, {"dataframe_split": {"columns": ["p", "p"], "data": [[1, "x"]]}})[0]
    by_number = {"dataframe_split": {"columns": [1, 0], "data": [["x", 1]], "index": [7]}}
    assert read(of, by_number).to_dict("split") == {"columns": [0, 1], "data": [[1.0, "x"]], "index": [7]}


def test_a_model_of_objects_alone_takes_each_row_as_one() -> None:
    of = ModelSignature(Schema([ColSpec(Object([Property("a", "long"), Property("b", "string", required=False)]))]))
    rows = [{"a": 1, "b": "x"}, {"a": 2}]
    asked: Any
    for asked in (rows, {"inputs": rows}, {"instances": rows}, {"dataframe_split": {"data": [[row] for row in rows]}}):
        assert as_the_model_reads(asked, of)[0].tolist() == rows
    assert told(of, [{"a": 1}, {"b": "x"}]) == ["row 1, column 0: the property 'a' is missing"]


# Forms


@pytest.mark.parametrize(
    "asked",
    [
        [],
        {"dataframe_records": []},
        {"dataframe_split": {"columns": ["a", "b", "c"], "data": []}},
        {"instances": []},
        {"inputs": []},
        {"inputs": {"a": [], "b": [], "c": []}},
    ],
)
def test_no_rows_are_refused(asked: Any) -> None:
    for of in (ABC, None, ModelSignature(Schema([TensorSpec(np.dtype("f8"), (-1, 3))]))):
        if isinstance(asked, dict) and isinstance(asked.get("inputs"), dict) and of is not ABC:
            continue
        assert told(of, asked) == ["there are no rows"]


def test_index_is_kept_and_as_long_as_the_data() -> None:
    split = {"columns": ["a", "b", "c"], "data": [[1, 2, 3]]}
    assert told(ABC, {"dataframe_split": {**split, "index": [7, 8]}}) == ["index has 2 entries, data 1 row"]
    assert told(ABC, {"dataframe_split": {**split, "index": []}}) == ["index has 0 entries, data 1 row"]
    for index in ([7], ["x"], [0.5]):
        found = read(ABC, {"dataframe_split": {**split, "index": index}})
        assert list(echo(ABC).predict(found).index) == index
    for odd in ([None], [True], [[1]], [2**64]):
        assert "index holds" in told(ABC, {"dataframe_split": {**split, "index": odd}})[0]


def test_ragged_rows_are_refused() -> None:
    split = {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [1], "123"]}
    expected = ["row 1 has 1 values for 3 columns", 'row 2 is not a list of 3 values: "123"']
    assert told(ABC, {"dataframe_split": split}) == expected


@pytest.mark.parametrize("asked", ["x", 1, None, [1], [[1, 2, 3]], [{"a": 1, "b": 2, "c": 3}, None]])
def test_what_is_no_row_is_refused(asked: Any) -> None:
    assert told(ABC, asked)


@pytest.mark.parametrize("asked", [{"inputs": "hi", "k": 1}, [{"inputs": "hi", "k": 1}]])
def test_a_column_may_be_called_as_a_form_is(asked: Any) -> None:
    of = signature(ColSpec("string", "inputs"), ColSpec("long", "k"))
    assert read(of, asked).to_numpy().tolist() == [["hi", 1]]


def test_a_scoring_body_has_one_form() -> None:
    for asked in ({"inputs": {"a": [1]}, "instances": []}, {"dataframe_records": [{"a": 1}], "x": 1}, {"inputs": "x"}):
        assert "exactly one of" in told(ABC, asked)[0]


def test_columns_of_different_length_are_refused() -> None:
    assert "differ in length" in told(ABC, {"inputs": {"a": [1, 2], "b": [1], "c": [1]}})[0]
    assert "differ in length" in told(ABC, {"inputs": {"a": [1, 2], "b": 1, "c": 1}})[0]


def test_inputs_of_scalars_are_one_row() -> None:
    assert read(ABC, {"inputs": {"a": 1, "b": 2, "c": 3}}).to_numpy().tolist() == [[1.0, 2.0, 3.0]]


def test_inputs_are_one_row_where_the_signature_has_a_list() -> None:
    of = signature(ColSpec(Array("double"), "v"), ColSpec("long", "n"))
    asked = {"inputs": {"v": [1, 2], "n": 3}}
    assert as_the_model_reads(asked, of).to_numpy().tolist() == [[[1.0, 2.0], 3]]


def test_a_list_of_values_is_the_only_column() -> None:
    of = signature(ColSpec("long", "n"))
    for form in ("inputs", "instances"):
        assert read(of, {form: [1, 2]})["n"].tolist() == [1, 2]
        assert "have names" in told(ABC, {form: [1, 2]})[0]
        assert "have names" in told(ABC, {form: [[1, 2, 3]]})[0]


def test_a_list_of_one_row_is_that_row() -> None:
    row = {"a": 1, "b": 2, "c": "x"}
    pd.testing.assert_frame_equal(read(MIXED, row), read(MIXED, [row]))


def test_dates_of_different_forms_in_one_column() -> None:
    of = signature(ColSpec("datetime", "t"))
    found = read(of, [{"t": "2024-01-02"}, {"t": "2024-01-03T10:00:00"}, {"t": "2024-01-02T23:04:05-01:00"}])
    assert found["t"].dt.strftime("%FT%T").tolist() == [
        "2024-01-02T00:00:00",
        "2024-01-03T10:00:00",
        "2024-01-03T00:04:05",
    ]


# Nested values


def test_refusal_says_where_in_a_nested_value() -> None:
    kind = Object([Property("p", Array(Map("long")))])
    of = signature(ColSpec(kind, "o"))
    assert told(of, [{"o": {"p": [{"k": 1}, {"k": 1.5}]}}]) == ["row 0, column o: p [1] k 1.5 is not a whole number"]


def test_lists_that_mlflow_would_cut_are_refused() -> None:
    for kind, value in (("string", "a\0"), ("binary", "YQA=")):
        (message,) = told(signature(ColSpec(Array(kind), "x")), [{"x": [value]}])
        assert "zero" in message


# Tensors

IMAGE = ModelSignature(
    Schema([TensorSpec(np.dtype("f4"), (-1, 2, 2), "image"), TensorSpec(np.dtype("i8"), (-1,), "n")])
)


def test_tensors_by_name_in_every_form() -> None:
    image = [[1, 2], [3, 4]]
    forms: list[Any] = [
        {"inputs": {"image": [image], "n": [5]}},
        {"instances": [{"image": image, "n": 5}]},
        {"dataframe_records": [{"image": [1, 2, 3, 4], "n": 5}]},
        {"dataframe_split": {"columns": ["n", "image"], "data": [[5, image]]}},
        {"n": 5, "image": image},
    ]
    for asked in forms:
        found = as_the_model_reads(asked, IMAGE)
        assert {name: (str(each.dtype), each.tolist()) for name, each in found.items()} == {
            "image": ("float32", [[[1.0, 2.0], [3.0, 4.0]]]),
            "n": ("int64", [5]),
        }


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"image": [[[1, 2], [3]]], "n": [1]}, "tensor image, lists within one tensor differ in length: 1 and 2"),
        ({"image": [[[1, 2]]], "n": [1]}, "tensor image, the shape is (1, 1, 2), and the signature has (-1, 2, 2)"),
        ({"image": [[[1, 2], [3, "x"]]], "n": [1]}, 'tensor image, row 0, [1][1]: "x" is not a number'),
        ({"image": [[[1, 2], [3, [4]]]], "n": [1]}, "tensor image, there are values beside lists within one tensor"),
        ({"image": [], "n": [1]}, "tensor image, there are no rows"),
        ({"image": [[[1, 2], [3, 4]]], "n": [1.5]}, "tensor n, row 0: 1.5 is not a whole number"),
        ({"image": [[[1, 2], [3, 4]]]}, "the column 'n' is missing"),
    ],
)
def test_tensors_that_do_not_fit(tensors: dict[str, Any], message: str) -> None:
    assert told(IMAGE, {"inputs": tensors}) == [message]


def test_records_are_the_rows_of_an_unnamed_tensor() -> None:
    of = ModelSignature(Schema([TensorSpec(np.dtype("f8"), (-1, 2))]))
    assert as_the_model_reads([{"a": 1, "b": 2}], of).tolist() == [[1.0, 2.0]]
    assert "different orders" in told(of, [{"a": 1, "b": 2}, {"b": 2, "a": 1}])[0]
    assert told(of, [{"0": 1, "1": 2}, {"0": 1}]) == ["row 1 lacks '1', which others have"]


# Parameters

PARAMS = signature(
    ColSpec("double", "a"),
    params=ParamSchema(
        [
            ParamSpec("top_k", "long", 3),
            ParamSpec("width", "integer", 1),
            ParamSpec("scale", "double", 0.5),
            ParamSpec("small", "float", 0.5),
            ParamSpec("name", "string", "x"),
            ParamSpec("exact", "boolean", False),
            ParamSpec("since", "datetime", datetime.datetime(2024, 1, 1)),
            ParamSpec("stops", "string", ["x"], (-1,)),
            ParamSpec("options", Object([Property("n", "long")]), {"n": 1}),
        ]
    ),
)
GIVEN = {
    "top_k": 5.0,
    "width": "2",
    "scale": 1,
    "small": 0.5,
    "name": "y",
    "exact": "TRUE",
    "since": "2024-01-02T03:04:05+01:00",
    "stops": [],
    "options": {"n": 2},
}


@pytest.mark.parametrize(
    "asked",
    [
        {"dataframe_records": [{"a": 1}]},
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
        {"instances": [{"a": 1}]},
        {"inputs": {"a": [1]}},
    ],
)
def test_params_come_with_every_form(asked: dict[str, Any]) -> None:
    found = RowReader(PARAMS).read({**asked, "params": GIVEN})
    assert found.params == {
        "top_k": 5,
        "width": 2,
        "scale": 1.0,
        "small": 0.5,
        "name": "y",
        "exact": True,
        "since": datetime.datetime(2024, 1, 2, 2, 4, 5),
        "stops": [],
        "options": {"n": 2},
    }
    model = echo(PARAMS)
    model.predict(found.data, found.params)
    seen = model._model_impl
    assert isinstance(seen, Echo)
    assert seen.params == found.params
    assert RowReader(PARAMS).read(asked).params is None
    assert RowReader(PARAMS).read({**asked, "params": {}}).params is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"topk": 1},
            "params: the model has no 'topk'; it has exact, name, options, scale, since, small, stops, top_k, width",
        ),
        ({"top_k": 1.5}, "params, top_k: 1.5 is not a whole number"),
        ({"top_k": None}, "params, top_k: null is not a whole number, and the signature requires a value"),
        ({"width": 2**31}, "params, width: 2147483648 does not fit 32 bits"),
        ({"exact": 1}, "params, exact: 1 is not true or false"),
        ({"name": 1}, "params, name: 1 is not text: send it in quotes"),
        ({"stops": "x"}, 'params, stops: "x" is not a list'),
        ({"options": {}}, "params, options: the property 'n' is missing"),
        ([1], "params is an object, not a list"),
    ],
)
def test_params_that_do_not_fit(params: Any, message: str) -> None:
    assert told(PARAMS, {"dataframe_records": [{"a": 1}], "params": params}) == [message]


def test_params_for_a_model_without_any_are_refused() -> None:
    for of in (ABC, None):
        assert told(of, {"dataframe_records": [dict.fromkeys("abc", 1)], "params": {"k": 1}}) == [
            "the model takes no params"
        ]


# Models without a signature


def test_fitted_columns_serve_without_a_signature() -> None:
    found = RowReader(None, ("a", "b", "c")).read({"c": 3, "b": 2, "a": 1, "d": "x"})
    assert found.data.to_dict("list") == {"a": [1], "b": [2], "c": [3]}
    assert found.ignored_columns == ("d",)
    assert told(None, {"a": 1, "b": 2}, fitted_columns=("a", "b", "c")) == ["the column 'c' is missing"]
    assert read(None, {"instances": [[1, 2]]}, fitted_columns=("a", "b")).to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        ([2, None], "float64", [2.0, np.nan]),
        ([True, False], "bool", [True, False]),
        (["1", "x"], "str", ["1", "x"]),
        (["x", None], "str", ["x", np.nan]),
        ([None], "object", [None]),
        ([[1], [2, 3]], "object", [[1], [2, 3]]),
        ([{"k": 1}], "object", [{"k": 1}]),
        ([2**63 - 1], "int64", [2**63 - 1]),
    ],
)
def test_columns_without_a_type(values: list[Any], dtype: str, expected: list[Any]) -> None:
    column = read(None, [{"a": value} for value in values])["a"]
    assert column.dtype == dtype
    pd.testing.assert_series_equal(column, pd.Series(expected, dtype=dtype, name="a"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "x"], "row 1, column a: the column holds numbers and text"),
        ([None, True, 1], "row 2, column a: the column holds booleans and numbers"),
        ([[1], 1], "row 1, column a: the column holds lists and numbers"),
        ([2**63], "row 0, column a: 9223372036854775808 does not fit 64 bits"),
        (
            [2**53 + 1, 0.5],
            "row 0, column a: 9007199254740993 has no exact 64-bit floating-point number, as the column's others are",
        ),
    ],
)
def test_columns_without_a_type_are_of_one_kind(values: list[Any], message: str) -> None:
    assert told(None, [{"a": value} for value in values]) == [message]


def test_arrays_without_a_signature() -> None:
    assert RowReader(None).read({"inputs": [[1, 2], [3, 4]]}).data.tolist() == [[1, 2], [3, 4]]
    assert RowReader(None).read({"instances": [{"a": [1.5]}]}).data["a"].tolist() == [[1.5]]
    assert told(None, {"inputs": {"a": [1, "x"]}}) == ["tensor a, row 1: the column holds numbers and text"]


def loaded(raw: Any) -> PyFuncModel:
    class Wrapper(Echo):
        def get_raw_model(self) -> Any:
            return raw

    return PyFuncModel(Model(flavors={"python_function": {"loader_module": "echo"}}), Wrapper())


def test_columns_that_a_model_was_fitted_with() -> None:
    frame = pd.DataFrame({"b": [1.0, 2, 3, 4], "a": [2.0, 3, 5, 6]})
    pipeline = make_pipeline(StandardScaler(), LinearRegression())
    search = GridSearchCV(pipeline, {"linearregression__positive": [True, False]}, cv=2)
    for model in (pipeline, search, LinearRegression()):
        assert fitted_columns(loaded(model.fit(frame, [1, 2, 3, 4]))) == ("b", "a")
    assert fitted_columns(loaded(LinearRegression())) == ()
    assert fitted_columns(loaded(LinearRegression().fit(frame.to_numpy(), [1, 2, 3, 4]))) == ()


def test_columns_of_the_other_libraries() -> None:
    assert fitted_columns(loaded(of_library("xgboost.core", feature_names=["a", "b"]))) == ("a", "b")
    assert fitted_columns(loaded(of_library("lightgbm.basic", feature_name=lambda: ["a", "b"]))) == ("a", "b")
    assert fitted_columns(loaded(of_library("lightgbm.sklearn", feature_name_=["Column_0", "Column_1"]))) == ()
    assert fitted_columns(loaded(of_library("catboost.core", feature_names_=["0", "1"]))) == ()
    assert fitted_columns(loaded(of_library("mine", feature_names=["a"]))) == ()
    assert fitted_columns(loaded(of_library("mine", feature_names_in_=[1, 2]))) == ()


def of_library(module: str, **attributes: Any) -> Any:
    """An object as a library's class makes it; its names are that library's, which is not installed here."""
    return type(
        "Booster",
        (),
        {"__module__": module, **{k: staticmethod(v) if callable(v) else v for k, v in attributes.items()}},
    )()


def test_a_model_that_raises_knows_no_columns() -> None:
    class Raises(Echo):
        @property
        def feature_names_in_(self) -> Any:
            raise RuntimeError("not fitted")

        def get_raw_model(self) -> Any:
            raise NotImplementedError

    model = PyFuncModel(Model(flavors={"python_function": {"loader_module": "echo"}}), Raises())
    assert fitted_columns(model) == ()
