"""Shared access signatures, made as the SDKs make them."""

import base64
import hashlib
import hmac
from urllib.parse import quote_plus

from servicebus_broker.addresses import POLICY
from tests.unit.client import KEY


def sas_token(address: str, expires: float = 4e9, *, key: str = KEY, policy: str = POLICY) -> str:
    signed = f"{quote_plus(address)}\n{int(expires)}"
    signature = base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())
    return (
        f"SharedAccessSignature sr={quote_plus(address)}&sig={quote_plus(signature)}&se={int(expires)}"
        f"&skn={quote_plus(policy)}"
    )
