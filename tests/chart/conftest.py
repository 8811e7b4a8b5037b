from functools import cache

import pytest

from tests.chart.charts import Charts, Release
from tests.chart.scenarios import CASES, SCENARIOS


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Charts:
    """The charts with their dependency; not to be changed."""
    return Charts.copy_to(tmp_path_factory.mktemp("charts"))


class Releases:
    """Each scenario rendered once a session."""

    def __init__(self, charts: Charts) -> None:
        self._install = cache(lambda chart, scenario: charts.install(chart, SCENARIOS[chart][scenario]))

    def __call__(self, scenario: str, chart: str = "helm") -> Release:
        release: Release = self._install(chart, scenario)
        return release


@pytest.fixture(scope="session")
def releases(charts: Charts) -> Releases:
    return Releases(charts)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case), scope="session")
def release(request: pytest.FixtureRequest, releases: Releases) -> Release:
    """Each scenario of each chart."""
    chart, scenario = request.param
    return releases(scenario, chart)
