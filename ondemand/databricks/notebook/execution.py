"""Executes the cells of a notebook, one after the other, in one namespace."""

import ast
import linecache
import os
import posixpath
import shlex
import sys
import types
from collections.abc import Callable
from pathlib import Path

from ondemand.databricks.notebook.dbutils import DBUtils, NotebookExit, provide_runtime
from ondemand.databricks.notebook.magics import PYTHON, split_cell
from ondemand.databricks.notebook.requirements import check_pip
from ondemand.databricks.notebook.source import read_cells
from ondemand.databricks.workspace import Workspace


class UnsupportedMagic(Exception):
    """A cell uses a magic command that cannot be executed here."""


class NotebookExecution:
    """One notebook with its parameters. It becomes ``__main__`` of its process, as in every notebook."""

    def __init__(self, workspace: Workspace, parameters: dict[str, str], dbfs: Path) -> None:
        self._workspace = workspace
        self._dbutils = DBUtils(parameters, dbfs)
        self._main = types.ModuleType("__main__")
        self._namespace.update(
            dbutils=self._dbutils,
            display=print,
            displayHTML=print,
            getArgument=self._dbutils.widgets.getArgument,
        )

    @property
    def _namespace(self) -> dict[str, object]:
        return vars(self._main)

    def run(self, path: str) -> str | None:
        """Execute the notebook at a workspace path; returns the value it left with ``dbutils.notebook.exit``."""
        file = self._workspace.find(path)
        sys.modules["__main__"] = self._main
        sys.argv = [str(file)]
        sys.path.insert(0, str(file.parent))
        os.chdir(file.parent)
        provide_runtime(self._namespace)
        try:
            self._include(path)
        except NotebookExit as leaving:
            return leaving.value
        return None

    def _include(self, path: str) -> None:
        """Execute every cell of a notebook in the namespace of this one."""
        for number, cell in enumerate(read_cells(self._workspace.find(path)), start=1):
            for step in split_cell(cell):
                if step.magic == PYTHON:
                    self._execute(step.text, f"{path}, cell {number}")
                else:
                    self._perform(step.magic, step.text, path)

    def _perform(self, magic: str, text: str, path: str) -> None:
        actions: dict[str, Callable[[], None]] = {
            "md": lambda: None,
            "md-sandbox": lambda: None,
            "restart_python": lambda: None,
            "pip": lambda: check_pip(text),
            "run": lambda: self._include(_resolve(text, path)),
            "fs": lambda: self._use_file_system(text),
        }
        if magic not in actions:
            supported = ", ".join(f"%{name}" for name in actions)
            raise UnsupportedMagic(f"%{magic} is not supported locally: only {supported} are")
        actions[magic]()

    def _execute(self, source: str, name: str) -> None:
        # linecache makes tracebacks show the lines of the cell.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self._namespace)  # noqa: S102  # executing the notebook is what this is for
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), self._namespace)  # noqa: S307  # as above
            if value is not None:
                print(repr(value))

    def _use_file_system(self, text: str) -> None:
        command, *arguments = shlex.split(text)
        if command not in {"ls", "head", "cp", "mv", "rm", "mkdirs", "put"}:
            raise UnsupportedMagic(f"%fs {command} is not supported locally")
        options = {"recurse": True} if {"-r", "--recurse"} & set(arguments) else {}
        plain = [argument for argument in arguments if not argument.startswith("-")]
        answer = getattr(self._dbutils.fs, command)(*plain, **options)
        for line in answer if isinstance(answer, list) else [answer]:
            print(line)


def _resolve(text: str, path: str) -> str:
    """The workspace path of a notebook named by ``%run``, relative to the one that includes it."""
    wanted, *parameters = shlex.split(text)
    if parameters:
        raise UnsupportedMagic("%run with parameters is not supported locally")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted))
