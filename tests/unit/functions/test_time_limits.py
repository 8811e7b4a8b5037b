"""No handler comes near functionTimeout, at which the host kills the whole worker."""

import asyncio
import math
from pathlib import Path

import pytest
import yaml

from functions import time_limits
from functions.errors import Unavailable
from functions.predict import blueprint as predict
from functions.run_model import blueprint as run_model
from functions.settings import BusSettings, RunModelSettings, SettingsError
from functions.time_limits import check_time_limits, function_timeout_s, limited
from functions.train import blueprint as train

ROOT = Path(__file__).parents[3]
BUS = BusSettings(servicebus_connection="x")
RUN_MODEL = RunModelSettings(mlflow_tracking_uri="http://mlflow")
HANDLERS = {
    "predict": predict.time_limits(BUS),
    "dead letters": predict.dead_letter_time_limits(BUS),
    "train": train.time_limits(BUS),
    "run_model": run_model.time_limits(BUS, RUN_MODEL),
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_limits_of_a_handler_add_up_to_less_than_the_host_allows(handler: str) -> None:
    check_time_limits(HANDLERS[handler], function_timeout_s({}))


def test_limits_of_the_chart_add_up_to_less_than_its_host_allows() -> None:
    values = yaml.safe_load((ROOT / "helm" / "values.yaml").read_text("utf-8"))
    timeout_s = values["host"]["functionTimeoutSeconds"]
    given = {name.lower(): value for name, value in values["runModel"]["settings"].items()}
    settings = RunModelSettings.model_validate({"mlflow_tracking_uri": "http://mlflow", **given})
    check_time_limits(run_model.time_limits(BUS, settings), timeout_s)
    for limits in HANDLERS.values():
        check_time_limits(limits, timeout_s)


def test_settings_that_may_take_too_long_are_named() -> None:
    settings = RUN_MODEL.model_copy(update={"load_timeout_s": 400})
    with pytest.raises(SettingsError, match=r"is 600 s.*LOAD_TIMEOUT_S 400 s.*PREDICT_TIMEOUT_S 120 s"):
        check_time_limits(run_model.time_limits(BUS, settings), function_timeout_s({}))


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:10:00", 600), ("1.00:00:00", 86_400), ("00:00:30.5", 30.5), ("-1", math.inf)]
)
def test_time_is_read_as_the_host_does(text: str, seconds: float) -> None:
    assert function_timeout_s({"AzureFunctionsJobHost__functionTimeout": text}) == seconds


@pytest.mark.parametrize("text", ["soon", "", "PT10M"])
def test_time_that_the_host_cannot_read_is_told(text: str, tmp_path: Path) -> None:
    host_json = tmp_path / "host.json"
    host_json.write_text(f'{{"functionTimeout": "{text}"}}')
    with pytest.raises(SettingsError, match="functionTimeout"):
        function_timeout_s({}, host_json)


def test_variable_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "host.json"
    file.write_text('{"functionTimeout": "00:10:00"}')
    assert function_timeout_s({}, file) == 600
    assert function_timeout_s({"AZUREFUNCTIONSJOBHOST__FUNCTIONTIMEOUT": "00:20:30"}, file) == 1230
    assert function_timeout_s({"AzureFunctionsJobHost__functionTimeout": "-1"}, file) == math.inf
    assert function_timeout_s({"AzureFunctionsJobHost__functionTimeout": "1.00:10:00"}, file) == 87_000
    file.write_text("{}")
    assert function_timeout_s({}, file) == 1800
    with pytest.raises(SettingsError, match="'soon' is no time such as 00:30:00"):
        function_timeout_s({"AzureFunctionsJobHost__functionTimeout": "soon"}, file)


async def test_handler_beyond_its_limit_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limits, "HANDLER_LIMIT_S", 0.01)
    with pytest.raises(Unavailable, match=r"within 0\.01 s"):
        async with limited():
            await asyncio.Event().wait()


async def test_time_limit_within_a_handler_is_its_own_error() -> None:
    with pytest.raises(TimeoutError, match="its own"):
        async with limited():
            raise TimeoutError("its own")
