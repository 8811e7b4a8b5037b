"""The documents say what the code does: settings, host.json, links, examples and commands."""

import json
import re
import subprocess
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from opentelemetry.sdk import environment_variables
from pydantic import BaseModel

from functions import settings
from functions.catalog import ModelType, load_catalog
from functions.errors import InvalidRequest
from functions.parameters import ParameterSpec
from functions.predict.request import parse_body, validate
from functions.settings import (
    BusSettings,
    LogSettings,
    ModelsSettings,
    PredictSettings,
    RowSettings,
    RunModelSettings,
    StoreSettings,
    TrainSettings,
)

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
]
WIDTH = 120
FOLDERS = ("tests", "functions", "ondemand", "benchmarks", "deploy", "docs")
"""Paths below them that a document names in backquotes have to exist."""
KINDS: tuple[type[BaseModel], ...] = (
    LogSettings,
    BusSettings,
    StoreSettings,
    PredictSettings,
    ModelsSettings,
    RunModelSettings,
    TrainSettings,
)
READ_BY_FUNCTIONS_OF_THEIR_OWN = {"CATALOG_FILE", "RUN_MODEL_QUEUE"}
HEREDOC = re.compile(r"<<'JSON'\n(.*?)\nJSON\n", re.DOTALL)
INLINE_BODY = re.compile(r"-d '(\{.*?\})'\n", re.DOTALL)
RUN_ID = "7b43743709d2451397697736d772371b"
"""What the shell puts in place of ``$RUN``."""
REFUSED_ON_PURPOSE = '"alpha": 99'


