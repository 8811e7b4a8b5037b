"""One prediction by a real MLflow model: rows in, JSON out, and whose fault a failure is."""

import warnings
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import orjson
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.protos.databricks_pb2 import ErrorCode
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from functions.errors import InputRefused, PredictionFailed, ResultTooLarge
from functions.run_model.independence import Scored
from functions.run_model.json_values import json_value
from functions.run_model.scoring import Scorer, _unmergeable_column, _without_signature, float_columns
from tests.unit.functions.run_model.models import DOUBLES, Calls, answer, entry, model_of, scorer_of

FEATURES = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])


def saved(model: Any, folder: Path, **options: Any) -> PyFuncModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about signatures that are missing on purpose
        mlflow.sklearn.save_model(
            model, folder, serialization_format="cloudpickle", pip_requirements=["scikit-learn"], **options
        )
        return mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)


def test_frame_of_doubles_and_its_enforced_form_give_the_same() -> None:
    def echo(data: pd.DataFrame, params: Any) -> Any:
        return [list(data.columns), data.to_numpy().tolist(), [str(kind) for kind in data.dtypes]]

    scorer = scorer_of(echo)
    expected = [["a", "b"], [[1.0, 2.5]], ["float64", "float64"]]
    assert answer(scorer, [{"b": 2.5, "a": 1}]) == expected
    assert answer(scorer, [{"b": "2.5", "a": 1}]) == expected  # read value by value
    assert answer(scorer, {"dataframe_split": {"columns": ["b", "a"], "data": [[2.5, 1]]}}) == expected


def test_a_python_model_is_left_to_mlflow() -> None:
    for loader, checked in (("mlflow.pyfunc.model", True), ("mlflow.pyfunc.loaders.code_model", True), ("own", False)):
        flavors = {"python_function": {"loader_module": loader, "predict_fn": "predict"}}
        model = PyFuncModel(Model(signature=ModelSignature(DOUBLES), flavors=flavors), Calls(None))
        assert (_without_signature(model) is model) is checked


def test_parameters_and_their_defaults_reach_the_model() -> None:
    params = ParamSchema([ParamSpec("shift", "double", 0.5), ParamSpec("top_k", "long", 3)])
    scorer = scorer_of(lambda data, params: params, params=params)
    assert answer(scorer, [{"a": 1, "b": 2}]) == {"shift": 0.5, "top_k": 3}
    given = {"dataframe_records": [{"a": 1, "b": 2}], "params": {"top_k": 5}}
    assert answer(scorer, given) == {"shift": 0.5, "top_k": 5}
    with pytest.raises(InputRefused):
        scorer.score({"dataframe_records": [{"a": 1, "b": 2}], "params": {"top_k": 5.5}})


def test_unknown_columns_are_named_or_refused() -> None:
    rows = [{"a": 1, "b": 2, "c": 3}]
    assert scorer_of(lambda data, params: data["a"].to_numpy()).score(rows).ignored_columns == ("c",)
    with pytest.raises(InputRefused):
        scorer_of(lambda data, params: 0, unknown_columns="refuse").score(rows)


