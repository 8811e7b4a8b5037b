"""Reading notebooks."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ondemand.databricks.notebook.source import NotANotebook, read_cells, split_source

NOTEBOOK = """# Databricks notebook source
# MAGIC %md
# MAGIC # Title
# MAGIC
# MAGIC Text

# COMMAND ----------

# DBTITLE 1,Named cell
import os

print(os.name)

# COMMAND ----------

# COMMAND ----------

# MAGIC %pip install mlflow
"""


def test_source_format_is_split_into_cells() -> None:
    assert split_source(NOTEBOOK, "wine.py") == [
        "%md\n# Title\n\nText",
        "import os\n\nprint(os.name)",
        "%pip install mlflow",
    ]


@pytest.mark.parametrize("text", ["", "print(1)\n", "# Databricks notebook\n"])
def test_a_plain_python_file_is_not_a_notebook(text: str) -> None:
    with pytest.raises(NotANotebook, match=r"wine\.py.*Databricks notebook source"):
        split_source(text, "wine.py")


def test_jupyter_format_gives_its_code_cells(tmp_path: Path) -> None:
    file = tmp_path / "wine.ipynb"
    cells = [new_markdown_cell("# Title"), new_code_cell("x = 1\nx"), new_code_cell("%md text")]
    nbformat.write(new_notebook(cells=cells), file)
    assert read_cells(file) == ["x = 1\nx", "%md text"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 1}', "{}"])
def test_a_broken_jupyter_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wine.ipynb"
    file.write_text(text)
    with pytest.raises(NotANotebook, match=r"wine\.ipynb"):
        read_cells(file)


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_the_projects_notebooks_are_valid_small_and_without_output(name: str) -> None:
    file = Path(__file__).parents[4] / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    assert file.stat().st_size < 16 * 1024
    assert not any(cell.get("outputs") for cell in notebook.cells)
