"""What the command lines of the benchmarks share."""

import sys

import orjson

from benchmarks.harness.records import Run

CORES = [0, 1]
"""All processes of a contender and the load tool run on these."""


def say(text: str) -> None:
    """Report progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_run(run: Run) -> None:
    """Write a run to standard output as JSON."""
    sys.stdout.buffer.write(orjson.dumps(run, option=orjson.OPT_INDENT_2) + b"\n")
