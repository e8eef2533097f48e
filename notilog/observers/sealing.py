"""Secrets of observers at rest: AES-256-GCM under a key made of the platform's secret key."""

import json
from collections.abc import Mapping
from os import urandom
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from notilog import config
from notilog.observers.failures import Permanent

_NONCE: Final = 12
_KEY: Final = 32


def sealed(secrets: Mapping[str, Any], *, observer_id: UUID) -> bytes:
    """The secrets, so that only this observer's row can hold them."""
    nonce = urandom(_NONCE)
    return nonce + AESGCM(_key()).encrypt(nonce, json.dumps(secrets).encode(), observer_id.bytes)


def unsealed(given: bytes, *, observer_id: UUID) -> dict[str, Any]:
    """The secrets as they were.

    Raises:
        Permanent: they were sealed under another secret key, or for another observer.
    """
    try:
        plain = AESGCM(_key()).decrypt(given[:_NONCE], given[_NONCE:], observer_id.bytes)
    except InvalidTag:
        raise Permanent(
            "the token cannot be read: NOTILOG_SECRET_KEY has changed since; give it again"
        ) from None
    found: dict[str, Any] = json.loads(plain)
    return found


def _key() -> bytes:
    secret = config.current().core.secret_key.get_secret_value()
    return HKDF(SHA256(), _KEY, salt=None, info=b"notilog observers").derive(secret.encode())