def section(text: str, title: str) -> str:
    """What stands under the heading *title*, up to the next one of its level."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> dict[str, str]:
    """Second cells of the table rows by their first cell, without backquotes."""
    found = re.findall(r"^\| `([^`|]+)` \| ([^|]*) \|", text, re.MULTILINE)
    return {name: value.strip().strip("`") for name, value in found}


def fields() -> Iterator[tuple[str, object]]:
    """Every environment variable and the default of its field; ``...`` where it is required."""
    for kind in KINDS:
        for field, info in kind.model_fields.items():
            yield info.alias or field.upper(), ... if info.is_required() else info.default


def leaves(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path


def bodies() -> list[str]:
    """Every JSON body that the README sends."""
    text = README.read_text(encoding="utf-8")
    return [body.replace("'$RUN'", RUN_ID) for body in (*HEREDOC.findall(text), *INLINE_BODY.findall(text))]


def prose(text: str) -> Iterator[str]:
    """The lines of a document outside code blocks and tables, with links reduced to their text."""
    in_code = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        elif not in_code and not line.lstrip().startswith("|"):
            yield re.sub(r"\]\([^)\s]+\)", "]", line)


def test_kinds_are_all_settings_classes() -> None:
    classes = {
        value for value in vars(settings).values() if isinstance(value, type) and issubclass(value, settings._Settings)
    }
    assert classes - {settings._Settings, settings.RowSettings} == set(KINDS)


def test_the_settings_table_has_every_setting_and_no_other() -> None:
    table = rows(section(README.read_text(encoding="utf-8"), "Settings"))
    assert set(table) == {name for name, _ in fields()} | READ_BY_FUNCTIONS_OF_THEIR_OWN


def test_the_settings_table_gives_the_defaults() -> None:
    table = rows(section(README.read_text(encoding="utf-8"), "Settings"))
    defaults = dict(fields())
    wrong = {
        name: (table[name], default)
        for name, default in defaults.items()
        if isinstance(default, int | float) and json.loads(table[name]) != default
    }
    assert not wrong
    required = {name for name, default in fields() if default is ...}
    assert {name for name in defaults if table[name] == "required"} == required


def test_every_setting_of_host_json_has_its_reason() -> None:
    documented = rows((ROOT / "docs/host.md").read_text(encoding="utf-8"))
    assert set(documented) == set(leaves(json.loads((ROOT / "host.json").read_text(encoding="utf-8"))))


@cache
def code() -> str:
    """All files of the project but documents, tests and locks."""
    listed = ["git", "ls-files", "--", ".", ":!*.md", ":!tests", ":!requirements", ":!*.svg", ":!docs"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return "".join((ROOT / name).read_text(encoding="utf-8") for name in names if (ROOT / name).is_file())


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if each.name != "CHANGELOG.md"])
def test_variables_that_are_named_are_read(document: Path) -> None:
    """By the code, under this name or as a field of the settings, or by the SDK of OpenTelemetry."""
    named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", document.read_text(encoding="utf-8")))
    unknown = {name for name in named if name not in code() and name.lower() not in code()}
    assert unknown - set(vars(environment_variables)) <= {"POD_NAMESPACE"}, "the one that is never set"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_wrapped(document: Path) -> None:
    assert [line for line in prose(document.read_text(encoding="utf-8")) if len(line) > WIDTH] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_paths_exist(document: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", document.read_text(encoding="utf-8"))
    places = (ROOT, document.parent)  # a distribution in a folder of its own names its own paths
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


def test_the_architecture_names_tests() -> None:
    assert re.search(r"`tests/[\w/]+\.py`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))


def test_the_readme_sends_bodies() -> None:
    assert len(bodies()) >= 4


@pytest.mark.parametrize("body", bodies())
def test_request_examples_are_accepted(body: str) -> None:
    request = parse_body("application/json", body.encode(), 1_000_000)
    if request.operation_id is None and REFUSED_ON_PURPOSE not in body:
        validate(request, load_catalog(ROOT / "models.yaml"), RowSettings(max_rows=1000))


def test_the_refused_example_names_the_fields_that_the_readme_shows() -> None:
    (body,) = (body for body in bodies() if REFUSED_ON_PURPOSE in body)
    with pytest.raises(InvalidRequest) as refusal:
        validate(
            parse_body("application/json", body.encode(), 1_000_000),
            load_catalog(ROOT / "models.yaml"),
            RowSettings(max_rows=1000),
        )
    shown = re.findall(r'{"field":"([^"]+)","message":"([^"]+)"}', README.read_text(encoding="utf-8"))
    assert [(error.field, error.message) for error in refusal.value.errors] == shown


@pytest.mark.parametrize("document", [README, ROOT / "docs/catalog.md"], ids=lambda path: path.name)
def test_catalog_examples_are_valid(document: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    example = textwrap.dedent(block)
    catalog = tmp_path / "models.yaml"
    whole = example if example.startswith("models:") else "models:\n" + textwrap.indent(example, "  ")
    catalog.write_text(whole, encoding="utf-8")
    assert load_catalog(catalog).models


def test_the_catalog_reference_has_every_key() -> None:
    text = (ROOT / "docs/catalog.md").read_text(encoding="utf-8")
    for title, kind in (("A model type", ModelType), ("A parameter", ParameterSpec)):
        first_cells = re.findall(r"^\| (`.*?) \|", section(text, title), re.MULTILINE)
        assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == set(kind.model_fields)


def test_make_targets_exist() -> None:
    texts = (README, ROOT / "CONTRIBUTING.md")
    named = {
        name for text in texts for name in re.findall(r"(?:`|\$ )make ([a-z0-9-]+)", text.read_text(encoding="utf-8"))
    }
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "quick", "test", "up"} <= named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_merge_is_left_half_done(document: Path) -> None:
    marks = [line for line in document.read_text(encoding="utf-8").splitlines() if re.match(r"[<=>]{7}( |$)", line)]
    assert marks == []


def test_contributing_names_tests_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = re.findall(
        r"^\$ (?:cd broker && )?(?:\.\./)?\.venv/bin/pytest (tests/\S+\.py)(?: -k (\w+))?", text, re.MULTILINE
    )
    assert len(commands) == 2
    for path, name in commands:
        (file,) = [folder / path for folder in (ROOT, ROOT / "broker") if (folder / path).is_file()]
        assert name in file.read_text(encoding="utf-8")
