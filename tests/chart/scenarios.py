"""The matrix of values: what the charts are rendered with, by name."""

import copy
from typing import Any

from tests.chart.charts import Values

PREDICT_ID, TRAIN_ID, RUN_MODEL_ID, DATABRICKS_ID, TENANT_ID, LEGACY_ID, GPU_ID, POOL_DATABRICKS_ID = (
    f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "12345678"
)

POOLS_CATALOG = """\
models:
  wine: {experiment: /e/wine, notebook: /n/wine, parameters: {}, cluster: {serverless: true}}
  trees: {experiment: /e/trees, notebook: /n/trees, parameters: {}, cluster: {serverless: true}, pool: legacy}
  shrubs: {experiment: /e/shrubs, notebook: /n/shrubs, parameters: {}, cluster: {serverless: true}, pool: legacy}
  images: {experiment: /e/images, notebook: /n/images, parameters: {}, cluster: {serverless: true}, pool: gpu_a100}
"""


def at(path: str, value: Any) -> Values:
    """{"a": {"b": value}} of "a.b"."""
    for key in reversed(path.split(".")):
        value = {key: value}
    values: Values = value
    return values


def merged(base: Values, over: Values) -> Values:
    """As Helm merges values: mappings key by key, everything else replaced."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


REQUIRED: Values = {
    "global": {"servicebus": {"namespace": "ondemand-bus"}},
    "image": {"registry": "example.azurecr.io"},
    "operations": {"url": "az://operations/v1", "storageAccount": "ondemandstore"},
    "databricks": {"host": "https://adb-1.2.azuredatabricks.net", "oidcAudience": "databricks-account"},
    "functionKeys": {"secret": "function-keys"},
    "predict": {"identity": {"clientId": PREDICT_ID}},
    "train": {"identity": {"clientId": TRAIN_ID, "databricksClientId": DATABRICKS_ID}},
    "runModel": {"identity": {"clientId": RUN_MODEL_ID, "databricksClientId": DATABRICKS_ID}},
}
"""What a user has to give; everything else has a default."""

WORKLOAD_IDENTITY: Values = {
    "keda": {"identity": {"clientId": DATABRICKS_ID, "tenantId": TENANT_ID}},
}
CONNECTION_STRING: Values = {
    "global": {"servicebus": {"namespace": "", "connectionSecret": {"name": "bus", "key": "listen-send"}}},
    "keda": {"connectionSecret": {"name": "bus-of-keda", "key": "manage"}},
    "mlflow": {"trackingUri": "https://mlflow.example.com"},
    "databricks": {"auth": "token"},
    "secrets": {
        "databricksTrainToken": {"secret": "databricks-train"},
        "mlflowToken": {"secret": "mlflow", "key": "token"},
        "storageAccountKey": {"secret": "storage"},
    },
    **{function: {"identity": {"clientId": ""}} for function in ("predict", "train", "runModel")},
}
DATABRICKS_TOKEN: Values = {
    "databricks": {"auth": "token"},
    "secrets": {"databricksTrainToken": {"secret": "databricks-train"}, "databricksToken": {"secret": "databricks"}},
}
KEY_VAULT: Values = {
    "databricks": {"auth": "client-secret"},
    "functionKeys": {"secret": "", "keyVaultObjects": {"host.master": "master", "host.function.default": "client"}},
    "keyVault": {"name": "ondemand-vault", "tenantId": TENANT_ID},
    "secrets": {
        "databricksToken": {"keyVaultObject": "databricks-token"},
        "databricksTrainClientSecret": {"keyVaultObject": "databricks-train-secret"},
        "databricksClientSecret": {"keyVaultObject": "databricks-secret"},
        "applicationInsights": {"keyVaultObject": "insights"},
        "idempotencySecret": {"keyVaultObject": "idempotency"},
    },
}
GPU_POOL: Values = {
    "identity": {"clientId": GPU_ID, "databricksClientId": POOL_DATABRICKS_ID},
    "image": {"repository": "mlflow-ondemand-gpu", "digest": "sha256:" + "a" * 64},
    "resources": {
        "requests": {"cpu": "4", "memory": "16Gi"},
        "limits": {"memory": "16Gi", "nvidia.com/gpu": 1},
    },
    "settings": {"MODEL_CACHE_BYTES": 8 * 1024**3, "LOOKUP_TTL_S": 60},
    "nodeSelector": {"kubernetes.azure.com/accelerator": "nvidia"},
    "tolerations": [
        {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
        {"key": "kubernetes.azure.com/scalesetpriority", "operator": "Equal", "value": "spot", "effect": "NoSchedule"},
    ],
}
POOLS: Values = {
    "global": {"catalog": POOLS_CATALOG},
    "pools": {
        "gpu_a100": GPU_POOL,
        "legacy": {"identity": {"clientId": LEGACY_ID, "databricksClientId": POOL_DATABRICKS_ID}},
    },
    "keda": {"pools": {"gpu_a100": {"maxReplicas": 2, "messageCount": 8}}},
}
INGRESS: Values = {
    "networkPolicy": {"ingressNamespaces": ["ingress-nginx"]},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "hosts": ["predict.example.com"],
        "tls": [{"hosts": ["predict.example.com"], "secretName": "predict-tls"}],
        "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "75"},
    },
}
GATEWAY: Values = {
    "networkPolicy": {"ingressNamespaces": ["gateways"]},
    "httpRoute": {
        "enabled": True,
        "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
        "hostnames": ["predict.example.com"],
    },
}
HTTP_ADD_ON: Values = {
    "keda": {"predict": {"minReplicas": 0, "http": {"enabled": True, "hosts": ["predict.example.com"]}}}
}
HPA: dict[str, Any] = {
    "keda": {"enabled": False},
    **{function: {"autoscaling": {"enabled": True}} for function in ("predict", "train", "runModel")},
}
EVERYTHING: Values = {
    "global": {"fullname": "demo-mlflow"},
    "image": {"tag": "1.2.3", "pullPolicy": "Always", "pullSecrets": ["registry"]},
    "service": {
        "type": "LoadBalancer",
        "annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
    },
    "telemetry": {"openTelemetry": {"enabled": True, "endpoint": "http://collector.monitoring:4318"}},
    "secrets": {
        "applicationInsights": {"secret": "insights"},
        "otlpHeaders": {"secret": "collector", "key": "headers"},
        "idempotencySecret": {"secret": "predict", "key": "idempotency"},
    },
    "predict": {
        "priorityClassName": "serving",
        "podAnnotations": {"example.com/owner": "ml"},
        "podLabels": {"example.com/team": "ml"},
        "extraEnv": [
            {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"},
        ],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "agentpool", "operator": "In", "values": ["a"]}]}
                    ]
                }
            }
        },
        "tolerations": [{"key": "serving", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
    },
    "runModel": {"modelCache": {"existingClaim": "models"}, "topologySpread": {"whenUnsatisfiable": "DoNotSchedule"}},
    "networkPolicy": {
        "ingressFrom": [{"ipBlock": {"cidr": "10.0.0.0/16"}}],
        "extraEgress": [{"to": [{"namespaceSelector": {}}], "ports": [{"port": 5000, "protocol": "TCP"}]}],
    },
    "keda": {"train": {"annotations": {"autoscaling.keda.sh/paused": "true"}}},
}
NAMES_OF_DIGITS: Values = merged(
    merged(CONNECTION_STRING, INGRESS),
    {
        "global": {"servicebus": {"connectionSecret": {"name": "1", "key": "2"}}},
        "image": {"pullSecrets": ["3"]},
        "operations": {"storageAccount": "1234567"},
        "functionKeys": {"secret": "4"},
        "secrets": {"mlflowToken": {"secret": "5", "key": "6"}},
        "keda": {"connectionSecret": {"name": "1e1", "key": "0x2"}},
        "ingress": {"className": "7"},
        "predict": {"priorityClassName": "8"},
        "runModel": {"modelCache": {"existingClaim": "9"}},
        "networkPolicy": {"ingressNamespaces": ["10"]},
    },
)
"""Names of Kubernetes and storage accounts may look like numbers, which an object's fields are not."""

