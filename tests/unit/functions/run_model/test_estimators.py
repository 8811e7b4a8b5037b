"""Only models made of a library's own parts are taken to predict row by row."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import NMF, PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes the next import possible
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, scale
from sklearn.svm import SVC

from functions.run_model.estimators import custom_part, row_dependent_part

FEATURES = pd.DataFrame(np.random.default_rng(0).random((30, 2)), columns=["a", "b"])
TARGET = FEATURES["a"] * 2


class BatchMean(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    def fit(self, features: Any, target: Any = None) -> "BatchMean":
        return self

    def transform(self, features: Any) -> Any:
        return features - features.mean()


class OwnRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    def fit(self, features: Any, target: Any) -> "OwnRegressor":
        return self

    def predict(self, features: Any) -> Any:
        return features["a"] - features["a"].mean()


class Wrapper:
    """What mlflow's loaders give: the library's model is asked for by `get_raw_model`."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        return self._model

    def predict(self, data: Any) -> Any:
        return self._model.predict(data)


def pyfunc(model: Any, loader: str = "mlflow.sklearn") -> PyFuncModel:
    return PyFuncModel(Model(flavors={"python_function": {"loader_module": loader}}), Wrapper(model))


def distance(one: Any, other: Any) -> float:
    return float(np.abs(one - other).sum())


@pytest.mark.parametrize(
    "model",
    [
        ElasticNet(),
        RandomForestRegressor(5),
        HistGradientBoostingRegressor(max_iter=5),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(FunctionTransformer(np.log1p), Ridge()),
        make_pipeline(ColumnTransformer([("a", OneHotEncoder(handle_unknown="ignore"), ["a"])]), Ridge()),
        make_pipeline(ColumnTransformer([("a", StandardScaler(), make_column_selector("a"))]), Ridge()),
        GridSearchCV(Ridge(), {"alpha": [1, 2]}),
        TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_library_parts_alone_are_not_custom(model: Any) -> None:
    fitted = pyfunc(model.fit(FEATURES, TARGET))
    assert custom_part(fitted) is None
    assert row_dependent_part(fitted) is None


@pytest.mark.parametrize(
    "model",
    [
        DummyClassifier(strategy="stratified", random_state=1),
        DummyClassifier(strategy="uniform", random_state=0),
        make_pipeline(IterativeImputer(sample_posterior=True, random_state=0), Ridge()),
        make_pipeline(KNNImputer(), Ridge()),
        make_pipeline(NMF(2, max_iter=500), Ridge()),
        KNeighborsRegressor(1, algorithm="brute"),
        StackingRegressor([("a", Ridge()), ("b", KNeighborsRegressor())]),
        KMeans(2, n_init=1),
        GridSearchCV(KNeighborsRegressor(), {"n_neighbors": [1, 2]}),
    ],
    ids=lambda model: type(model).__name__,
)
def test_library_parts_that_look_at_more_than_a_row_are_named(model: Any) -> None:
    fitted = pyfunc(model.fit(FEATURES, TARGET.mean() < TARGET))
    assert custom_part(fitted) is None
    assert row_dependent_part(fitted) is not None


@pytest.mark.parametrize(
    "model",
    [
        DummyClassifier(strategy="prior"),
        make_pipeline(SimpleImputer(), PCA(1), LogisticRegression()),
        RandomForestClassifier(5),
        SVC(),
        QuadraticDiscriminantAnalysis(reg_param=0.1),
        CalibratedClassifierCV(LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=5),
    ],
    ids=lambda model: type(model).__name__,
)
def test_row_wise_classifiers_are_known(model: Any) -> None:
    assert row_dependent_part(pyfunc(model.fit(FEATURES, TARGET.mean() < TARGET))) is None


def centred(features: Any) -> Any:
    return features - features.mean()


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (OwnRegressor(), "OwnRegressor"),
        (make_pipeline(BatchMean(), Ridge()), "BatchMean"),
        (make_pipeline(FunctionTransformer(centred), Ridge()), "centred"),
        (make_pipeline(FunctionTransformer(scale), Ridge()), "scale"),
        (make_pipeline(FunctionTransformer(np.sort), Ridge()), "sort"),
        (make_pipeline(ColumnTransformer([("a", Pipeline([("b", BatchMean())]), ["a"])]), Ridge()), "BatchMean"),
        (KNeighborsRegressor(metric=distance), "distance"),
        (VotingRegressor([("a", Ridge()), ("b", OwnRegressor())]), "OwnRegressor"),
        (TransformedTargetRegressor(OwnRegressor()), "OwnRegressor"),
        (GridSearchCV(make_pipeline(BatchMean(), Ridge()), {"ridge__alpha": [1, 2]}), "BatchMean"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_custom_parts_are_named(model: Any, name: str) -> None:
    part = custom_part(pyfunc(model.fit(FEATURES, TARGET)))
    assert part is not None
    assert name in part


def test_method_set_on_an_instance_is_custom() -> None:
    model = Ridge().fit(FEATURES, TARGET)
    model.predict = lambda features: features["a"] - features["a"].mean()
    assert custom_part(pyfunc(model)) == "Ridge with a method of its own"


@pytest.mark.parametrize(
    "loader", ["mlflow.prophet", "mlflow.statsmodels", "mlflow.pyfunc.model", "mlflow.pytorch", "mlflow.onnx"]
)
def test_other_flavours_are_not_row_wise(loader: str) -> None:
    assert row_dependent_part(pyfunc(Ridge(), loader)) == loader
