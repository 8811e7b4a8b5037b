"""How hints name the ``ondemand`` command."""

import shlex
import sys
from pathlib import Path
from shutil import which


def own_command(folder: Path) -> str:
    """The command as it can be called in *folder*: by its name where the PATH has it, else by its path."""
    if which("ondemand"):
        return "ondemand"
    path = Path(sys.executable).with_name("ondemand")
    return shlex.quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))
