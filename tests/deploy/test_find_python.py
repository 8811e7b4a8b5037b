"""``.ci/find-python`` where the PATH and pyenv have programs that only say which Python they are."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# As the script asks a Python: -c PROGRAM VERSION, where VERSION is empty or ends in a full stop.
PYTHON = """#!/bin/sh
case {version}. in "$3"*) echo "$0" ;; *) exit 1 ;; esac
"""
PYENV = """#!/bin/sh
case $1 in versions) printf '%s\\n' system {versions} ;; prefix) echo "${{0%/*}}/$2" ;; esac
"""


def add(folder: Path, program: str, script: str) -> str:
    """Put a program there; its path."""
    path = folder / program
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder for the PATH with what the script needs, and no Python."""
    for program in ("bash", "sort"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    return tmp_path


def find(path: Path, *asked: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", ROOT / ".ci/find-python", *asked], env={"PATH": str(path)}, capture_output=True, text=True
    )


def test_the_newest_tested_one_is_taken(path: Path) -> None:
    for version in ("3.10", "3.11", "3.12", "3.14"):
        add(path, f"python{version}", PYTHON.format(version=f"{version}.1"))
    assert find(path).stdout == f"{path}/python3.12\n"
    assert find(path, "3.11").stdout == f"{path}/python3.11\n"


def test_one_of_pyenv_is_found_and_of_several_the_newest(path: Path) -> None:
    """pyenv has a program of every version on the PATH, which fails where that version is not the chosen one."""
    add(path, "python3.11", PYTHON.format(version="3.11.7"))
    add(path, "python3.13", "#!/bin/sh\nexit 127\n")
    add(path, "pyenv", PYENV.format(versions="3.11.7 3.13.9 3.13.10 3.14-dev"))
    paths = [add(path, f"{version}/bin/python", PYTHON.format(version=version)) for version in ("3.13.10", "3.13.9")]
    assert find(path).stdout == f"{paths[0]}\n"
    assert find(path, "3.13.9").stdout == f"{paths[1]}\n"


def test_a_path_is_taken_as_it_is(path: Path) -> None:
    python = add(path, "elsewhere/python", PYTHON.format(version="3.12.1"))
    assert find(path, python).stdout == f"{python}\n"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((), "none of them is on the PATH or among pyenv's"),
        (("3.13",), "3.13 is not on the PATH, nor among pyenv's"),
        (("3.12", "3.11"), "none of 3.12, 3.11 is on the PATH or among pyenv's"),
        (("3.10",), "3.10 is not supported"),
        (("/no/python",), "/no/python does not run, or is another"),
    ],
)
def test_what_is_missing_is_told(path: Path, asked: tuple[str, ...], told: str) -> None:
    done = find(path, *asked)
    assert (done.returncode, done.stdout) == (1, "")
    venv = "with venv (on Debian and Ubuntu the package python3-venv)"
    assert done.stderr == f"Python 3.11, 3.12, 3.13 or 3.14 is needed, {venv}; {told}\n"


def test_a_version_may_be_the_name_of_its_program(path: Path) -> None:
    python = add(path, "python3.12", PYTHON.format(version="3.12.1"))
    assert find(path, "python3.12").stdout == f"{python}\n"


@pytest.mark.parametrize("asked", ["3.12", "python3.12"])
def test_each_version_has_an_environment_of_its_own(asked: str) -> None:
    command = ["make", "--dry-run", "demo", f"PYTHON={asked}"]
    environ = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
    assert ".venv-3.12/bin/ondemand demo" in done.stdout


def test_the_supported_versions_are_those_of_the_project() -> None:
    text = (ROOT / ".ci/find-python").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "if not (3, 11) <= sys.version_info < (3, 15)" in text
    assert project["requires-python"] == ">=3.11,<3.15"
