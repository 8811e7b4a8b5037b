"""Which worker runs the app."""

import logging
import platform
from importlib.util import find_spec

from ondemand.host.worker.worker import Worker

logger = logging.getLogger(__name__)


def choose_worker() -> Worker:
    """The runtime of the Azure Functions worker where it is installed, else the host's own code; says which."""
    if find_spec("azure_functions_runtime"):
        from ondemand.host.worker.runtime import VERSION, RuntimeWorker

        logger.info("functions are invoked by azure-functions-runtime %s, as in Azure", VERSION)
        return RuntimeWorker()
    from ondemand.host.worker.own import OwnWorker

    logger.warning(
        "functions are invoked by the host's own code: azure-functions-runtime is not installed, it needs Python 3.13"
        " and this is %s",
        platform.python_version(),
    )
    return OwnWorker()
