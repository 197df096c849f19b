"""A folder's photos in the size that judging needs: cameras make them fifty times as large."""

from typing import Final

from swipr.errors import PhotoError
from swipr.photos import shrink

#: Larger JPEGs are made smaller: the judge sees a few hundred pixels, and every photo is kept some days.
LARGE_BYTES: Final = 400_000
SMALL_SIDE_PX: Final = 1024
#: What is shown to the judge, for it to say why, of a photo too broken to make smaller.
_BROKEN_BYTES: Final = 100_000


def small_photo(photo: bytes) -> bytes:
    """The photo, or a smaller one of it if it is a large JPEG; other formats are decoded by the judge alone."""
    if len(photo) <= LARGE_BYTES or not photo.startswith(b"\xff\xd8\xff"):
        return photo
    try:
        return shrink(photo, SMALL_SIDE_PX)
    except PhotoError:
        return photo[:_BROKEN_BYTES]
