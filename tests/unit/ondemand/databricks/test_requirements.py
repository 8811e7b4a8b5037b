"""``%pip`` checks and never installs."""

from importlib.metadata import version

import pytest

from ondemand.databricks.notebook.requirements import RequirementNotMet, check_pip


@pytest.mark.parametrize(
    "command",
    [
        "install packaging",
        f"install -U packaging=={version('packaging')} 'pytest>=1'",
        "install packaging  # needed later",
        "install \"unknown-package; python_version < '3'\"",
    ],
)
def test_what_is_installed_passes(command: str) -> None:
    check_pip(command)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("install unknown-package", "unknown-package is not installed"),
        ("install packaging==0.1", r"packaging is installed as .*, not ==0\.1"),
        ("install -r requirements.txt", "'-r' is not supported"),
        ("uninstall packaging", "%pip uninstall"),
        ("", "only %pip install"),
    ],
)
def test_what_is_missing_is_named(command: str, message: str) -> None:
    with pytest.raises(RequirementNotMet, match=message):
        check_pip(command)


def test_every_problem_is_named() -> None:
    with pytest.raises(RequirementNotMet, match=r"one is not installed; two is not installed"):
        check_pip("install one two")
