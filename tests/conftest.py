"""Markers of all tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: `make faults` runs it, `make test` does not")
