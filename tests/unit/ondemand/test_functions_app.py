"""What the stack says of the Functions app agrees with the app."""

import json
import os
from pathlib import Path

import pytest

from functions.catalog import load_catalog
from functions.deployments import DEPLOYMENTS as DEPLOYMENTS_OF_THE_APP
from functions.queues import FAILED
from ondemand.functions_app import DEPLOYMENTS, QUEUES, SCRIPT_ROOT, CatalogError, check_catalog


def test_deployments_are_those_of_the_app() -> None:
    assert {name: set(functions) for name, functions in DEPLOYMENTS.items()} == {
        name: set(functions) for name, functions in DEPLOYMENTS_OF_THE_APP.items()
    }


def test_broker_has_the_queues_of_the_app() -> None:
    namespaces = json.loads(QUEUES.read_text())["UserConfig"]["Namespaces"]
    catalog = load_catalog(SCRIPT_ROOT / "models.yaml")
    names = {queue["Name"] for namespace in namespaces for queue in namespace["Queues"]}
    assert names == {"train", "results", FAILED, *catalog.run_model_queues}


def test_catalog_of_the_app_is_accepted() -> None:
    check_catalog({"PATH": os.environ["PATH"]})


def test_each_mistake_in_the_catalog_is_a_line(tmp_path: Path) -> None:
    catalog = tmp_path / "my models.yaml"
    catalog.write_text("models: {}")
    with pytest.raises(CatalogError, match=r"^.*/my models\.yaml: models: [^\n]*$"):
        check_catalog({"CATALOG_FILE": str(catalog)})