HELM_SCENARIOS: dict[str, Values] = {
    name: merged(REQUIRED, values)
    for name, values in {
        "default": {},
        "workload-identity": WORKLOAD_IDENTITY,
        "connection-string": CONNECTION_STRING,
        "databricks-token": DATABRICKS_TOKEN,
        "key-vault": merged(WORKLOAD_IDENTITY, KEY_VAULT),
        "pools": POOLS,
        "pools-key-vault": merged(POOLS, KEY_VAULT),
        "ingress": INGRESS,
        "gateway": GATEWAY,
        "http-add-on": merged(merged(HTTP_ADD_ON, INGRESS), GATEWAY),
        "hpa": HPA,
        "names-of-digits": NAMES_OF_DIGITS,
        "network-policy-off": {"networkPolicy": {"enabled": False}},
        "everything": merged(
            merged(merged(WORKLOAD_IDENTITY, POOLS), merged(INGRESS, GATEWAY)), merged(HTTP_ADD_ON, EVERYTHING)
        ),
    }.items()
}

BUS: Values = {"global": {"servicebus": {"namespace": "ondemand-bus"}}}
KEDA_SCENARIOS: dict[str, Values] = {
    name: merged(BUS, values)
    for name, values in {
        "default": {},
        "workload-identity": {"identity": WORKLOAD_IDENTITY["keda"]["identity"]},
        "connection-string": {"global": CONNECTION_STRING["global"], **CONNECTION_STRING["keda"]},
        "pools": {"global": POOLS["global"], **POOLS["keda"]},
        "http-add-on": HTTP_ADD_ON["keda"],
        "for another release": {"global": {"fullname": "serving"}},
    }.items()
}
SCENARIOS = {"helm": HELM_SCENARIOS, "keda": KEDA_SCENARIOS}
CASES = [(chart, name) for chart, scenarios in SCENARIOS.items() for name in scenarios]
