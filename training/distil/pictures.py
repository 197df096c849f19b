"""Which pictures are learned from: folders of photos, their licences and hashes, and which are kept aside."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from local import recommended
from training.distil import drawn

SHORT_SIDE_PX = 192
DRAWN = "drawn"
DRAWN_COUNT = 1500
KEPT_ASIDE_PERCENT = 3
KNOWN = Path(__file__).with_name("sources.json")


class Source(NamedTuple):
    """`name` is how a run leaves it out; `files` are sorted."""

    name: str
    licence: str
    origin: str
    files: tuple[Path, ...]


def sources(folders: Iterable[Path], *, licence: str | None) -> list[Source]:
    """A source for each subfolder that holds photos, or for the folder itself. A labelled set (train, test) gives its
    train photos only. Raises ValueError where neither sources.json nor `licence` says under what it may be used.
    """
    found: list[Source] = []
    for folder in folders:
        below = sorted(path for path in folder.iterdir() if path.is_dir())
        for place in [folder] if (folder / "train").is_dir() or not below else below:
            files = recommended.photos_below(place / "train" if (place / "train").is_dir() else place)
            found.append(Source(place.name, *_licence_and_origin(place.name, licence), tuple(files)))
    return found


def drawings() -> Source:
    return Source(DRAWN, "MIT", "training/distil/drawn.py", ())


def kept_aside(source: Source, file: Path) -> bool:
    """Three photos in a hundred, by a hash of the name, are never learned from."""
    digest = hashlib.sha256(f"{source.name}/{file.name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < KEPT_ASIDE_PERCENT


def opened(file: Path) -> Image.Image:
    """RGB, over white, short side at most SHORT_SIDE_PX, decoded."""
    with Image.open(file) as image:
        image.draft("RGB", (SHORT_SIDE_PX, SHORT_SIDE_PX))
        transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        picture = image.convert("RGBA" if transparent else "RGB")
    scale = min(1.0, SHORT_SIDE_PX / min(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if not transparent:
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def drawing(number: int) -> Image.Image:
    return Image.fromarray(drawn.draw(number, SHORT_SIDE_PX))


def hash_of_all(files: Iterable[Path]) -> str:
    """sha256 over the photos' own, sorted: the same photos under other names are the same."""
    each = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return hashlib.sha256("".join(each).encode()).hexdigest()


def _licence_and_origin(name: str, given: str | None) -> tuple[str, str]:
    known = json.loads(KNOWN.read_text("utf-8"))
    if name in known:
        return known[name]["licence"], known[name]["origin"]
    if given is None:
        raise ValueError(f"{name}: under which licence? Say it with --licence, or in {KNOWN.name}")
    return given, "a folder of the builder's"
