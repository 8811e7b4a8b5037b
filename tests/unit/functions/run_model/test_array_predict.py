"""Prediction from an array: the same as from the frame, to the last bit, and only by estimators known for it."""

import warnings
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
import sklearn
from mlflow.models import ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, Schema
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from functions.catalog import ModelType, Serverless
from functions.errors import InputRefused
from functions.run_model.array_predict import ESTIMATORS, array_predict
from functions.run_model.scoring import Scorer

COLUMNS = [f"c{number}" for number in range(7)]
RANDOM = np.random.default_rng(0)
FEATURES = pd.DataFrame(RANDOM.gamma(2, 2, size=(120, 7)), columns=COLUMNS)
TARGET = FEATURES @ [1, 0.3, -2, 0, 5, 0.01, 1] + RANDOM.normal(size=120)
CLASSES = TARGET.gt(TARGET.median()).astype(int)
SIGNATURE = ModelSignature(Schema([ColSpec("double", name) for name in COLUMNS]))
ENTRY = ModelType(experiment="/e", notebook="/n", parameters={}, cluster=Serverless(serverless=True))
KNOWN = [
    (kind, method)
    for name, kind in all_estimators()
    if name in ESTIMATORS.get(kind.__module__.split(".")[1], ())
    for method in ("predict", "predict_proba")
    if method == "predict" or hasattr(kind(), method)
]


def loaded(model: Any, folder: Path, method: str = "predict") -> PyFuncModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickle
        mlflow.sklearn.save_model(
            model,
            folder,
            serialization_format="cloudpickle",
            signature=SIGNATURE,
            pyfunc_predict_fn=method,
            pip_requirements=["scikit-learn"],
        )
        return mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)


