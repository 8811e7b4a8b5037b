"""Prediction from the array of a DataFrame, by estimators that make this array of the frame themselves.

scikit-learn compares the frame's column names with those of fitting and asks pandas for each column's type, which takes
five times as long as the prediction of a linear model. Rows that were read by the signature have passed both checks.
"""

import copy
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from functions.run_model.estimators import loader_module

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel
    from numpy.typing import NDArray

ArrayPredict = Callable[["NDArray[Any]"], Any]

ESTIMATORS = {
    "linear_model": frozenset(
        {"ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV", "Lasso",
         "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LogisticRegression",
         "LogisticRegressionCV", "OrthogonalMatchingPursuit", "Ridge", "RidgeCV", "RidgeClassifier",
         "RidgeClassifierCV", "SGDClassifier", "SGDRegressor"}
    ),
    "tree": frozenset({"DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"}),
    "ensemble": frozenset(
        {"ExtraTreesClassifier", "ExtraTreesRegressor", "GradientBoostingClassifier", "GradientBoostingRegressor",
         "RandomForestClassifier", "RandomForestRegressor"}
    ),
}  # fmt: skip
"""Classes of scikit-learn, by package, that begin a prediction by making one array of their input. Those that hand the
frame on to other estimators (Pipeline, ColumnTransformer, VotingRegressor) or look at its types are none of them."""
METHODS = frozenset({"predict", "predict_proba"})


def array_predict(model: "PyFuncModel", columns: Sequence[str]) -> ArrayPredict | None:
    """The prediction by an array of these columns in pandas' order of memory; None where a frame is needed.

    It gives what ``predict`` of the model gives for the frame of the array, to the last bit.
    """
    method = model.metadata.flavors["python_function"].get("predict_fn", "predict")
    if not columns or loader_module(model) != "mlflow.sklearn" or method not in METHODS:
        return None
    estimator = model.get_raw_model()
    if not _is_known(type(estimator)) or _shadows(estimator) or not _was_fitted_with(estimator, columns):
        return None
    nameless = copy.copy(estimator)
    del nameless.feature_names_in_  # with it scikit-learn warns of an array; the number of columns is still compared
    predict: ArrayPredict | None = getattr(nameless, method, None)
    return predict


def _is_known(kind: type) -> bool:
    library, package, *_ = f"{kind.__module__}..".split(".")
    found = getattr(sys.modules.get(kind.__module__), kind.__name__, None)
    return library == "sklearn" and kind.__name__ in ESTIMATORS.get(package, ()) and found is kind


def _shadows(estimator: Any) -> bool:
    """Whether an attribute of the estimator stands in front of a method of its class."""
    return any(callable(getattr(type(estimator), name, None)) for name in vars(estimator))


def _was_fitted_with(estimator: Any, columns: Sequence[str]) -> bool:
    import numpy as np

    fitted = vars(estimator)
    names = fitted.get("feature_names_in_")
    is_list = isinstance(names, np.ndarray) and names.ndim == 1 and all(isinstance(name, str) for name in names)
    return is_list and list(names) == list(columns) and fitted.get("n_features_in_") == len(columns)
