"""Commands and examples of the README, for the tests that run them."""

import re
import shlex
from pathlib import Path

DISTRIBUTION = Path(__file__).parents[2]
TEXT = (DISTRIBUTION / "README.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ (servicebus-broker.*)$", TEXT, re.MULTILINE)]
REQUIREMENTS: list[str] = re.findall(r"pip install '?(servicebus-broker[^\s'`]*)", TEXT)
_PYTHON: list[str] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def section(title: str) -> str:
    """The text of a section."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def example(start: str) -> str:
    """The one Python block that starts with this text."""
    (block,) = (block for block in _PYTHON if block.startswith(start))
    return block
