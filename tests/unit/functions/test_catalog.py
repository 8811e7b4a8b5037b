import json
import re
from pathlib import Path

import pytest

from functions.catalog import ExistingCluster, NewCluster, Serverless, load_catalog
from functions.errors import CatalogError, InvalidRequest, UnknownModelType
from functions.parameters import ParameterValue, training_key

ENTRY = """
models:
  wine:
    experiment: /Shared/wine
    notebook: /Shared/wine
    parameters:
      alpha: {type: float, default: 1}
    cluster: %s
    pool: %s
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("cluster", "kind"),
    [
        ("{existing_cluster_id: abc}", ExistingCluster),
        ("{new_cluster: {num_workers: 1}}", NewCluster),
        ("{serverless: true, dependencies: [lightgbm]}", Serverless),
    ],
)
def test_cluster_choices(tmp_path: Path, cluster: str, kind: type) -> None:
    catalog = load_catalog(write(tmp_path, ENTRY % (cluster, "null")))
    assert isinstance(catalog.models["wine"].cluster, kind)


@pytest.mark.parametrize(
    ("trainings", "said"),
    [
        ("{per_huor: 5}", "models.wine.trainings.per_huor: unknown key; did you mean per_hour?"),
        ("{at_once: 0}", "models.wine.trainings.at_once: Input should be greater than or equal to 1"),
    ],
)
def test_wrong_quotas_are_named(tmp_path: Path, trainings: str, said: str) -> None:
    text = ENTRY % ("{serverless: true}", f"null\n    trainings: {trainings}")
    with pytest.raises(CatalogError, match=re.escape(said)):
        load_catalog(write(tmp_path, text))


def test_trainings_are_bounded_unless_the_catalog_says_more(tmp_path: Path) -> None:
    text = ENTRY % ("{serverless: true}", "null\n    trainings: {at_once: 500}")
    trainings = load_catalog(write(tmp_path, text)).models["wine"].trainings
    assert (trainings.per_hour, trainings.per_day, trainings.at_once) == (60, 300, 500)


@pytest.mark.parametrize(
    ("parameters", "key", "said"),
    [
        ({"alpha": 2.0}, "", "not the key"),
        ({"alpha": 1.0, "beta": 1}, None, "does not allow"),
        ({"alpha": 1}, None, "canonical form"),  # the text of the key has 1.0
        ({"alpha": "1.0"}, None, "canonical form"),
        ({}, None, "canonical form"),
    ],
)
def test_what_a_queue_delivers_is_held_against_the_catalog(
    tmp_path: Path, parameters: dict[str, ParameterValue], key: str | None, said: str
) -> None:
    catalog = load_catalog(write(tmp_path, ENTRY % ("{serverless: true}", "null")))
    right: dict[str, ParameterValue] = {"alpha": 1.0}
    assert catalog.check("wine", right, training_key("wine", right)) == catalog.models["wine"]
    with pytest.raises(InvalidRequest, match=said):
        catalog.check("wine", parameters, training_key("wine", right) if key is None else key)


def test_types_are_case_insensitive_and_an_unknown_one_names_the_known(tmp_path: Path) -> None:
    catalog = load_catalog(write(tmp_path, ENTRY % ("{serverless: true}", "null")))
    assert catalog.find("WiNe")[0] == "wine"
    with pytest.raises(UnknownModelType, match="known ones are: wine"):
        catalog.find("beer")


def test_a_pool_has_a_queue_of_its_own(tmp_path: Path) -> None:
    catalog = load_catalog(write(tmp_path, ENTRY % ("{serverless: true}", "gpu")))
    assert catalog.models["wine"].queue == "run-model-gpu"
    assert catalog.run_model_queues == ("run-model", "run-model-gpu")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("models: {}", "models"),
        ("model: {}", "model"),
        (ENTRY % ("{serverless: true}", "GPU"), "models.wine.pool"),
        (ENTRY % ("{serverless: false}", "null"), "models.wine.cluster"),
        ((ENTRY % ("{serverless: true}", "null")).replace("alpha", "experiment"), "models.wine"),
        ((ENTRY % ("{serverless: true}", "null")).replace("float", "double"), "models.wine.parameters.alpha.type"),
        ((ENTRY % ("{serverless: true}", "null")).replace("  wine:", "  Wine:"), "models.Wine"),
        ("- wine", "top level"),
        ("models: [", "not valid YAML"),
        (
            (ENTRY % ("{serverless: true}", "null")).replace("default: 1", "defualt: 1"),
            "models.wine.parameters.alpha.defualt: unknown key; did you mean default?",
        ),
        ("models:\n  wine: {}\n  wine: {}\n", "duplicate key 'wine'"),
    ],
)
def test_a_mistake_names_file_key_and_reason(tmp_path: Path, text: str, key: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CatalogError) as raised:
        load_catalog(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert key in str(raised.value)


def test_a_missing_catalog_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="CATALOG_FILE"):
        load_catalog(tmp_path / "none.yaml")


WINE = {"experiment": "/Shared/wine", "notebook": "/n", "parameters": {}, "cluster": {"serverless": True}}


def with_beer(tmp_path: Path, **differing: str) -> Path:
    """A catalog whose two types differ in these keys alone."""
    return write(tmp_path, json.dumps({"models": {"wine": WINE, "beer": WINE | differing}}))


@pytest.mark.parametrize(
    "differing", [{"notebook": "/m"}, {"artifact_name": "model"}, {"experiment": "/Shared/wine/"}, {"pool": "gpu"}]
)
def test_two_types_with_the_same_experiment_and_artifact_name_are_refused(
    tmp_path: Path, differing: dict[str, str]
) -> None:
    with pytest.raises(CatalogError, match=r"wine and beer have the same experiment .* give each its own") as raised:
        load_catalog(with_beer(tmp_path, **differing))
    assert "artifact_name 'model'" in str(raised.value)


@pytest.mark.parametrize("differing", [{"artifact_name": "beer"}, {"experiment": "/Shared/beer"}])
def test_two_types_are_told_apart_by_experiment_or_artifact_name(tmp_path: Path, differing: dict[str, str]) -> None:
    assert set(load_catalog(with_beer(tmp_path, **differing)).models) == {"wine", "beer"}


def example(tmp_path: Path, text: str) -> Path:
    return write(tmp_path, ENTRY % ("{serverless: true}", "null") + f"    example: {text}\n")


def test_an_example_is_a_request_that_its_type_accepts(tmp_path: Path) -> None:
    path = example(tmp_path, '{modelParameters: {alpha: "0.5"}, predictionParameters: [{x: 1}, {x: 2}]}')
    read = load_catalog(path).models["wine"].example
    assert read is not None
    assert read.model_dump(by_alias=True) == {
        "modelParameters": {"alpha": "0.5"},
        "predictionParameters": [{"x": 1}, {"x": 2}],
    }


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{modelParameters: {alpha: x}, predictionParameters: {x: 1}}", "example.modelParameters.alpha"),
        ("{modelParameters: {beta: 1}, predictionParameters: {x: 1}}", "example.modelParameters.beta"),
        ("{modelParameters: {alpha: 1}}", "example.predictionParameters"),
        ("{predictionParameters: []}", "example.predictionParameters"),
        ("{predictionParameters: {x: 1}, rows: 1}", "example.rows"),
    ],
)
def test_a_wrong_example_is_named(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(CatalogError, match=mistake):
        load_catalog(example(tmp_path, text))
