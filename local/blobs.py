"""Objects as files: `objects/<key>`, readable by hand, with signed addresses for browsers and the judge."""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Lock
from typing import BinaryIO, NamedTuple

from local import durable
from swipr.blob_keys import check_key, check_listed, check_prefix
from swipr.errors import InputError, NotFoundError
from swipr.models import BlobRange

DEFAULT_TYPE = "application/octet-stream"


class PostGrant(NamedTuple):
    """What a signed form allows: this one key, 1 to `max_bytes` bytes."""

    key: str
    max_bytes: int


class FileBlobs:
    """`ports.Blobs` in a folder of the (locked) data folder.

    `announce(key, size)` is told of each object about to appear and must store that durably. It comes before the
    rename: a crash between leaves an event about an object that is not there, which its reader skips; the other
    order would leave an upload that nobody ever learns of. Readers of the key wait until the rename is done.
    """

    def __init__(
        self,
        root: Path,
        *,
        sign_key: bytes,
        base_url: Callable[[], str],
        now: Callable[[], datetime],
        announce: Callable[[str, int], None] | None = None,
    ) -> None:
        self._objects, self._types, self._temp = root / "objects", root / "types", root / "temp"
        self._sign_key, self._base_url, self._now, self._announce = sign_key, base_url, now, announce
        self._appearing: set[str] = set()
        self._appeared = Condition()
        self._folders = Lock()
        for folder in (self._objects, self._types, self._temp):
            durable.make_folders(folder)
        for draft in self._temp.iterdir():  # of a process that was killed
            draft.unlink()
        self._remove_lone_types()

    def put(self, key: str, body: bytes, *, content_type: str = DEFAULT_TYPE) -> None:
        self.put_pieces(key, [body], content_type=content_type)

    def put_pieces(self, key: str, pieces: Iterable[bytes], *, content_type: str = DEFAULT_TYPE) -> None:
        """As `put`, of a body too long to hold; nothing is put when `pieces` raises."""
        path = self._path(key)
        with durable.draft(pieces, temp=self._temp) as draft:
            self._put_type(key, content_type)
            with self._appears(key):
                if self._announce:
                    self._announce(key, draft.stat().st_size)
                self._rename(draft, path)

    def get(self, key: str) -> bytes:
        with self._reading(key) as file:
            return file.read()

    def get_range(self, part: BlobRange) -> bytes:
        length = part.last - part.first + 1
        if length < 1:
            raise InputError("last", f"{part.last} is below first, {part.first}")
        with self._reading(part.key) as file:
            file.seek(part.first)
            body = file.read(length)
        if len(body) != length:
            raise NotFoundError(f"{part.key} ends before byte {part.last}")
        return body

    def size(self, key: str) -> int:
        """The object's bytes. Raises NotFoundError."""
        with self._reading(key) as file:
            return file.seek(0, os.SEEK_END)

    def modified_at(self, key: str) -> datetime | None:
        """When the object was last put; None if it is not there."""
        path = self._objects / _listed(key)
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None

    def content_type(self, key: str) -> str:
        """As given by the last put."""
        path = self._types / check_key(key)
        return path.read_text() if path.is_file() else DEFAULT_TYPE

    def keys(self, prefix: str) -> Sequence[str]:
        check_prefix(prefix)
        top = self._objects / prefix.rpartition("/")[0]
        found = (Path(folder, name) for folder, _, names in os.walk(top) for name in names)
        keys = (path.relative_to(self._objects).as_posix() for path in found)
        return sorted(key for key in keys if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in [_listed(key) for key in keys]:
            for root in (self._objects, self._types):
                self._remove(root, root / key)

    def presign_get(self, key: str, *, expires_s: int) -> str:
        expires = self._expires(expires_s)
        signature = self._signature("GET", check_key(key), expires)
        return f"{self._base_url()}/blobs/{key}?expires={expires}&signature={signature}"

    def presign_post(self, key: str, *, max_bytes: int, expires_s: int) -> tuple[str, dict[str, str]]:
        fields = {"key": check_key(key), "expires": self._expires(expires_s), "max_bytes": str(max_bytes)}
        signature = self._signature("POST", *fields.values())
        return f"{self._base_url()}/blobs", fields | {"signature": signature}

    def verify_get(self, key: str, *, expires: str, signature: str) -> None:
        """Raises PermissionError unless `presign_get` made this address and it has not expired."""
        self._verify(signature, "GET", key, expires)
        self._check_expiry(expires)

    def verify_post(self, fields: Mapping[str, str]) -> PostGrant:
        """What a form's fields allow. Raises PermissionError unless `presign_post` made them, still in time."""
        key, expires, max_bytes = (fields.get(name, "") for name in ("key", "expires", "max_bytes"))
        self._verify(fields.get("signature", ""), "POST", key, expires, max_bytes)
        self._check_expiry(expires)
        return PostGrant(key, int(max_bytes))

    # files

    def _path(self, key: str) -> Path:
        return self._objects / check_key(key)

    def _rename(self, draft: Path, path: Path) -> None:
        with self._folders:
            durable.make_folders(path.parent)
            durable.rename(draft, path)

    def _put_type(self, key: str, content_type: str) -> None:
        # A crash after this leaves the old object with the new type; a key's type never changes in practice.
        if content_type != self.content_type(key):
            with durable.draft([content_type.encode()], temp=self._temp) as draft:
                self._rename(draft, self._types / key)

    def _remove_lone_types(self) -> None:
        """Of objects that never appeared, as their process was killed in between."""
        for folder, _, names in os.walk(self._types):
            for path in (Path(folder, name) for name in names):
                if not (self._objects / path.relative_to(self._types)).is_file():
                    self._remove(self._types, path)

    def _remove(self, root: Path, path: Path) -> None:
        """Remove the file and the folders it leaves empty: their names may be a user's."""
        with self._folders:
            if not path.is_file():
                return
            path.unlink()
            durable.sync_folder(path.parent)
            for folder in path.parents:
                if folder == root or any(folder.iterdir()):
                    return
                folder.rmdir()

    # events

    @contextmanager
    def _appears(self, key: str) -> Iterator[None]:
        with self._appeared:
            self._appeared.wait_for(lambda: key not in self._appearing)
            self._appearing.add(key)
        try:
            yield
        finally:
            with self._appeared:
                self._appearing.discard(key)
                self._appeared.notify_all()

    def _reading(self, key: str) -> BinaryIO:
        """The object as it is once no announced one is about to take its place. Raises NotFoundError."""
        path = self._path(key)
        with self._appeared:
            self._appeared.wait_for(lambda: key not in self._appearing)
        if not path.is_file():
            raise NotFoundError(key)
        try:
            return path.open("rb")
        except FileNotFoundError:  # deleted just now
            raise NotFoundError(key) from None

    # signatures

    def _expires(self, expires_s: int) -> str:
        return str(int(self._now().timestamp()) + expires_s)

    def _signature(self, *parts: str) -> str:
        return hmac.new(self._sign_key, "\n".join(parts).encode(errors="replace"), hashlib.sha256).hexdigest()

    def _verify(self, signature: str, *parts: str) -> None:
        if not hmac.compare_digest(self._signature(*parts).encode(), signature.encode(errors="replace")):
            raise PermissionError("the signature does not fit")

    def _check_expiry(self, expires: str) -> None:
        if self._now().timestamp() >= int(expires):
            raise PermissionError("the address has expired")


def _listed(key: str) -> str:
    """A key to look at or delete. Raises InputError for what could lead out of the folder."""
    if os.name == "nt" and set(key) & set("\\:"):
        raise InputError("key", "has a character that Windows takes for a folder's")
    return check_listed(key)
