"""Secrets under the key of this install: AES-256-GCM bound to its context, and keyed hashes."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_FORMAT = b"\x01"
_NONCE_BYTES = 12


def derive_key(install_key: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose; keys of different purposes say nothing about each other."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"swipr {purpose}".encode()).derive(install_key)


class AesSecrets:
    """`ports.Secrets` on one machine. Sealed bytes: format 1, nonce, ciphertext with tag."""

    def __init__(self, install_key: bytes) -> None:
        self._cipher = AESGCM(derive_key(install_key, "seal"))
        self._hash_key = derive_key(install_key, "keyed hash")

    def seal(self, plain: bytes, *, context: Mapping[str, str]) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, plain, _canonical(context))

    def open(self, sealed: bytes, *, context: Mapping[str, str]) -> bytes:
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _FORMAT or len(ciphertext) < 16:
            raise PermissionError("these bytes were not sealed here")
        try:
            return self._cipher.decrypt(nonce, ciphertext, _canonical(context))
        except InvalidTag:
            raise PermissionError("the sealed bytes or their context are not what was sealed") from None

    def keyed_hash(self, text: str) -> str:
        return hmac.new(self._hash_key, text.encode(), hashlib.sha256).hexdigest()


def _canonical(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
