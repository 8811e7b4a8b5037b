"""The alert rules of deploy/modules/alerts.bicep."""

from pydantic import JsonValue

from tests.deploy.bicep import Tree, files


def rules(variable: str) -> list[Tree]:
    """Those of ``metricRules`` or ``queryRules``."""
    value = files()["modules/alerts.bicep"].variables[variable]["value"]
    assert isinstance(value, list)
    return [rule for rule in value if isinstance(rule, dict)]


def text(value: JsonValue) -> str:
    """A string of Bicep without its quotes."""
    return str(value).strip("'")
