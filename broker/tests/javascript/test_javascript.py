"""The tests beside this file: ``@azure/service-bus`` for JavaScript, unmodified, against a broker process.

Node reports its tests; each is one of pytest's too. `make` installs Node and the SDK outside the tree of files.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.integration.conftest import RunningBroker, start_broker

HERE = Path(__file__).parent
INSTALLED = Path(os.environ.get("SERVICEBUS_JAVASCRIPT", Path(sys.prefix) / "javascript"))
TIMEOUT = 120
NAMES = [
    (path.name, name)
    for path in sorted(HERE.glob("*.test.mjs"))
    for name in re.findall(r'^test\("(.*?)"', path.read_text(), re.MULTILINE)
]

Report = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    running = start_broker(tmp_path_factory.mktemp("broker"), "--memory")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def report(broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Runs a file once; returns what went wrong by test, nothing if it passed."""
    if not (INSTALLED / "node_modules").is_dir():
        pytest.fail(f"{INSTALLED} lacks Node and the SDK: `make javascript` installs them")
    folder = tmp_path_factory.mktemp("javascript")
    # Node looks for packages beside the importing file.
    (folder / "node_modules").symlink_to(INSTALLED / "node_modules")
    environ = os.environ | {
        "CONNECTION": broker.connection_string,
        "ADMINISTRATION": broker.administration,
        "NODE_EXTRA_CA_CERTS": broker.certificate,
    }

    @cache
    def run(file: str) -> dict[str, str]:
        (folder / file).write_text((HERE / file).read_text())
        limit = f"--test-timeout={TIMEOUT * 1000}"
        command = [str(INSTALLED / "bin" / "node"), "--test", "--test-reporter=junit", limit, file]
        ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=2 * TIMEOUT)
        assert not ended.stderr, ended.stderr
        cases = ElementTree.fromstring(ended.stdout).iter("testcase")
        return {case.attrib["name"]: "".join(each.text or each.tag for each in case) for case in cases}

    return run


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_javascript(report: Report, file: str, name: str) -> None:
    assert report(file)[name] == ""


def test_every_test_of_node_is_one_of_pytest(report: Report) -> None:
    for file in {file for file, _ in NAMES}:
        assert set(report(file)) == {name for each, name in NAMES if each == file}
