import gc
import subprocess
import sys
from pathlib import Path

import pytest

from functions.upstream.imports import THRESHOLD, collector_off

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_as_it_was_afterwards(was_on: bool) -> None:
    try:
        if not was_on:
            gc.disable()
        with collector_off():
            assert not gc.isenabled()
        assert gc.isenabled() == was_on
    finally:
        gc.unfreeze()
        gc.enable()


def test_the_app_imports_many_objects_and_no_full_collection_visits_them() -> None:
    """With few objects, or a full collection meanwhile, functions/upstream/imports.py would not be worth its lines."""
    code = """
import gc
collections = []
gc.callbacks.append(lambda phase, info: collections.append(info["generation"]))
import function_app
print(max(collections, default=0) < 2, gc.isenabled(), gc.get_freeze_count() > 50_000, gc.get_threshold()[0])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True", str(THRESHOLD)]
