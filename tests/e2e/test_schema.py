"""schemathesis, with all of its checks, against the document of a running stack."""

import asyncio
import sys
from pathlib import Path

import pytest

from ondemand.functions_app import SAMPLE_WORKSPACE
from ondemand.stack import Stack
from tests.e2e.conftest import ENVIRON, HERE

pytestmark = pytest.mark.asyncio(loop_scope="session")
SCHEMATHESIS = "schemathesis==4.32.5"
"""In an environment of its own, which uv makes: nothing else here needs its libraries."""
SECONDS = 40
NOT_OURS = {
    "unsupported_method": "the Functions host routes by method and answers 404 itself: no function of ours is asked",
    "ensure_resource_availability": "an answer within the wait is stored nowhere, so its runId leads to nothing",
}
"""Checks that are left out, and why."""


async def test_the_api_does_what_its_document_says(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "stack", free_ports=True, environ=ENVIRON, workspaces=(SAMPLE_WORKSPACE,))
    async with stack:
        command = (
            *(str(Path(sys.executable).with_name("uv")), "tool", "run", "--from", SCHEMATHESIS, "schemathesis"),
            *("--config-file", str(HERE / "schemathesis.toml"), "run", f"{stack.url}/openapi.json"),
            *("--checks", "all", "--exclude-checks", ",".join(NOT_OURS), "--max-time", str(SECONDS)),
            *("--header", "Prefer: wait=0", "--no-color"),
        )
        run = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        try:
            output, _ = await run.communicate()
        finally:
            if run.returncode is None:
                run.kill()
                await run.wait()
    assert run.returncode == 0, output.decode()
    assert "6 selected / 6 total" in output.decode()
