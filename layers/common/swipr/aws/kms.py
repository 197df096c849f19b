"""Secrets under a key of KMS, bound to their context; and keyed hashes under a key that KMS has sealed."""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from swipr.aws.atomic import Atomic, Changes
from swipr.aws.errors import AwsError, call
from swipr.aws.items import NO_USER
from swipr.aws.tables import Item, Key, Table, attribute

_FORMAT = b"\x01"
_CHECK_BYTES = 8
_HASH_KEY_BYTES = 32
_PURPOSE = {"purpose": "swipr keyed hash"}
_NOT_SEALED_HERE = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsSecrets:
    """`ports.Secrets`. Sealed bytes: format 1, a check sum, KMS's ciphertext. Raises AwsError.

    The install's hash key is made when it is first needed, and lies sealed in Users under an id no user can have.
    """

    def __init__(
        self,
        kms: Any,
        dynamodb: Any,
        *,
        key_id: str,
        users: Table,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._kms, self._key_id, self._random_bytes = kms, key_id, random_bytes
        self._atomic = Atomic(dynamodb)
        self._place = Key(users, f"{NO_USER}install")
        self._hash_key = b""
        self._making = Lock()

    def seal(self, plain: bytes, *, context: Mapping[str, str]) -> bytes:
        # A first byte of our own, as KMS seals nothing that is empty.
        arguments = {"KeyId": self._key_id, "Plaintext": _FORMAT + plain, "EncryptionContext": dict(context)}
        sealed: bytes = call(self._kms, "encrypt", **arguments)["CiphertextBlob"]
        return _FORMAT + self._check_sum(sealed) + sealed

    def open(self, sealed: bytes, *, context: Mapping[str, str]) -> bytes:
        head, ciphertext = sealed[: 1 + _CHECK_BYTES], sealed[1 + _CHECK_BYTES :]
        if not ciphertext or head != _FORMAT + self._check_sum(ciphertext):
            raise PermissionError("these bytes were not sealed here")
        plain = self._decrypt(ciphertext, context)
        if plain[:1] != _FORMAT:
            raise PermissionError("these bytes were not sealed here")
        return plain[1:]

    def keyed_hash(self, text: str) -> str:
        return hmac.new(self._install_key(), text.encode(), hashlib.sha256).hexdigest()

    def _decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        arguments = {"KeyId": self._key_id, "CiphertextBlob": ciphertext, "EncryptionContext": dict(context)}
        try:
            answer = call(self._kms, "decrypt", **arguments)
        except AwsError as error:
            if error.code in _NOT_SEALED_HERE:
                raise PermissionError("the sealed bytes or their context are not what was sealed") from None
            raise
        if _id_of(answer["KeyId"]) != _id_of(self._key_id):
            raise PermissionError("these bytes were not sealed here")
        plain: bytes = answer["Plaintext"]
        return plain

    def _check_sum(self, ciphertext: bytes) -> bytes:
        """Not for safety, which is KMS's: what is damaged, or another key's, is told from a KMS that fails."""
        return hashlib.sha256(_id_of(self._key_id).encode() + ciphertext).digest()[:_CHECK_BYTES]

    def _install_key(self) -> bytes:
        with self._making:
            if not self._hash_key:
                self._hash_key = self.open(self._atomic.change((self._place,), self._kept_or_new), context=_PURPOSE)
            return self._hash_key

    def _kept_or_new(self, item: Item | None) -> tuple[bytes, Changes]:
        """Whoever is first makes it; everybody else finds it there."""
        if item:
            return item["hash_key"]["B"], {}
        sealed = self.seal(self._random_bytes(_HASH_KEY_BYTES), context=_PURPOSE)
        return sealed, {self._place: {"hash_key": attribute(sealed)}}


def _id_of(key: str) -> str:
    """Of an id, or of an address that ends with it."""
    return key.rpartition("/")[2]
