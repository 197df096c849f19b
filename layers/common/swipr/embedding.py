"""Photos to features, by the judge, a bounded batch at a time."""

import base64
from collections.abc import Sequence
from typing import NamedTuple

from swipr.errors import ModelError
from swipr.judging import PHOTOS_PER_CALL, Judge, PhotoSource
from swipr.ports import Blobs
from swipr.sessions.judged_cards import ADDRESS_EXPIRES_S
from swipr.sessions.photos import zip_photos

#: A batch is full when it has this much, or this many photos. It is held three times over while it is packed, and
#: the judge has ten seconds to fetch it.
BATCH_BYTES = 8_000_000
BATCH_PHOTOS = PHOTOS_PER_CALL


class Embedded(NamedTuple):
    """`backbone`: its sha256. Per photo, in order: its features (float16 little-endian), or why there are none."""

    backbone: str
    features: list[bytes | str]


def embed(photos: Sequence[bytes], key: str, *, judge: Judge, blobs: Blobs) -> Embedded:
    """Have the photos judged by address from one stored zip at `key`, which is gone again afterwards.

    Raises ModelError if the judge cannot answer.
    """
    body, parts = zip_photos(key, photos)
    blobs.put(key, body, content_type="application/zip")
    del body
    try:
        url = blobs.presign_get(key, expires_s=ADDRESS_EXPIRES_S)
        sources = [
            PhotoSource(id=str(place), url=url, first=part.first, last=part.last) for place, part in enumerate(parts)
        ]
        backbone, judged = _ask(judge, sources)
        # An error may be the network's and not the photo's: it has to say so twice.
        doubtful = [source for source, photo in zip(sources, judged, strict=True) if isinstance(photo, str)]
        if doubtful:
            _, again = _ask(judge, doubtful)
            for source, photo in zip(doubtful, again, strict=True):
                judged[int(source["id"])] = photo
    finally:
        blobs.delete([key])
    return Embedded(backbone, judged)


def _ask(judge: Judge, sources: list[PhotoSource]) -> Embedded:
    answer = judge({"photos": sources, "heads": []})
    if [photo["id"] for photo in answer["photos"]] != [source["id"] for source in sources]:
        raise ModelError("the judge answered for other photos than it was asked about")
    return Embedded(
        answer["backbone"],
        [photo["error"] if "error" in photo else base64.b64decode(photo["features"]) for photo in answer["photos"]],
    )
