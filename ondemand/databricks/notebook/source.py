"""Reads the code cells of a notebook: Jupyter's format, and the source format that Databricks exports to Git."""

import re
from pathlib import Path

import nbformat

SOURCE_HEADER = "# Databricks notebook source"
_SEPARATOR = re.compile(r"^# COMMAND -+[ \t]*$", re.MULTILINE)
_MAGIC = re.compile(r"^# MAGIC ?", re.MULTILINE)
_TITLE = re.compile(r"^# DBTITLE .*$", re.MULTILINE)


class NotANotebook(Exception):
    """The file is not a notebook in a format that can be read; the message names the file and says why."""


def read_cells(file: Path) -> list[str]:
    """The source of each code cell, in order."""
    if file.suffix == ".ipynb":
        return _read_jupyter(file)
    return split_source(file.read_text(encoding="utf-8"), file.name)


def _read_jupyter(file: Path) -> list[str]:
    try:
        notebook = nbformat.read(file, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        raise NotANotebook(f"{file.name}: {error}") from error
    return [str(cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def split_source(text: str, name: str) -> list[str]:
    """Cells of a ``.py`` notebook, its ``# MAGIC`` lines without that prefix."""
    header, _, body = text.partition("\n")
    if header.rstrip() != SOURCE_HEADER:
        raise NotANotebook(f"{name}: a notebook in source format starts with {SOURCE_HEADER!r}")
    cells = (_MAGIC.sub("", _TITLE.sub("", cell)).strip("\n") for cell in _SEPARATOR.split(body))
    return [cell for cell in cells if cell.strip()]
