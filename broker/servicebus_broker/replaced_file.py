"""Writes small files whole."""

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file under another name and rename it: a reader never finds half of it, nor before its mode is set."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(aside, mode)
        os.replace(aside, path)
    except BaseException:  # also after KeyboardInterrupt, no partial file stays
        os.unlink(aside)
        raise
