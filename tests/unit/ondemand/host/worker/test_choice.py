import logging
from importlib.util import find_spec

import pytest

from ondemand.host.worker.choice import choose_worker


def test_runtime_is_taken_where_it_is_installed_and_the_log_says_which(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    worker = choose_worker()
    worker.close()
    (said,) = caplog.messages
    if find_spec("azure_functions_runtime"):
        assert type(worker).__name__ == "RuntimeWorker"
        assert said.startswith("functions are invoked by azure-functions-runtime 1.")
    else:
        assert type(worker).__name__ == "OwnWorker"
        assert "azure-functions-runtime is not installed, it needs Python 3.13" in said
