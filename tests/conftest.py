"""Markers of all tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes a minute or more; `make faults` runs it, `make test` does not")
