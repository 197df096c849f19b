"""Whether the parts of a running install answer, in plain words."""

import base64
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from swipr.errors import ModelError
from swipr.judging import Judge, PhotoSource

_SIDE_PX = 16
Json = dict[str, Any]


def health(judge: Judge, dead: Iterable[str], waiting: Callable[[str], int]) -> Json:
    """The judge is shown a drawn photo; `dead` names the queues of what failed for good, `waiting` counts one."""
    counts = {name: waiting(name) for name in dead}
    return {"judge": _judge(judge), "dead_letters": {name: count for name, count in counts.items() if count}}


def _judge(judge: Judge) -> Json:
    photo = base64.b64encode(_drawn()).decode()
    try:
        answer = judge({"photos": [PhotoSource(id="drawn", data=photo)], "heads": []})
    except ModelError as error:
        return {"works": False, "text": str(error)}
    refused = answer["photos"][0].get("error")
    if refused is not None:
        return {"works": False, "text": f"it could not see a drawn photo: {refused}"}
    return {"works": True, "text": f"saw a drawn photo in {answer['ms']:.0f} ms", "backbone": answer["backbone"]}


def _drawn() -> bytes:
    """A PNG, grey from dark to light."""
    rows = b"".join(b"\0" + bytes(16 * x for x in range(_SIDE_PX)) for _ in range(_SIDE_PX))
    header = struct.pack(">IIBBBBB", _SIDE_PX, _SIDE_PX, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
