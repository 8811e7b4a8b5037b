"""The OpenAPI document says what the code accepts."""

import json
from pathlib import Path
from typing import Any

from functions.catalog import Catalog, load_catalog
from functions.predict.openapi import openapi
from functions.predict.request import parse_body, validate
from functions.settings import RowSettings

FEW = RowSettings(max_rows=10)
CATALOG = load_catalog(Path(__file__).parents[4] / "models.yaml")
DOCUMENT = openapi(CATALOG, "1.2.3")


def references(value: object) -> set[str]:
    """The targets of all ``$ref`` in a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set[str]().union(*map(references, value)) if isinstance(value, list) else set()


def examples(document: dict[str, Any]) -> dict[str, Any]:
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    return {name: example["value"] for name, example in content["examples"].items()}


def test_every_reference_leads_to_a_schema() -> None:
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) <= names
    assert {f"#/components/schemas/{name}" for name in ("PredictRequest", "Operation", "Problem")} <= names


def test_schemas_have_the_names_of_the_api() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["PredictRequest"]["properties"]) == {
        "runId", "modelType", "modelParameters", "predictionParameters",
    }  # fmt: skip
    assert {"runId", "statusMessage", "expiresAt"} <= set(schemas["Operation"]["properties"])
    assert set(schemas["ModelReference"]["properties"]) == {"uri", "runId"}
    assert set(schemas["Training"]["properties"]) == {"runId", "url", "state", "startedAt"}
    assert schemas["PredictRequest"]["properties"]["modelType"]["examples"] == sorted(CATALOG.models)


def test_the_examples_of_the_catalog_are_requests_that_are_accepted() -> None:
    assert set(examples(DOCUMENT)) == {name for name, entry in CATALOG.models.items() if entry.example}
    for name, body in examples(DOCUMENT).items():
        request = parse_body("application/json", json.dumps(body).encode(), 10_000)
        assert validate(request, CATALOG, FEW).model_type == name


def test_a_type_without_an_example_shows_none() -> None:
    wine = CATALOG.models["wine"].model_copy(update={"example": None})
    assert examples(openapi(Catalog(models={"wine": wine}), "1")) == {}


def test_every_status_of_predict_has_the_operation_as_its_body() -> None:
    responses = DOCUMENT["paths"]["/predict"]["post"]["responses"]
    assert set(responses) == {"200", "202", "400", "401", "404", "411", "413", "415", "422", "429", "500", "502", "503"}
    assert references(responses) == {"#/components/schemas/Operation"}
    assert DOCUMENT["info"]["version"] == "1.2.3"
