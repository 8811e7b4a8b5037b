"""Every example runs, on one stack with the catalogs of all. The example of a client sends each request."""

import asyncio
import json
import math
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from ondemand.project import TEMPLATE, find_project
from ondemand.stack import Stack
from tests.e2e.conftest import ENVIRON

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES = Path(__file__).parents[2] / "examples"
PROJECTS = {catalog.parent.name: find_project(catalog.parent, None, None) for catalog in EXAMPLES.glob("*/models.yaml")}
PROJECTS["template"] = find_project(TEMPLATE, None, None)
CLIENT = EXAMPLES / "python_client/client.py"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The API of a stack that serves all examples."""
    folder = tmp_path_factory.mktemp("examples")
    catalogs = [yaml.safe_load(project.catalog.read_text()) for project in PROJECTS.values()]
    models = {name: entry for catalog in catalogs for name, entry in catalog["models"].items()}
    (folder / "models.yaml").write_text(yaml.safe_dump({"models": models}))
    async with Stack(
        folder / "data",
        free_ports=True,
        environ={**ENVIRON, "CATALOG_FILE": str(folder / "models.yaml")},
        workspaces=[project.workspace for project in PROJECTS.values()],
    ) as stack:
        yield stack.url


async def ask(url: str, request: Path) -> tuple[Any, str]:
    """What the client prints, and what it complains of."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, CLIENT, url, request, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await client.communicate()
    return json.loads(out or "null"), err.decode()


async def result(url: str, name: str) -> Any:
    project = PROJECTS[name]
    assert project.request
    answer, complaint = await ask(url, project.request)
    assert answer is not None, complaint
    return answer


async def test_strings_and_booleans(url: str) -> None:
    small, large = await result(url, "strings_and_booleans")
    assert 300 < small < 600
    assert 300 < large < 800


async def test_probabilities(url: str) -> None:
    benign, malignant = await result(url, "probabilities")
    assert all(math.isclose(sum(each), 1) for each in (benign, malignant))
    assert benign[0] > 0.9
    assert malignant[1] > 0.9


async def test_python_model(url: str) -> None:
    [answer] = await result(url, "python_model")
    assert answer["earliest"] < answer["median"] < answer["latest"]


async def test_template_of_a_new_project(url: str) -> None:
    assert await result(url, "template") == ["versicolor"]


async def test_client_says_what_is_wrong_with_a_parameter(url: str, tmp_path: Path) -> None:
    request = PROJECTS["strings_and_booleans"].read_request()
    request["modelParameters"]["estimator"] = "oracle"
    (tmp_path / "wrong.json").write_text(json.dumps(request))
    answer, complaint = await ask(url, tmp_path / "wrong.json")
    assert answer is None
    assert "modelParameters.estimator" in complaint


async def test_unseen_city_is_taken_and_no_boolean_is_refused(url: str, tmp_path: Path) -> None:
    request = PROJECTS["strings_and_booleans"].read_request()
    request["modelParameters"]["log_price"] = "yes"
    request["predictionParameters"][1]["city"] = "Nowhere"
    (tmp_path / "unseen.json").write_text(json.dumps(request))
    answer, complaint = await ask(url, tmp_path / "unseen.json")
    assert len(answer) == 2, complaint
    request["predictionParameters"][1]["balcony"] = "perhaps"
    (tmp_path / "wrong.json").write_text(json.dumps(request))
    answer, complaint = await ask(url, tmp_path / "wrong.json")
    assert answer is None
    assert "row 1, column balcony: " in complaint


async def test_every_example_has_a_readme_and_a_test() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - {"python_client"} == PROJECTS.keys() - {"template"}
    assert all((EXAMPLES / name / "README.md").is_file() and f"({name}/README.md)" in listed for name in folders)
