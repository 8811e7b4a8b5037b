"""The columns that a model was fitted with."""

from typing import Any

import pandas as pd
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from functions.run_model.rows import fitted_columns
from tests.unit.functions.run_model.rows.models import Echo


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
