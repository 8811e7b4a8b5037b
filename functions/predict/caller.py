"""Who asks: the Entra ID object that the platform has authenticated, or the holder of a function key.

The host has checked the key before a function runs, and takes the first of these (`AuthenticationLevelHandler` of the
Functions host 4): the first value of the header ``x-functions-key``, else the first of the query's ``code``. Another
choice here would let one key pass for many callers. The host does not tell the Python worker the key's name.
"""

import re
from collections.abc import Mapping

from functions.predict.secret import Secret, tag

UNKNOWN = ""
_OBJECT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Callers:
    """``trust_client_principal``: whatever is in front of the host sets ``X-MS-CLIENT-PRINCIPAL-ID`` itself."""

    def __init__(self, secret: Secret, trust_client_principal: bool) -> None:
        self._secret = secret
        self._trust_client_principal = trust_client_principal

    async def name(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """``entra:<object id>``, ``key:<16 hexadecimal digits>`` or `UNKNOWN`. Raises Unavailable.

        The same key has the same name in all instances, and the name does not tell the key.
        """
        if self._trust_client_principal and (object_id := _object_id(headers)):
            return f"entra:{object_id}"
        key = _function_key(headers, query)
        return f"key:{tag(await self._secret.value(), 'caller', key)[:8].hex()}" if key else UNKNOWN


def _object_id(headers: Mapping[str, str]) -> str | None:
    """Of another identity provider the id is no object id of Entra ID."""
    object_id = headers.get("x-ms-client-principal-id", "").strip().lower()
    is_entra = headers.get("x-ms-client-principal-idp", "aad").strip().lower() == "aad"
    return object_id if is_entra and _OBJECT_ID.fullmatch(object_id) else None


def _function_key(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    given = headers.get("x-functions-key")
    if given is None:  # the host reads names in the query without regard to case
        given = next((value for name, value in query.items() if name.lower() == "code"), "")
    return given.partition(",")[0].strip()  # the worker joins repeated ones, and a key has no comma
