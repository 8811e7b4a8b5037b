"""Administration inside the broker's process: certificate, listener, and a file that says where they are."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from servicebus_broker.addresses import connection_string
from servicebus_broker.administration.application import Administration, Commit
from servicebus_broker.administration.certificate import certificate_in, write_public_part
from servicebus_broker.administration.listener import HttpsListener
from servicebus_broker.replaced_file import replace_file
from servicebus_broker.service.broker import Broker

NOTE = "administration.json"


@dataclass(frozen=True)
class Endpoint:
    """The connection string for administration clients, and the file of the certificate to trust (PEM)."""

    administration: str
    certificate: str


@contextlib.asynccontextmanager
async def serve_administration(
    broker: Broker,
    commit: Commit,
    host: str,
    port: int,
    key: str,
    *,
    folder: Path | None,
    certificate: Path | None,
    use_identity: Callable[[Path], None],
) -> AsyncIterator[Endpoint]:
    """Serve while the context lasts; port 0 is any free one. Raises OSError.

    The certificate's key, and the file that `find_endpoint` reads, are kept in ``folder``; without one, in a temporary
    folder that is deleted at the end. The certificate is written to the file ``certificate``, or else into the folder.
    ``use_identity`` gets the file with the certificate and its key, for a listener that has the same.
    """
    with contextlib.ExitStack() as at_the_end:
        if folder is None:
            folder = Path(at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="servicebus-broker-")))
        identity = certificate_in(folder)
        public = (certificate or folder / "certificate.pem").absolute()
        write_public_part(identity, public)
        use_identity(identity)
        listener = HttpsListener(Administration(broker, commit), identity)
        endpoint = Endpoint(connection_string(host, await listener.start(host, port), key), str(public))
        note = folder / NOTE
        replace_file(note, json.dumps(asdict(endpoint)).encode(), mode=0o600)
        at_the_end.callback(note.unlink, missing_ok=True)
        try:
            yield endpoint
        finally:
            await listener.stop()


def find_endpoint(folder: Path) -> Endpoint | None:
    """The endpoint of the broker that runs on a data folder. A killed broker leaves the file behind."""
    try:
        return Endpoint(**json.loads((folder / NOTE).read_text()))
    except (FileNotFoundError, ValueError):
        # ValueError while the file is being written.
        return None
