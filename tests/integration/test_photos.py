"""Any bytes become network input or a PhotoError, quickly and within bounds."""

import hashlib
import io
import random
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swipr import photos
from swipr.errors import PhotoError
from training.drawings import draw

ROOT = Path(__file__).resolve().parents[2]
SIZE = 64
GOLDEN = "a9cefa515aae1c8fead17f7704b780ab555a33d3745a3d0d077a7eea2b97a1d6"
FORMATS = {
    "jpeg": ("JPEG", {"quality": 90}),
    "progressive": ("JPEG", {"quality": 90, "progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"quality": 90}),
    "lossless": ("WEBP", {"lossless": True}),
}


def picture(width=200, height=150):
    return Image.fromarray(draw(1, 200, seed=5)[0]).resize((width, height))


def saved(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def samples():
    return {name: saved(picture(), kind, **options) for name, (kind, options) in FORMATS.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_every_allowed_format_gives_the_same_picture(name):
    expected = np.asarray(picture().resize((SIZE, SIZE), Image.Resampling.BILINEAR), float)

    pixels = photos.to_input(samples()[name], SIZE)

    assert (pixels.shape, pixels.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert np.abs(pixels - expected).mean() < 6


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("side", [70, 300, 1100])
def test_several_sizes_at_once_are_byte_for_byte_those_made_one_by_one(name, side):
    kind, options = FORMATS[name]
    exif = Image.Exif()
    exif[0x0112] = 6
    body = saved(picture(side, side * 3 // 4), kind, **options, exif=exif)

    for sizes in ((64, 64), (64, 40), (40, 64, 224), (224, 128, 16)):
        together = photos.to_inputs(body, sizes)

        assert [each.shape for each in together] == [(size, size, 3) for size in sizes]
        assert all((photos.to_input(body, size) == each).all() for size, each in zip(sizes, together, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(kind, orientation):
    turns = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    turn = turns[orientation]
    stored = picture() if turn is None else picture().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation

    pixels = photos.to_input(saved(stored, kind, exif=exif, quality=95), SIZE)

    upright = np.asarray(picture().resize((SIZE, SIZE), Image.Resampling.BILINEAR), float)
    assert np.abs(pixels - upright).mean() < 6


TEXT_FOR_ORIENTATION = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02x\0"


@pytest.mark.parametrize("exif", [b"neither", b"MM\0*\xff\xff\xff\xff", TEXT_FOR_ORIENTATION])
def test_broken_exif_costs_the_orientation_only(exif):
    upright = photos.to_input(saved(picture(), "JPEG"), SIZE)

    np.testing.assert_array_equal(photos.to_input(saved(picture(), "JPEG", exif=b"Exif\0\0" + exif), SIZE), upright)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_other_colour_modes_become_rgb(mode):
    grey = picture().convert("L")
    sixteen = np.asarray(grey).astype(np.uint16) * 257
    image = Image.fromarray(sixteen) if mode == "I;16" else picture().convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"

    pixels = photos.to_input(saved(image, kind), SIZE).astype(float)

    like = picture() if mode in ("P", "RGBA", "CMYK") else grey.convert("RGB")
    expected = np.asarray(like.resize((SIZE, SIZE), Image.Resampling.BILINEAR), float)
    assert np.abs(pixels - expected).mean() < (25 if mode == "1" else 12)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode):
    image = Image.new("RGBA", (40, 40), (10, 200, 30, 0)).convert("RGBA" if mode == "P" else mode)
    photo = saved(image.quantize(4) if mode == "P" else image)

    assert photos.to_input(photo, SIZE).min() >= 254


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue")]
    for kind in ("PNG", "WEBP"):
        photo = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)

        assert np.abs(photos.to_input(photo, SIZE).mean(axis=(0, 1)) - [255, 0, 0]).max() < 6


def test_the_tensor_is_the_golden_one():
    y, x = np.mgrid[:90, :130]
    exact = np.stack([x * 255 // 129, y * 255 // 89, x * y % 256], axis=-1).astype(np.uint8)

    pixels = photos.to_input(saved(Image.fromarray(exact)), SIZE)

    assert hashlib.sha256(pixels.tobytes()).hexdigest() == GOLDEN


# --- hostile bytes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "SGI", "JPEG2000", "EPS", "PDF"])
def test_no_other_format_is_read_even_in_disguise(kind):
    try:
        plain = saved(picture(), kind)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {kind}")
    for disguise in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"):
        with pytest.raises(PhotoError):
            photos.to_input(disguise + plain, SIZE)


@pytest.mark.parametrize("photo", [b"", b"\xff", b"RIFF", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 "])
def test_fragments_are_refused(photo):
    with pytest.raises(PhotoError):
        photos.to_input(photo, SIZE)


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_photo_is_refused(name):
    photo = samples()[name]

    for share in (0.05, 0.3, 0.6, 0.9):
        with pytest.raises(PhotoError):
            photos.to_input(photo[: int(len(photo) * share)], SIZE)


def survive(seeds):
    valid = list(samples().values())
    slowest = 0.0
    for seed in seeds:
        chance = random.Random(seed)
        photo = bytearray(chance.choice(valid))
        for _ in range(chance.choice([1, 3, 20])):
            place = chance.randrange(len(photo) if chance.random() < 0.5 else 64)
            photo[place] = chance.randrange(256)
        if chance.random() < 0.2:
            del photo[chance.randrange(len(photo)) :]
        began = time.perf_counter()
        with suppress(PhotoError):
            assert photos.to_input(bytes(photo), SIZE).shape == (SIZE, SIZE, 3), seed
        slowest = max(slowest, time.perf_counter() - began)
    return slowest


def test_mutated_photos_are_pictures_or_errors():
    assert survive(range(600)) < 2


@pytest.mark.slow
def test_five_thousand_mutated_photos_are_pictures_or_errors():
    assert survive(range(600, 5600)) < 2


def png_header(width, height, body=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg_header(width, height):
    photo = bytearray(saved(picture(), "JPEG"))
    frame = photo.index(b"\xff\xc0")
    photo[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(photo)


def webp_header(kind, width, height):
    extended = b"\x10\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    bodies = {
        b"VP8X": extended,
        b"VP8L": b"\x2f" + struct.pack("<I", ((width - 1) & 0x3FFF) | ((height - 1) & 0x3FFF) << 14),
        b"VP8 ": b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF),
    }
    body = kind + struct.pack("<I", len(bodies[kind])) + bodies[kind]
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def bombs():
    sides = [(20_001, 1), (1, 20_001), (6_500, 6_500), (16_000, 16_000)]
    for width, height in sides:
        yield png_header(width, height)
        if width < 16_384 and height < 16_384:
            yield from (webp_header(kind, width, height) for kind in (b"VP8X", b"VP8L", b"VP8 "))
        yield jpeg_header(width, height)
    yield png_header(2**31 - 1, 2**31 - 1)
    yield png_header(0, 5)
    yield jpeg_header(65_535, 65_535)
    yield webp_header(b"VP8X", 2**24, 2**24)
    progressive = saved(picture(4000, 4000), "JPEG", progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    yield progressive[:-2] + progressive[scan : scan + 12] * 2000 + b"\xff\xd9"
    text = zlib.compress(bytes(80_000_000), 9)
    body = b"zTXtx\0\0" + text
    photo = saved(Image.new("RGB", (8, 8)))
    yield photo[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + photo[33:]


def test_bombs_are_refused_within_a_second():
    for number, bomb in enumerate(bombs()):
        began = time.perf_counter()
        with pytest.raises(PhotoError):
            photos.to_input(bomb, SIZE)
        assert time.perf_counter() - began < 1, number


def test_the_largest_allowed_photo_stays_below_256_mb():
    largest = saved(Image.new("RGBA", (6000, 4000), (200, 10, 10, 128)), compress_level=1)

    before, after = map(int, _peaks(largest))

    assert (after - before) / 1024 < 256


def _peaks(photo):
    program = (
        "import resource, sys; from swipr import photos; data = sys.stdin.buffer.read()\n"
        "peak = lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "peak(); photos.to_input(data, 64); peak()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=photo, capture_output=True, check=True, timeout=60, env={"PYTHONPATH": str(ROOT / "layers/common")},
    )  # fmt: skip
    return ran.stdout.split()


def test_qualities_tell_sharp_from_flat_and_bright_from_dark():
    sharp = photos.qualities(photos.to_input(saved(picture()), SIZE))
    flat = photos.qualities(np.full((SIZE, SIZE, 3), 250, np.uint8))

    assert sharp["sharpness"] > 0.01 > flat["sharpness"] == 0
    assert flat["exposure"] == pytest.approx(250 / 255, abs=1e-3)
    assert 0.05 < sharp["exposure"] < 0.95