def fitted(kind: type) -> Any:
    model = kind()
    quick = {"n_estimators": 5, "max_depth": 3, "random_state": 0, "max_iter": 2000}
    model.set_params(**{name: value for name, value in quick.items() if name in model.get_params()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about convergence, which is not at stake
        return model.fit(FEATURES, CLASSES if sklearn.base.is_classifier(model) else TARGET)


def test_every_class_that_is_listed_exists() -> None:
    assert {kind.__name__ for kind, _ in KNOWN} == frozenset().union(*ESTIMATORS.values())


@pytest.mark.parametrize(("kind", "method"), KNOWN)
def test_array_gives_what_the_frame_gives_to_the_last_bit(tmp_path: Path, kind: type, method: str) -> None:
    model = loaded(fitted(kind), tmp_path, method)
    scorer = Scorer(model, ENTRY)
    assert array_predict(model, COLUMNS)
    for count in (1, 2, 5, 32, 200):
        rows = pd.DataFrame(RANDOM.gamma(2, 2, size=(count, 7)), columns=COLUMNS)
        expected = model.predict(rows)
        split = {"columns": COLUMNS[::-1], "data": rows[COLUMNS[::-1]].to_numpy().tolist()}
        for asked in (rows.to_dict("records"), {"dataframe_split": split}):
            result = scorer.score(asked).result
            assert result.dtype == expected.dtype
            assert result.shape == expected.shape
            assert result.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), ElasticNet()),
        make_pipeline(ColumnTransformer([("a", "passthrough", ["c1", "c0"])]), LinearRegression()),
        VotingRegressor([("a", LinearRegression()), ("b", ElasticNet())]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_estimators_of_estimators_get_the_frame(tmp_path: Path, model: Any) -> None:
    assert array_predict(loaded(model.fit(FEATURES, TARGET), tmp_path), COLUMNS) is None


class Doubled(LinearRegression):  # type: ignore[misc]  # mypy does not read scikit-learn
    """A class of the modeller's own."""

    def predict(self, data: pd.DataFrame) -> Any:
        return super().predict(data) * 2 + len(data.columns)


def test_class_of_the_modeller_gets_the_frame(tmp_path: Path) -> None:
    assert array_predict(loaded(Doubled().fit(FEATURES, TARGET), tmp_path), COLUMNS) is None


def test_estimator_with_a_method_of_its_own_gets_the_frame(tmp_path: Path) -> None:
    model = LinearRegression().fit(FEATURES, TARGET)
    model.predict = len
    scorer = Scorer(loaded(model, tmp_path), ENTRY)
    assert scorer.score(FEATURES[:3].to_dict("records")).result == 3


@pytest.mark.parametrize("columns", [(), COLUMNS[::-1], COLUMNS[1:]])
def test_other_columns_than_those_of_fitting_need_the_frame(tmp_path: Path, columns: list[str]) -> None:
    assert array_predict(loaded(LinearRegression().fit(FEATURES, TARGET), tmp_path), columns) is None


def test_estimator_fitted_without_names_and_other_methods_need_the_frame(tmp_path: Path) -> None:
    nameless = loaded(LinearRegression().fit(FEATURES.to_numpy(), TARGET), tmp_path / "a")
    assert array_predict(nameless, COLUMNS) is None
    logarithms = loaded(LogisticRegression(max_iter=2000).fit(FEATURES, CLASSES), tmp_path / "b", "predict_log_proba")
    assert array_predict(logarithms, COLUMNS) is None


def test_rows_that_are_read_value_by_value_are_predicted_from_the_frame(tmp_path: Path) -> None:
    model = loaded(LinearRegression().fit(FEATURES, TARGET), tmp_path)
    rows = FEATURES[:2].to_dict("records")
    as_text = [{name: str(value) for name, value in row.items()} for row in rows]
    scorer = Scorer(model, ENTRY)
    expected = model.predict(FEATURES[:2]).tolist()
    assert [scorer.score(asked).result.tolist() for asked in (rows, as_text)] == [expected, expected]
    with pytest.raises(InputRefused):
        scorer.score([{**rows[0], "c0": True}])


def test_model_itself_is_left_as_it_was(tmp_path: Path) -> None:
    model = loaded(LinearRegression().fit(FEATURES, TARGET), tmp_path)
    array_predict(model, COLUMNS)
    assert list(model.get_raw_model().feature_names_in_) == COLUMNS


@pytest.mark.parametrize("names", [None, np.array("ab"), "abcdefg", [*COLUMNS], np.array([1] * 7)])
def test_estimator_whose_names_were_edited_gets_the_frame(tmp_path: Path, names: Any) -> None:
    model = LinearRegression().fit(FEATURES, TARGET)
    model.feature_names_in_ = names
    assert array_predict(loaded(model, tmp_path), COLUMNS) is None


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_model_without_names_of_its_own_is_served_as_mlflow_serves_it(tmp_path: Path) -> None:
    model = LinearRegression().fit(FEATURES, TARGET)
    model.feature_names_in_ = None
    served = loaded(model, tmp_path)
    rows = FEATURES[:3]
    assert Scorer(served, ENTRY).score(rows.to_dict("records")).result.tolist() == served.predict(rows).tolist()


def test_estimator_that_was_not_fitted_gets_the_frame(tmp_path: Path) -> None:
    model = LinearRegression()
    model.feature_names_in_ = np.array(COLUMNS, dtype=object)
    assert array_predict(loaded(model, tmp_path), COLUMNS) is None


def test_inner_method_of_its_own_needs_the_frame(tmp_path: Path) -> None:
    model = LinearRegression().fit(FEATURES, TARGET)
    model._decision_function = np.negative
    assert array_predict(loaded(model, tmp_path), COLUMNS) is None


def test_class_that_only_says_it_is_of_scikit_learn_gets_the_frame(tmp_path: Path) -> None:
    kind = type("LinearRegression", (LinearRegression,), {"__module__": "sklearn.linear_model._mine"})
    assert array_predict(loaded(kind().fit(FEATURES, TARGET), tmp_path), COLUMNS) is None