class Panic(BaseException):
    """What PyO3 raises for a panic in Rust."""


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("postgresql://svc:hunter2@db/features"),
        Panic("hunter2"),
        SystemExit("hunter2"),
        KeyboardInterrupt("hunter2"),
        StopIteration("hunter2"),
        GeneratorExit("hunter2"),
        MemoryError("hunter2"),
        Unspeakable(),
        ValueError("hunter2"),
        MlflowException("hunter2"),
        MlflowException("hunter2", error_code=5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_of_the_models_own_code_tells_its_type_alone(error: BaseException) -> None:
    def predict(data: Any, params: Any) -> Any:
        raise error

    with pytest.raises(PredictionFailed) as caught:
        scorer_of(predict).score([{"a": 1, "b": 2}])
    assert type(error).__name__ in caught.value.detail
    assert "hunter2" not in caught.value.detail
    assert caught.value.__cause__ is error


class Exiting(list[int]):
    def __iter__(self) -> Any:
        raise SystemExit(3)


class Indexless(pd.Series):  # type: ignore[misc]  # pandas has no types
    @property
    def index(self) -> Any:
        raise RuntimeError("no index")


class Shouting(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]  # as a metaclass may
        raise RuntimeError("no name")


class Nameless(Exception, metaclass=Shouting):
    """An exception whose type does not tell its name."""


class Wide(int):
    def __le__(self, other: object) -> bool:
        return True

    __ge__ = __le__


def test_results_that_cannot_be_read_are_one_failure() -> None:
    for result in (Exiting([1]), Indexless([1]), Wide(2**70), [Wide(2**70)]):
        scorer = scorer_of(lambda data, params, result=result: result)
        with pytest.raises(PredictionFailed):
            scorer.encode(scorer.score([{"a": 1, "b": 2}]))


class Leaving(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


@pytest.mark.parametrize("expose", [True, False])
@pytest.mark.parametrize("error", [Nameless(), Leaving(), Unspeakable()], ids=["Nameless", "Leaving", "Unspeakable"])
def test_an_exception_that_fights_back_is_one_failure(error: Exception, expose: bool) -> None:
    def predict(data: Any, params: Any) -> Any:
        raise error

    with pytest.raises(PredictionFailed):
        scorer_of(predict, expose_errors=expose).score([{"a": 1, "b": 2}])


def test_what_is_told_of_an_exception_can_be_written() -> None:
    def predict(data: Any, params: Any) -> Any:
        raise ConnectionError("half of a pair: \ud800")

    with pytest.raises(PredictionFailed) as caught:
        scorer_of(predict, expose_errors=True).score([{"a": 1, "b": 2}])
    assert caught.value.problem().model_dump_json().encode()


def test_the_text_of_an_exception_is_told_where_the_catalog_says_so() -> None:
    def predict(data: Any, params: Any) -> Any:
        raise ConnectionError("no features today")

    with pytest.raises(PredictionFailed, match="ConnectionError: no features today"):
        scorer_of(predict, expose_errors=True).score([{"a": 1, "b": 2}])


def test_a_result_without_json_names_its_type() -> None:
    scorer = scorer_of(lambda data, params: [pd.Interval(0, 1)])
    with pytest.raises(PredictionFailed, match=r"Interval"):
        scorer.encode(scorer.score([{"a": 1, "b": 2}]))


def test_merged_results_are_encoded_in_parts() -> None:
    scorer = scorer_of(lambda data, params: data["a"].to_numpy())
    scored = scorer.score([{"a": 1, "b": 0}, {"a": 2, "b": 0}, {"a": 3, "b": 0}])
    assert [answer.result for answer in scorer.encode(scored, [1, 2])] == [b"[1.0]", b"[2.0,3.0]"]


def test_rows_that_a_librarys_own_code_refuses_are_the_clients_fault(tmp_path: Path) -> None:
    colours = pd.DataFrame({"colour": ["red", "blue"] * 5})
    model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(colours, range(10))
    scorer = Scorer(saved(model, tmp_path, signature=infer_signature(colours, [1.0])), entry())
    assert len(answer(scorer, [{"colour": "red"}])) == 1
    with pytest.raises(InputRefused, match="unknown categories"):
        scorer.score([{"colour": "green"}])


@pytest.mark.parametrize(
    "rows",
    [[{"a": 1}], [{"a": "x", "b": 2}], [{"a": None, "b": 2}], [{"a": [1], "b": 2}]],
)
def test_rows_are_checked_without_a_signature(tmp_path: Path, rows: Any) -> None:
    scorer = Scorer(saved(LinearRegression().fit(FEATURES, FEATURES["a"] * 2), tmp_path), entry())
    with pytest.raises(InputRefused):
        scorer.score(rows)


def test_columns_are_put_in_order_without_a_signature(tmp_path: Path) -> None:
    scorer = Scorer(saved(LinearRegression().fit(FEATURES, FEATURES["a"] * 2), tmp_path), entry())
    assert answer(scorer, [{"b": 2, "a": 1.5}]) == pytest.approx([3.0])


def test_probabilities_of_several_outputs_are_never_taken_for_rows(tmp_path: Path) -> None:
    targets = np.stack([FEATURES["a"] > 0, FEATURES["b"] > 0], axis=1).astype(int)
    model = MultiOutputClassifier(DecisionTreeClassifier()).fit(FEATURES, targets)
    options = {"signature": ModelSignature(DOUBLES), "pyfunc_predict_fn": "predict_proba"}
    scorer = Scorer(saved(model, tmp_path, **options), entry())
    scored = scorer.score([{"a": 1, "b": 2}, {"a": -1, "b": 2}])
    assert scored.rows is None
    assert answer(scorer, [{"a": 1, "b": 2}]) == [[[0.0, 1.0]], [[0.0, 1.0]]]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (Schema([ColSpec("datetime", "t")]), "column t holds dates"),
        (DOUBLES, None),
    ],
)
def test_a_date_column_is_never_merged(tmp_path: Path, schema: Schema, reason: str | None) -> None:
    model = LinearRegression().fit(FEATURES, FEATURES["a"])
    assert Scorer(saved(model, tmp_path, signature=ModelSignature(schema)), entry()).merging_off == reason


