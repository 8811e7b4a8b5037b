"""What the simulation takes from the charts, host.json and the functions' settings, so that nothing is typed twice."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from benchmarks.scaling.decision import Policy, Rules, Scaling
from benchmarks.workspace import ROOT


def _yaml(path: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return document


KEDA = _yaml("keda/values.yaml")
HELM = _yaml("helm/values.yaml")
HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))

MAX_CONCURRENT_CALLS: int = HOST["extensions"]["serviceBus"]["maxConcurrentCalls"]
DEFAULT_WAIT_S: float = HELM["predict"]["settings"]["DEFAULT_WAIT_S"]
MAX_WAITING: int = HELM["predict"]["settings"]["MAX_WAITING"]


def queue_scaling(component: str, **changed: Any) -> Scaling:
    """Of ``train`` or ``runModel``; *changed* are other values than the chart's, by their names there."""
    values = {**KEDA[component], **changed}
    return _scaling(
        values,
        target=values["messageCount"],
        activation=values["activationMessageCount"],
        use_cached_metrics=values["useCachedMetrics"],
    )


def predict_scaling(cores: float | None = None, **changed: Any) -> Scaling:
    """Of ``predict``: by CPU, so the target is cores in use a replica, of *cores* or what the chart's pod asks for."""
    values = {**KEDA["predict"], **changed}
    return _scaling(values, target=values["cpuUtilization"] / 100 * (cores or cpu_request("predict")))


def cpu_request(component: str) -> float:
    """Cores that a pod asks for."""
    text = str(HELM[component]["resources"]["requests"]["cpu"])
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def _scaling(values: Mapping[str, Any], target: float, **more: Any) -> Scaling:
    return Scaling(
        min_replicas=values["minReplicas"],
        max_replicas=values["maxReplicas"],
        target=target,
        polling_s=values["pollingInterval"],
        cooldown_s=values["cooldownPeriod"],
        up=_rules(values["behavior"]["scaleUp"]),
        down=_rules(values["behavior"]["scaleDown"]),
        **more,
    )


def _rules(values: Mapping[str, Any]) -> Rules:
    policies = tuple(Policy(each["type"], each["value"], each["periodSeconds"]) for each in values["policies"])
    return Rules(values["stabilizationWindowSeconds"], policies, values.get("selectPolicy", "Max"))
