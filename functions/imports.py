"""What a process imports as it starts, at less cost: nearly all of its start is the imports of libraries."""

import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

_SDK = "azure.servicebus"
_ADMINISTRATION = "azure.servicebus.management"


@contextmanager
def collector_off() -> Iterator[None]:
    """For imports: a sixth faster, because the garbage collector would look again and again at what they make and keep.

    What they made is left out of every later collection (`gc.freeze`).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@contextmanager
def quick_imports() -> Iterator[None]:
    """For what a process of ours imports first: `collector_off`, and without the SDK's administration client."""
    with collector_off():
        _import_servicebus()
        yield


def _import_servicebus() -> None:
    """Import azure.servicebus without requests and urllib3, an eighth of a start of predict.

    The SDK takes one base class from a module of its administration package, whose `__init__` imports that client and
    with it all of HTTP. Here a bare package stands for it meanwhile, which finds its modules and runs no `__init__`;
    whoever imports it later gets the real one. Should that no longer do, the SDK is imported as it is.
    """
    if _SDK in sys.modules or (spec := importlib.util.find_spec(_SDK)) is None:
        return
    bare = ModuleType(_ADMINISTRATION)
    bare.__path__ = [f"{folder}/management" for folder in spec.submodule_search_locations or ()]
    sys.modules[_ADMINISTRATION] = bare
    try:
        with suppress(Exception):  # whatever it is, the import as it is says it
            importlib.import_module(_SDK)
    finally:
        del sys.modules[_ADMINISTRATION]
