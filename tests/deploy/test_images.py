"""``make images`` with docker and az replaced by programs that write down how they were called."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy import az_arguments

ROOT = Path(__file__).parents[2]
TARGETS = ("predict", "train", "run-model")
BASE = "mcr.microsoft.com/azure-functions/python:4-python"
DIGEST = "sha256:" + "b" * 64
REGISTRY_OF_BASE = f"#!/bin/sh\nprintf 'HTTP/1.1 200 OK\\r\\nDocker-Content-Digest: {DIGEST}\\r\\n'\n"
WITHOUT_ANSWER = '#!/bin/sh\nprintf \'%s\\n\' "${0##*/} $*" >> "$RECORD"\n'


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for the PATH with the programs that the scripts call, and neither docker nor az."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("bash", "dirname", "git", "make", "env", "sh"):
        found = subprocess.run(["which", program], capture_output=True, text=True, check=True).stdout.strip()
        (folder / program).symlink_to(found)
    add(folder, "curl", REGISTRY_OF_BASE)
    return folder


def add(tools: Path, program: str, script: str = WITHOUT_ANSWER) -> None:
    (tools / program).write_text(script, encoding="utf-8")
    (tools / program).chmod(0o755)


def make_images(tools: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    settings = {"PATH": str(tools), "RECORD": str(tools.parent / "record"), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        ["make", "SHELL=bash", *arguments, "images"], cwd=ROOT, env=settings, capture_output=True, text=True
    )


def calls(tools: Path) -> list[str]:
    record = tools.parent / "record"
    return record.read_text(encoding="utf-8").splitlines() if record.exists() else []


def test_docker_builds_and_pushes_all_three(tools: Path) -> None:
    add(tools, "docker")
    digest = "sha256:" + "a" * 64
    done = make_images(tools, "REGISTRY=north.azurecr.io", "TAG=1.2", f"BASE_DIGEST={digest}")
    assert done.returncode == 0, done.stderr
    builds, pushes = calls(tools)[0::2], calls(tools)[1::2]
    for target, build, push in zip(TARGETS, builds, pushes, strict=True):
        image = f"north.azurecr.io/mlflow-ondemand-{target}:1.2"
        assert build.startswith(f"docker build --target {target} ")
        assert f"--build-arg PYTHON=3.13 --build-arg BASE_IMAGE={BASE}3.13@{digest}" in build
        assert "--build-arg VERSION=1.2" in build
        assert build.endswith(f"--tag {image} .")
        assert push == f"docker push {image}"
    assert [line.removeprefix("+ ") for line in done.stdout.splitlines() if line.startswith("+ ")] == calls(tools)


def test_az_builds_in_the_registry_where_there_is_no_docker(tools: Path) -> None:
    add(tools, "az")
    done = make_images(tools, "REGISTRY=north.azurecr.io", "TAG=1.2")
    assert done.returncode == 0, done.stderr
    assert len(calls(tools)) == 3
    for target, build in zip(TARGETS, calls(tools), strict=True):
        assert build.startswith(f"az acr build --target {target} ")
        assert build.endswith(f"--registry north.azurecr.io --image mlflow-ondemand-{target}:1.2 .")


def test_az_is_given_the_whole_name_of_the_registry(tools: Path, tmp_path: Path) -> None:
    """A name with the hash of a domain name label is refused alone; a folder is part of the image's name."""
    add(tools, "az")
    assert make_images(tools, "REGISTRY=north-a1b2c3.azurecr.io/team", "TAG=1.2").returncode == 0
    build = calls(tools)[0]
    assert build.endswith("--registry north-a1b2c3.azurecr.io --image team/mlflow-ondemand-predict:1.2 .")
    (tmp_path / "az").mkdir()
    shutil.copy(ROOT / "Dockerfile", tmp_path / "az")
    assert az_arguments.refusals([tuple(build.split()[1:])], tmp_path / "az") == [""]


def test_every_image_is_built_on_one_digest_of_the_base(tools: Path) -> None:
    """Also without BASE_DIGEST; and nothing in the Dockerfile is built on anything else."""
    add(tools, "docker")
    assert make_images(tools, "REGISTRY=north.azurecr.io", "TAG=1.2").returncode == 0
    bases = re.findall(r"--build-arg BASE_IMAGE=(\S+)", "\n".join(calls(tools)))
    assert bases == [f"{BASE}3.13@{DIGEST}"] * 3
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    stages = {line.split()[-1] for line in lines if line.startswith("FROM ")}
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} <= {"${BASE_IMAGE}", *stages}
    assert {line.split("=")[1].split()[0] for line in lines if line.startswith("COPY --from=")} <= stages


def test_another_python_can_be_chosen(tools: Path) -> None:
    add(tools, "docker")
    assert make_images(tools, "REGISTRY=north.azurecr.io", "TAG=1.2", "IMAGE_PYTHON=3.14").returncode == 0
    assert "\n".join(calls(tools)).count(f"--build-arg PYTHON=3.14 --build-arg BASE_IMAGE={BASE}3.14@{DIGEST}") == 3


def test_no_image_is_built_on_an_unknown_base(tools: Path) -> None:
    add(tools, "docker")
    add(tools, "curl", "#!/bin/sh\nexit 6\n")
    done = make_images(tools, "REGISTRY=north.azurecr.io", "TAG=1.2")
    assert done.returncode != 0
    assert "BASE_DIGEST=sha256:" in done.stderr
    assert calls(tools) == []


def test_the_builder_can_be_chosen(tools: Path) -> None:
    add(tools, "docker")
    add(tools, "az")
    make_images(tools, "REGISTRY=north.azurecr.io", "TAG=1", "BUILDER=acr")
    assert {call.split()[0] for call in calls(tools)} == {"az"}


def test_a_dry_run_only_prints(tools: Path) -> None:
    add(tools, "docker")
    done = make_images(tools, "-n", "REGISTRY=north.azurecr.io", "TAG=1")
    assert done.stdout.count("+ docker build") == 3
    assert calls(tools) == []


def test_a_build_that_fails_ends_it(tools: Path) -> None:
    add(tools, "docker", WITHOUT_ANSWER + "exit 1\n")
    assert make_images(tools, "REGISTRY=north.azurecr.io", "TAG=1").returncode != 0
    assert len(calls(tools)) == 1


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("docker", ("TAG=1",), "REGISTRY=<name>.azurecr.io"),
        ("docker", ("REGISTRY=north.azurecr.io",), "TAG=1.0.0"),
        ("docker", ("REGISTRY=n", "TAG=1", "BUILDER=podman"), "docker or acr, not podman"),
        ("docker", ("REGISTRY=n", "TAG=1", "BASE_DIGEST=latest"), "begins with sha256:"),
        ("docker", ("REGISTRY=n", "TAG=1", "IMAGE_PYTHON=3.11"), "IMAGE_PYTHON is 3.13 or 3.14"),
        ("docker", ("REGISTRY=n", "TAG=1", "POOLS=gpu"), "no requirements/pool-gpu.txt"),
        ("other", ("REGISTRY=n", "TAG=1"), "neither docker nor az"),
    ],
)
def test_mistakes_are_told_before_anything_is_built(
    tools: Path, program: str, arguments: tuple[str, ...], message: str
) -> None:
    add(tools, program)
    done = make_images(tools, *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert calls(tools) == []
