"""Rows for a PythonModel whose signature comes from its type hint."""

import warnings
from typing import Any

import mlflow.pyfunc
import pytest
from mlflow.pyfunc import PyFuncModel, PythonModel
from pydantic import BaseModel

from functions.run_model.rows import RowReader
from functions.run_model.scoring import Scorer
from tests.unit.functions.run_model.models import answer, entry
from tests.unit.functions.run_model.rows.models import told


class Home(BaseModel):
    rooms: int
    town: str


class Prices(PythonModel):  # type: ignore[misc]  # mypy does not read mlflow
    def predict(self, model_input: list[Home], params: dict[str, Any] | None = None) -> list[float]:
        return [home.rooms * 100.0 for home in model_input]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PyFuncModel:
    folder = tmp_path_factory.mktemp("hinted") / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about cloudpickle
        mlflow.pyfunc.save_model(folder, python_model=Prices(), pip_requirements=["pydantic"])
    loaded: PyFuncModel = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
    return loaded


HOMES = [{"rooms": 3, "town": "Rome"}, {"rooms": 2, "town": "Pisa"}]


@pytest.mark.parametrize("asked", [HOMES, {"dataframe_records": HOMES}, {"inputs": HOMES}, {"instances": HOMES}])
def test_model_is_given_the_rows_as_its_hint_says(model: PyFuncModel, asked: Any) -> None:
    assert answer(Scorer(model, entry()), asked) == [300.0, 200.0]


def test_rows_come_as_they_were_sent(model: PyFuncModel) -> None:
    assert RowReader(model.metadata.signature).read(HOMES).data is HOMES


def test_each_wrong_row_is_named(model: PyFuncModel) -> None:
    wrong = told(
        model.metadata.signature, [HOMES[0], {"rooms": "many", "town": "Rome"}, {"rooms": 1.5, "town": "Bari"}]
    )
    assert len(wrong) == 2
    assert wrong[0].startswith("row 1: ")
    assert wrong[1].startswith("row 2: ")


@pytest.mark.parametrize(
    "asked", [{"inputs": {"rooms": [3]}}, {"dataframe_split": {"columns": ["rooms"], "data": [[3]]}}, []]
)
def test_rows_that_are_no_list_are_refused(model: PyFuncModel, asked: Any) -> None:
    assert len(told(model.metadata.signature, asked)) == 1