def test_the_catalog_may_turn_merging_off(tmp_path: Path) -> None:
    model = saved(LinearRegression().fit(FEATURES, FEATURES["a"]), tmp_path, signature=ModelSignature(DOUBLES))
    assert Scorer(model, entry(merge="never")).merging_off == "the catalog says merge: never"


def test_columns_that_the_signature_makes_floats() -> None:
    mixed = Schema([ColSpec("double", "a"), ColSpec("float", "b"), ColSpec("long", "c")])
    assert float_columns(mixed) == {"a", "b"}
    assert float_columns(None) == set()


@pytest.mark.parametrize(
    ("code", "refused"), [("INVALID_PARAMETER_VALUE", InputRefused), ("INTERNAL_ERROR", PredictionFailed)]
)
def test_code_of_an_mlflow_error_says_whose_fault_it_is(code: str, refused: type[Exception]) -> None:
    def fail(data: Any, params: Any) -> Any:
        raise MlflowException("no", error_code=ErrorCode.Value(code))

    with pytest.raises(refused):
        scorer_of(fail).score([{"a": 1.0, "b": 2.0}])


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (Schema([TensorSpec(np.dtype("f8"), (-1, 2))]), "its input is a tensor"),
        (Schema([ColSpec(Array(DataType.double), "a")]), "column a holds nested values"),
    ],
)
def test_input_whose_rows_are_not_records_of_values_is_never_merged(schema: Schema, reason: str) -> None:
    assert _unmergeable_column(schema) == reason


@pytest.mark.parametrize(
    "result",
    [
        np.arange(25_000),
        np.linspace(0, 1, 25_000),
        np.array([[0.5, np.nan]] * 25_000),
        pd.Series([1, None] * 12_500, dtype="Int64"),
        pd.DataFrame({"a": range(25_000), "b": ["x", "y"] * 12_500}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_result_of_many_rows_is_the_json_of_all_of_them(result: Any) -> None:
    scorer = scorer_of(lambda data, params: result)
    assert scorer.encode(Scored(result, len(result)))[0].result == orjson.dumps(json_value(result))


def test_value_without_json_is_named_by_its_row_among_many() -> None:
    result = pd.Series([1] * 12_344 + [pd.Interval(0, 1)], dtype=object)
    with pytest.raises(PredictionFailed, match=r"\[12344\]"):
        scorer_of(lambda data, params: result).encode(Scored(result, len(result)))


@pytest.mark.parametrize("rows", [None, 100, 15_000])
def test_result_that_is_too_large_is_an_error_that_says_so(rows: int | None) -> None:
    result = np.linspace(0, 1, rows or 100)
    scorer = Scorer(model_of(None), entry(), max_result_bytes=1000)
    with pytest.raises(ResultTooLarge, match="more than 1000 bytes"):
        scorer.encode(Scored(result, rows))
