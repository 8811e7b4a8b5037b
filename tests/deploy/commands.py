"""The commands of the operators' documents, as bash hands them to the tools.

Each document's console blocks run as one script with these tools replaced by stand-ins, so quoting, substitution and
pipes are bash's own. `az`, `databricks` and `ondemand` only note what they were given. `kubectl` and `helm` are the
real ones, with a cluster that refuses every connection. All other commands do nothing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory

from tests.chart.scenarios import REQUIRED

ROOT = Path(__file__).parents[2]
INSTALLED = Path(sys.prefix) / "azure-cli"
DOCUMENTS = (
    "deploy/README.md",
    *(f"docs/{name}.md" for name in ("azure", "costs", "dead-letters", "kubernetes", "operations", "runbook")),
)
NOTES = ("az", "databricks", "ondemand")
RUNS = ("kubectl", "helm")
HARMLESS = ("bash", "cat", "tr", "base64")
TIMEOUT_S = 120
BLOCK = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:az|databricks|kubectl) [^`]* -[^`]*)`")
"""Complete commands within a sentence or a table: those with an option. One that is cut short says so with ``…``."""
PLACEHOLDER = re.compile(r"<[a-z][^<>()$\n]*>")
"""What a reader fills in, such as ``<client id>``; neither a redirection nor a process substitution."""
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: none, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: none, context: {{cluster: none, user: none}}}}]
users: [{{name: none, user: {{}}}}]
current-context: none
"""
STAND_IN = """\
#!/bin/bash
call=$(/usr/bin/mktemp "$CALLS/XXXXXX")
printf '%s\\0' "${{0##*/}}" "$@" > "$call"
{run}
"""
NOTED = "echo stand-in"
RUN = 'said=$("{binary}" "$@" 2> "$call.errors"); echo "${{said:-stand-in}}"'
PREAMBLE = """\
set -u
command_not_found_handle() { return 0; }
"""
"""A variable that a document has not set before is an error: its reader may have come from elsewhere."""


@dataclass(frozen=True)
class Call:
    """One call of a tool. ``errors`` is what `kubectl` or `helm` wrote to standard error."""

    tool: str
    arguments: tuple[str, ...]
    errors: str = ""

    def __str__(self) -> str:
        return " ".join((self.tool, *self.arguments))


@cache
def calls(document: str) -> tuple[Call, ...]:
    """Every call of a tool in a document. Raises CalledProcessError where bash cannot read it."""
    with TemporaryDirectory() as folder:
        return tuple(_run(script_of((ROOT / document).read_text(encoding="utf-8")), Path(folder)))


def script_of(text: str) -> str:
    """The console blocks without their prompts, and the commands of the text."""
    blocks = [re.sub(r"^ *\$ ", "", block, flags=re.MULTILINE) for block in BLOCK.findall(text)]
    inline = [line.replace("\\|", "|") for line in INLINE.findall(text) if "…" not in line]
    return PREAMBLE + PLACEHOLDER.sub("placeholder", "\n".join([*blocks, *inline])) + "\n"


def _run(script: str, folder: Path) -> Iterator[Call]:
    work, tools, noted = (folder / name for name in ("work", "tools", "calls"))
    _copy_project(work)
    noted.mkdir()
    _make_tools(tools)
    environ = {"PATH": str(tools), "HOME": str(folder), "CALLS": str(noted), "KUBECONFIG": str(folder / "kubeconfig")}
    with socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens: each connection is refused
        (folder / "kubeconfig").write_text(KUBECONFIG.format(port=nobody.getsockname()[1]))
        command = [str(tools / "bash"), "-c", script]
        subprocess.run(command, cwd=work, env=environ, check=True, capture_output=True, timeout=TIMEOUT_S)
    for path in sorted(noted.glob("??????")):
        tool, *arguments = path.read_text(encoding="utf-8").split("\0")[:-1]
        errors = path.with_suffix(".errors")
        yield Call(tool, tuple(arguments), errors.read_text(encoding="utf-8") if errors.exists() else "")


def _copy_project(work: Path) -> None:
    """What the commands read of it: they may write beside it."""
    for name in ("helm", "keda", "deploy", "notebooks", "models.yaml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, work / name)
        else:
            shutil.copy(source, work / name)
    (work / "values-azure.json").write_text(json.dumps(REQUIRED))  # what the guide makes
    (work / "values.yaml").write_text(json.dumps(REQUIRED))


def _make_tools(folder: Path) -> None:
    folder.mkdir()
    for name in HARMLESS:
        path = shutil.which(name)
        assert path is not None, name
        (folder / name).symlink_to(path)
    for name in NOTES:
        _write(folder / name, STAND_IN.format(run=NOTED))
    for name in RUNS:
        _write(folder / name, STAND_IN.format(run=RUN.format(binary=INSTALLED / "bin" / name)))


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    os.chmod(path, 0o700)
