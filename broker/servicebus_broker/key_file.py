"""The key of a data folder: made once, kept in a file that only its owner reads."""

import secrets
from pathlib import Path

from servicebus_broker.replaced_file import replace_file

NAME = "key"
_BYTES = 32


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_urlsafe(_BYTES)


def key_in(folder: Path) -> str:
    """The key of the broker that uses a data folder; made, with the folder, if it is missing. Raises OSError.

    A supervisor may call this before it starts the broker, and so knows the connection string in advance.
    """
    path = folder / NAME
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = path.read_text().strip() if path.exists() else ""
    if not key:
        key = new_key()
        replace_file(path, key.encode(), mode=0o600)
    return key
