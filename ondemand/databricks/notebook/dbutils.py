"""The ``dbutils`` object of a notebook."""

import sys
import types
from pathlib import Path
from typing import NoReturn

from ondemand.databricks.notebook.filesystem import FileSystem
from ondemand.databricks.notebook.widgets import Widgets


class NotebookExit(Exception):
    """``dbutils.notebook.exit`` was called. As on Databricks, ``except Exception`` around that call catches it."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class Notebook:
    """``dbutils.notebook``."""

    def exit(self, value: object) -> NoReturn:
        raise NotebookExit(str(value))

    def run(self, path: str, timeout_seconds: int = 0, arguments: dict[str, str] | None = None) -> NoReturn:
        raise NotImplementedError(
            f"dbutils.notebook.run({path!r}) is not supported locally: include the notebook with %run, "
            "or submit it as a run of its own"
        )


class Library:
    """``dbutils.library``."""

    def restartPython(self) -> None:
        """Does nothing: ``%pip`` installs nothing here, so there is nothing to load again."""


class DBUtils:
    """Widgets, notebook, fs and library; other utilities of Databricks are refused by name."""

    def __init__(self, parameters: dict[str, str], dbfs: Path) -> None:
        self.widgets = Widgets(parameters)
        self.notebook = Notebook()
        self.fs = FileSystem(dbfs)
        self.library = Library()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"dbutils.{name} is not supported locally: only widgets, notebook, fs and library are")


def provide_runtime(namespace: dict[str, object]) -> None:
    """Make ``from databricks.sdk.runtime import dbutils`` find the objects of ``namespace``.

    The SDK asks the module ``dbruntime`` of Databricks for them. ``DATABRICKS_RUNTIME_VERSION`` stays unset: MLflow and
    the SDK would look for a cluster's other services.
    """

    class UserNamespaceInitializer:
        @classmethod
        def getOrCreate(cls) -> "UserNamespaceInitializer":
            return cls()

        def get_namespace_globals(self) -> dict[str, object]:
            return namespace

    runtime = types.ModuleType("dbruntime", "Stands for the module of the same name in Databricks' runtime.")
    vars(runtime)["UserNamespaceInitializer"] = UserNamespaceInitializer
    sys.modules["dbruntime"] = runtime
    sys.modules.pop("databricks.sdk.runtime", None)
