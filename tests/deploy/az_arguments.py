"""Whether the command-line tool `az` takes given arguments: its own parser reads them, and nothing is executed."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from tests.deploy.commands import INSTALLED

PARSE = """
import contextlib, io, json, sys
from azure.cli.core import get_default_cli
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS

class Parsed(Exception):
    pass

def stop(*args, **kwargs):
    raise Parsed

cli = get_default_cli()
cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, stop)

def refusal(arguments):
    cli.invocation = cli.invocation_cls(cli_ctx=cli, parser_cls=cli.parser_cls,
                                        commands_loader_cls=cli.commands_loader_cls, help_cls=cli.help_cls)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            cli.invocation.execute(arguments)
    except Parsed:
        return ""
    except SystemExit:
        return said.getvalue() or "refused"
    except Exception as error:
        return repr(error)
    return "not parsed"

json.dump([refusal(arguments) for arguments in json.load(sys.stdin)], sys.stdout)
"""
SETTINGS = {
    "AZURE_CORE_COLLECT_TELEMETRY": "false",
    "AZURE_CORE_NO_COLOR": "true",
    "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
    "PYTHONWARNINGS": "ignore",
}


def refusals(commands: Sequence[tuple[str, ...]], folder: Path) -> list[str]:
    """What `az` says of each command's arguments; empty where it takes them. It works in ``folder``, an empty one."""
    (folder / "placeholder").touch()  # it opens a file that it is to import
    done = subprocess.run(
        [INSTALLED / "bin/python", "-c", PARSE],
        cwd=folder,
        input=json.dumps(commands),
        env=os.environ | SETTINGS | {"AZURE_CONFIG_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return TypeAdapter(list[str]).validate_json(done.stdout)
