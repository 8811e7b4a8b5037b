"""Dates and floats of numpy."""

import numpy as np
import pandas as pd
import pytest

from functions.run_model.json_values import json_value


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
def test_array_of_dates_and_series_of_them_are_one_form(unit: str) -> None:
    dates = np.array(["2024-01-02T03:04:05.5", "NaT"], dtype="datetime64[ns]").astype(f"datetime64[{unit}]")
    first, missing = json_value(dates)
    assert first == pd.Timestamp(dates[0]).isoformat()
    assert missing is None
    assert json_value(pd.Series(dates)) == [first, missing]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_floats_of_every_width_keep_their_number(dtype: str) -> None:
    values = np.array([0.1, -0.0, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal], dtype=dtype)
    assert np.array_equal(np.array(json_value(values), dtype=dtype), values)
    assert str(json_value(values)[1]) == "-0.0"
