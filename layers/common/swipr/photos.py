"""Photo bytes to network input and simple qualities: the only preprocessing, used by judge, training and tests."""

import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from swipr.errors import PhotoError

MAX_JPEG_PIXELS = 40_000_000  # a JPEG is decoded already shrunk, by draft()
MAX_PIXELS = 24_000_000  # others take 4 bytes a pixel, twice while alpha is removed: under 256 MB
MAX_SIDE_PX = 20_000
MAX_SCANNED_PIXELS = 16 * MAX_JPEG_PIXELS  # an honest progressive JPEG has about 10 scans; a hostile one thousands

_ORIENTATION = 0x0112  # EXIF tag
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def to_input(photo: bytes, size_px: int) -> np.ndarray:
    """Turn one photo into network input.

    Returns uint8 (size_px, size_px, 3), RGB: EXIF-oriented, over white, taken as sRGB, squashed by a bilinear
    filter; scaling lives in the graph. Of an animation the first frame counts.
    Raises PhotoError if the bytes are not a readable JPEG, PNG or WebP within the pixel ceilings.
    """
    return to_inputs(photo, (size_px,))[0]


def to_inputs(photo: bytes, sizes_px: Sequence[int]) -> list[np.ndarray]:
    """`to_input` for each of at least one size, byte for byte; decoded once where the sizes allow it.

    A JPEG is decoded already shrunk, by how much depends on the size: where that differs it is decoded anew.
    Raises PhotoError as `to_input` does.
    """
    with _decoding(), _opened(photo) as image:
        image.draft("RGB", (sizes_px[0], sizes_px[0]))
        image.load()
        made = {size_px: _other_draft(photo, image, size_px) for size_px in sizes_px[1:]}
        return [_squash(image, size_px) if (other := made.get(size_px)) is None else other for size_px in sizes_px]


def _other_draft(photo: bytes, decoded: Image.Image, size_px: int) -> np.ndarray | None:
    """None if for this size it would be decoded just as it was."""
    if not isinstance(decoded, JpegImageFile):
        return None
    with _opened(photo) as image:
        image.draft("RGB", (size_px, size_px))
        if image.size == decoded.size:
            return None
        image.load()
        return _squash(image, size_px)


def shrink(photo: bytes, side_px: int) -> bytes:
    """Make a large photo a small JPEG, at most `side_px` a side, oriented, without metadata.

    Raises PhotoError as `to_input` does.
    """
    with _decoding(), _opened(photo) as image:
        image.draft("RGB", (side_px, side_px))
        image.load()
        orientation = _orientation(image)
        scale = min(1.0, side_px / max(image.size))
        width, height = (max(1, round(length * scale)) for length in image.size)
        small = _rgb(_eight_bit(image), (width, height))
        if orientation in _TURN:
            small = small.transpose(_TURN[orientation])
        written = io.BytesIO()
        small.save(written, "JPEG", quality=92)
        return written.getvalue()


def qualities(pixels: np.ndarray) -> dict[str, float]:
    """Measure what `to_input` returned.

    `sharpness`: 0 is flat, from about 0.02 on crisp. `exposure`: 0 is black, 1 white.
    """
    luminance = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    centre = luminance[1:-1, 1:-1]
    around = luminance[:-2, 1:-1] + luminance[2:, 1:-1] + luminance[1:-1, :-2] + luminance[1:-1, 2:]
    sharpness = float(np.abs(centre - around / 4).mean())
    return {"sharpness": round(sharpness, 4), "exposure": round(float(luminance.mean()), 4)}


@contextmanager
def _decoding() -> Iterator[None]:
    """Whatever goes wrong in a decoder is a PhotoError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata is no reason to lose a photo
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except PhotoError:
            raise
        except MemoryError:
            raise PhotoError("the photo needs too much memory") from None
        except Exception as error:  # the decoders raise nearly anything on damaged bytes
            raise PhotoError(f"the photo is damaged ({type(error).__name__})") from error


def _opened(photo: bytes) -> Image.Image:
    """The one decoder that the first bytes name, header read, nothing decoded, within the ceilings."""
    stream = io.BytesIO(photo)
    if photo.startswith(b"\xff\xd8\xff"):
        jpeg = JpegImageFile(stream)
        _refuse_beyond(jpeg.size, MAX_JPEG_PIXELS)
        # FF DA cannot occur inside coded data, so this counts scans (and those of a thumbnail or two)
        if jpeg.width * jpeg.height * photo.count(b"\xff\xda") > MAX_SCANNED_PIXELS:
            raise PhotoError("the photo has too many scans for its size")
        return jpeg
    if photo.startswith(b"\x89PNG\r\n\x1a\n"):
        png = PngImageFile(stream)
        _refuse_beyond(png.size, MAX_PIXELS)
        return png
    if photo[:4] == b"RIFF" and photo[8:12] == b"WEBP":
        _refuse_beyond(_webp_size(photo), MAX_PIXELS)  # its decoder takes memory on opening
        webp = WebPImageFile(stream)
        _refuse_beyond(webp.size, MAX_PIXELS)
        return webp
    raise PhotoError("not a JPEG, PNG or WebP photo")


def _refuse_beyond(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and width * height <= max_pixels):
        raise PhotoError(
            f"the photo is {width} x {height}, more than {max_pixels // 10**6} megapixels or {MAX_SIDE_PX} a side"
        )


def _webp_size(photo: bytes) -> tuple[int, int]:
    kind = photo[12:16]
    if kind == b"VP8X":
        packed = int.from_bytes(photo[24:30], "little")
        return (packed & 0xFFFFFF) + 1, (packed >> 24) + 1
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", photo, 21)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", photo, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise PhotoError("the photo is damaged (no WebP picture inside)")


def _squash(image: Image.Image, size_px: int) -> np.ndarray:
    """Of a decoded image."""
    orientation = _orientation(image)
    small = _rgb(_eight_bit(image), (size_px, size_px))
    if orientation in _TURN:
        small = small.transpose(_TURN[orientation])
    return np.asarray(small)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF is common and costs the orientation only
        return 1


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _rgb(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Squash first, so that colour work is done on few pixels; alpha is mixed over white."""
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "RGB" if image.mode in ("1", "P") else image.mode)
    small = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if not transparent:
        return small.convert("RGB")
    white = Image.new("RGBA", small.size, "white")
    return Image.alpha_composite(white, small).convert("RGB")
