"""Strict validation of manifests: unknown fields are refused, as an API server refuses or, worse, drops them."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import kubernetes_validate
from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication
from jsonschema import Draft202012Validator

from tests.chart.charts import Manifest

KUBERNETES = ("1.33", "1.37")
"""The oldest that AKS supports (long-term support) and the newest there is a schema for."""

Schema = dict[str, Any]
STRING: Schema = {"type": "string", "minLength": 1}
STRINGS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def strict(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False}


def custom(api_version: str, kind: str, spec: Schema) -> Schema:
    metadata = strict({"name": STRING, "labels": STRINGS, "annotations": STRINGS}, "name")
    return strict(
        {"apiVersion": {"const": api_version}, "kind": {"const": kind}, "metadata": metadata, "spec": spec},
        *("apiVersion", "kind", "metadata", "spec"),
    )


def _refusing_unknown(schema: Schema) -> Schema:
    """The schema with `additionalProperties: false` wherever it lists properties."""
    result: Schema = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            result[key] = {name: _refusing_unknown(inner) for name, inner in value.items()}
        elif isinstance(value, dict):
            result[key] = _refusing_unknown(value)
        elif isinstance(value, list):
            result[key] = [_refusing_unknown(item) if isinstance(item, dict) else item for item in value]
        else:
            result[key] = value
    if "properties" in schema:
        result.setdefault("additionalProperties", False)
    return result


def _scaled_object() -> Schema:
    """KEDA 2.16's schema and what came to it up to 2.21: `fallback.behavior` (2.17), one more of them (2.20)."""
    schema = _refusing_unknown(ScaledObject.model_json_schema(by_alias=True))
    behaviors = ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower", "scalingModifiers"]
    schema["$defs"]["Fallback"]["properties"]["behavior"] = {"enum": behaviors}
    return schema


# Not in any package for this Python: written from the references of the add-on, of Gateway API and of the CSI driver,
# no further than the charts use them.
_DURATION: Schema = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
_INTERCEPTOR_ROUTE = custom(
    "http.keda.sh/v1beta1",
    "InterceptorRoute",
    strict(
        {
            "target": strict({"service": STRING, "portName": STRING}, "service", "portName"),
            "rules": {
                "type": "array",
                "items": strict(
                    {
                        "hosts": {"type": "array", "items": STRING, "minItems": 1},
                        "paths": {"type": "array", "items": strict({"value": STRING}, "value"), "minItems": 1},
                    }
                ),
            },
            "scalingMetric": strict(
                {"concurrency": strict({"targetValue": {"type": "integer", "minimum": 1}}, "targetValue")},
                "concurrency",
            ),
            "timeouts": strict({"readiness": _DURATION, "responseHeader": _DURATION, "request": _DURATION}),
        },
        *("target", "scalingMetric"),
    ),
)
_HTTP_ROUTE = custom(
    "gateway.networking.k8s.io/v1",
    "HTTPRoute",
    strict(
        {
            "parentRefs": {
                "type": "array",
                "minItems": 1,
                "items": strict({"name": STRING, "namespace": STRING, "sectionName": STRING, "port": _PORT}, "name"),
            },
            "hostnames": {"type": "array", "items": STRING},
            "rules": {
                "type": "array",
                "items": strict(
                    {
                        "matches": {
                            "type": "array",
                            "items": strict(
                                {"path": strict({"type": {"const": "PathPrefix"}, "value": STRING}, "type", "value")}
                            ),
                        },
                        "backendRefs": {
                            "type": "array",
                            "items": strict({"name": STRING, "namespace": STRING, "port": _PORT}, "name", "port"),
                        },
                    }
                ),
            },
        },
        "parentRefs",
    ),
)
_SECRET_PROVIDER_CLASS = custom(
    "secrets-store.csi.x-k8s.io/v1",
    "SecretProviderClass",
    strict(
        {
            "provider": {"const": "azure"},
            "parameters": strict(
                dict.fromkeys(("keyvaultName", "tenantId", "clientID", "objects"), STRING),
                *("keyvaultName", "tenantId", "clientID", "objects"),
            ),
            "secretObjects": {
                "type": "array",
                "items": strict(
                    {
                        "secretName": STRING,
                        "type": {"const": "Opaque"},
                        "data": {
                            "type": "array",
                            "items": strict({"key": STRING, "objectName": STRING}, "key", "objectName"),
                        },
                    },
                    *("secretName", "type", "data"),
                ),
            },
        },
        *("provider", "parameters"),
    ),
)
CUSTOM: dict[str, Schema] = {
    "ScaledObject": _scaled_object(),
    "TriggerAuthentication": _refusing_unknown(TriggerAuthentication.model_json_schema(by_alias=True)),
    "InterceptorRoute": _INTERCEPTOR_ROUTE,
    "HTTPRoute": _HTTP_ROUTE,
    "SecretProviderClass": _SECRET_PROVIDER_CLASS,
}


def validate(manifest: Manifest) -> None:
    """Raises jsonschema's ValidationError, of which that of kubernetes-validate is one."""
    _validate(json.dumps(manifest, sort_keys=True))


@cache
def _validate(text: str) -> None:
    """Most manifests are the same in most scenarios, and kubernetes-validate reads its schemas anew for each."""
    manifest = json.loads(text)
    schema = CUSTOM.get(manifest["kind"])
    if schema is not None:
        Draft202012Validator(schema).validate(manifest)
        return
    for version in KUBERNETES:
        kubernetes_validate.validate(manifest, version, strict=True)
