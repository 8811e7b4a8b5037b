"""The alert rules of deploy/modules/alerts.bicep."""

from pydantic import JsonValue

from tests.deploy.bicep import Tree, files

METRICS = {
    "bus": {
        "ActiveMessages": {"Average", "Minimum", "Maximum"},
        "DeadletteredMessages": {"Average", "Minimum", "Maximum"},
        "ScheduledMessages": {"Average", "Minimum", "Maximum"},
        "IncomingRequests": {"Total"},
        "ServerErrors": {"Total"},
        "ThrottledRequests": {"Total"},
    },
    "storage": {"Availability": {"Average", "Minimum", "Maximum"}},
}
"""What Azure measures, and how it may be aggregated, by the names of the Bicep file; all of Service Bus by EntityName.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-servicebus-namespaces-metrics and
https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-storage-storageaccounts-metrics
"""


def rules(variable: str) -> list[Tree]:
    """Those of ``metricRules`` or ``queryRules``."""
    value = files()["modules/alerts.bicep"].variables[variable]["value"]
    assert isinstance(value, list)
    return [rule for rule in value if isinstance(rule, dict)]


def text(value: JsonValue) -> str:
    """A string of Bicep without its quotes."""
    return str(value).strip("'")
