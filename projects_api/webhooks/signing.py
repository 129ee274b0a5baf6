"""Signatures as Standard Webhooks 1 says: https://www.standardwebhooks.com."""

import base64
import hashlib
import hmac

from projects_api.models.outside.webhook import SECRET_PREFIX


def headers_of(secret: str, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """Sign a message that is sent at a moment, in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
