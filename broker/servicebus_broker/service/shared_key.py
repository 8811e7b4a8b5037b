"""The key of the broker's one policy, and how clients prove that they know it.

A token is ``SharedAccessSignature sr=<address>&sig=<signature>&se=<expiry>&skn=<policy>``; the signature is the
HMAC-SHA256 of address and expiry: learn.microsoft.com, "Service Bus access control with Shared Access Signatures".
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from servicebus_broker.addresses import POLICY
from servicebus_broker.queues.clock import Clock
from servicebus_broker.queues.errors import UnauthorizedError

# The SDK for JavaScript leaves the scheme out; its administration client signs the whole URL of a request.
_HOST = re.compile(r"(?:[a-z]+://)?[^/]*", re.IGNORECASE)
_SCHEME = "SharedAccessSignature "
_FIELDS = ("sr", "sig", "se", "skn")
_MAX_TOKEN = 8 * 1024
_MAX_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to use an entity, or every entity if ``path`` is empty, until a running time."""

    path: str
    expires_at: float

    def covers(self, path: str) -> bool:
        return not self.path or path == self.path or path.startswith(f"{self.path}/")


class SharedKey:
    """The one key; every client that knows it may do everything."""

    def __init__(self, key: str, clock: Clock) -> None:
        self._key = key.encode()
        self._clock = clock

    def is_password(self, user: str, password: str) -> bool:
        """Whether these are the policy's name and its key."""
        return hmac.compare_digest(password.encode(), self._key) and user == POLICY

    def claim(self, token: str) -> Claim:
        """What a token allows. Raises UnauthorizedError."""
        address, signature, expiry, policy = _fields(token)
        expected = base64.b64encode(hmac.digest(self._key, f"{address}\n{expiry}".encode(), "sha256"))
        if policy != POLICY:
            raise UnauthorizedError(f"InvalidSignature: The only policy of this broker is {POLICY}.")
        if not hmac.compare_digest(signature.encode(), expected):
            raise UnauthorizedError(
                "InvalidSignature: The token has an invalid signature. It is not made with the key of this broker, "
                "which its connection string has."
            )
        expires_at = self._clock.from_wall(float(expiry))
        if expires_at <= self._clock():
            raise UnauthorizedError("ExpiredToken: The token is expired.")
        return Claim(_path(unquote_plus(address)), expires_at)


def _path(audience: str) -> str:
    return _HOST.sub("", audience, count=1).partition("?")[0].strip("/").lower()


def _fields(token: str) -> tuple[str, str, str, str]:
    """Address and expiry as they were signed, signature and policy decoded. Raises UnauthorizedError."""
    scheme, parts = token[: len(_SCHEME)], token[len(_SCHEME) : _MAX_TOKEN + 1].split("&", len(_FIELDS))
    fields = dict(part.partition("=")[::2] for part in parts)
    expiry = fields.get("se", "")
    if (
        scheme != _SCHEME
        or len(token) > _MAX_TOKEN
        or len(parts) != len(_FIELDS)
        or sorted(fields) != sorted(_FIELDS)
        or not (expiry.isascii() and expiry.isdecimal() and len(expiry) <= _MAX_DIGITS)
    ):
        raise UnauthorizedError("MalformedToken: This broker takes tokens of the form SharedAccessSignature only.")
    return fields["sr"], unquote(fields["sig"]), expiry, unquote_plus(fields["skn"])
