"""Files of the page that are too big for an answer of the API: objects, found by a list and fetched by address."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from swipr.api.exchange import FRESH, JSON, Reply
from swipr.errors import NotFoundError
from swipr.ports import Blobs

FOLDER = "console"
#: Written last: what it names is there.
LIST = "files.json"
#: An object's key has its hash in it, so what a browser has it may keep.
KEEP = "private, max-age=31536000, immutable"
#: Whoever holds the address may fetch the file meanwhile, and each time is paid for.
ADDRESS_S = 60


class Put(Protocol):
    def __call__(self, key: str, body: bytes, *, content_type: str) -> None: ...


class BigFile(NamedTuple):
    sha256: str
    bytes: int


def key_of(name: str, sha256: str) -> str:
    return f"{FOLDER}/{sha256}/{name}"


def listed(blobs: Blobs) -> Mapping[str, BigFile]:
    """By name; none where nothing was published."""
    try:
        found = json.loads(blobs.get(f"{FOLDER}/{LIST}"))
    except NotFoundError:
        return {}
    return {name: BigFile(**facts) for name, facts in found.items()}


def _packed(files: Mapping[str, BigFile]) -> str:
    return json.dumps({name: file._asdict() for name, file in files.items()})


def publish(files: Mapping[str, Path], blobs: Blobs, put: Put | None = None) -> list[str]:
    """Put what is not there yet (by `put`, if it is to be put otherwise), then the list of all; the keys that were put.

    Idempotent. What an older list named stays, as a page that was opened before may still ask for it.
    """
    put = put or blobs.put
    known, now, done = listed(blobs), dict[str, BigFile](), []
    for name, path in files.items():
        body = path.read_bytes()
        now[name] = BigFile(sha256=hashlib.sha256(body).hexdigest(), bytes=len(body))
        if known.get(name) != now[name]:
            done.append(key_of(name, now[name].sha256))
            put(done[-1], body, content_type="application/octet-stream")
    if known != now:
        put(f"{FOLDER}/{LIST}", _packed(now).encode(), content_type=JSON)
        done.append(f"{FOLDER}/{LIST}")
    return done


def answer(name: str, blobs: Blobs) -> Reply:
    """The list itself, or a redirection to the file's address for a minute, which nobody may keep.

    Raises NotFoundError.
    """
    files = listed(blobs)
    if name == LIST:
        return Reply(200, JSON, _packed(files), FRESH)
    if name not in files:
        raise NotFoundError("the page has no such file")
    address = blobs.presign_get(key_of(name, files[name].sha256), expires_s=ADDRESS_S)
    return Reply(302, JSON, "{}", FRESH | {"Location": address})
