"""Photos to features, by the judge, a bounded batch at a time."""

from collections.abc import Sequence
from typing import NamedTuple

from swipr.errors import ModelError
from swipr.judging import PHOTOS_PER_CALL, Judge, JudgedPhoto, PhotoSource
from swipr.ports import Blobs
from swipr.roles import ADDRESS_EXPIRES_S, Roles, ask_or_see
from swipr.sessions.photos import zip_photos

#: A batch is full when it has this much, or this many photos. It is held three times over while it is packed, and
#: the judge has ten seconds to fetch it.
BATCH_BYTES = 8_000_000
BATCH_PHOTOS = PHOTOS_PER_CALL


class Embedded(NamedTuple):
    """`backbone`: its sha256. `photos` in order, each with its features, or why there are none. `asked`: whose word."""

    backbone: str
    photos: list[JudgedPhoto]
    asked: Roles


def embed(photos: Sequence[bytes], key: str, *, judge: Judge, blobs: Blobs, roles: Roles) -> Embedded:
    """Have the photos judged by address from one stored zip at `key`, which is gone again afterwards.

    Features count for more than anybody's word: where the judge fails, nobody is asked. Raises ModelError if it cannot
    answer at all.
    """
    body, parts = zip_photos(key, photos)
    blobs.put(key, body, content_type="application/zip")
    del body
    try:
        url = blobs.presign_get(key, expires_s=ADDRESS_EXPIRES_S)
        sources = [
            PhotoSource(id=str(place), url=url, first=part.first, last=part.last) for place, part in enumerate(parts)
        ]
        embedded = _ask(judge, sources, roles, blobs)
        # An error may be the network's and not the photo's: it has to say so twice.
        doubtful = [source for source, photo in zip(sources, embedded.photos, strict=True) if "error" in photo]
        if doubtful:
            again = _ask(judge, doubtful, embedded.asked, blobs)
            for source, photo in zip(doubtful, again.photos, strict=True):
                embedded.photos[int(source["id"])] = photo
    finally:
        blobs.delete([key])
    return embedded


def _ask(judge: Judge, sources: list[PhotoSource], roles: Roles, blobs: Blobs) -> Embedded:
    answer, asked = ask_or_see(judge, sources, roles, blobs)
    if [photo["id"] for photo in answer["photos"]] != [source["id"] for source in sources]:
        raise ModelError("the judge answered for other photos than it was asked about")
    return Embedded(answer["backbone"], list(answer["photos"]), asked)
