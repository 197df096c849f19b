"""Labelled photo sets, the labels drawn from them, and their features, kept in a scratch folder once made."""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import quality_code
from swipr import photos
from swipr.backbone import Backbone

SETS = ("potato", "wardrobe", "trash", "avatars", "ferrari")
FEWEST_OF_A_KIND = 2


class PhotoSet(NamedTuple):
    """`train` and `test`: files, in an order of no meaning. `digest` names every photo's bytes and where it lies."""

    name: str
    train: tuple[Path, ...]
    train_liked: np.ndarray
    test: tuple[Path, ...]
    test_liked: np.ndarray
    digest: str


class Seen(NamedTuple):
    """What a system is shown of both splits: (n, ...) and (m, ...)."""

    train: np.ndarray
    test: np.ndarray


def shared() -> Path:
    return Path(os.environ.get("SWIPR_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def scratch() -> Path:
    """Outside the repository; what is in it can be made again."""
    return Path(os.environ.get("SWIPR_BENCH_SCRATCH", Path(tempfile.gettempdir()) / "swipr-bench"))


@cache
def read(data: Path, name: str) -> PhotoSet | None:
    """None if the set is not there, or a part of it is missing."""
    parts = {split: _files(data / name / split) for split in ("train", "test")}
    if not all(files and 0 < liked.sum() < len(liked) for files, liked in parts.values()):
        return None
    digest = hashlib.sha256()
    for file in (*parts["train"][0], *parts["test"][0]):
        digest.update(f"{file.relative_to(data).as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return PhotoSet(name, *parts["train"], *parts["test"], digest.hexdigest()[:12])


def draw(liked: np.ndarray, labels: int | str, number: int) -> np.ndarray:
    """Places (k,) of the labels a user gives: at random until there are as many and two of a kind; `all`: every one.

    The same for every system. Raises ValueError if there are not so many, or never two of a kind.
    """
    if labels == "all":
        return np.arange(len(liked))
    count = int(labels)
    if not 2 * FEWEST_OF_A_KIND <= count <= len(liked) or min(liked.sum(), (~liked).sum()) < FEWEST_OF_A_KIND:
        raise ValueError(f"{count} labels with {FEWEST_OF_A_KIND} of a kind cannot be drawn from {len(liked)}")
    generator = np.random.default_rng([number, count])
    while True:
        chosen = generator.permutation(len(liked))[:count]
        if FEWEST_OF_A_KIND <= liked[chosen].sum() <= count - FEWEST_OF_A_KIND:
            return chosen


def features(photo_set: PhotoSet, network: Backbone) -> Seen:
    """As learning and serving see them: float32 (n, dimensions) of numbers rounded to float16."""
    name = f"{photo_set.digest}-{network.sha256[:12]}-{quality_code.of('swipr.photos', 'swipr.backbone')}.npz"
    kept = scratch() / "features" / name
    if kept.exists():
        with np.load(kept) as found:
            return Seen(found["train"].astype(np.float32), found["test"].astype(np.float32))
    made = Seen(*(_embedded(files, network) for files in (photo_set.train, photo_set.test)))
    _keep(kept, made)
    return Seen(made.train.astype(np.float32), made.test.astype(np.float32))


def pixels(photo_set: PhotoSet, size_px: int) -> Seen:
    """uint8 (n, size_px, size_px, 3), made anew each time: it takes less than reading them back."""
    return Seen(*(as_pixels(files, size_px) for files in (photo_set.train, photo_set.test)))


def _files(folder: Path) -> tuple[tuple[Path, ...], np.ndarray]:
    found = [(path, kind == "like") for kind in ("like", "pass") for path in sorted((folder / kind).glob("*.jpg"))]
    # equal scores are binned in the order of the photos, which must not be that of the answers
    found = [found[place] for place in np.random.default_rng(0).permutation(len(found))]
    return tuple(path for path, _ in found), np.array([liked for _, liked in found], bool)


def as_pixels(files: tuple[Path, ...], size_px: int) -> np.ndarray:
    return np.stack([photos.to_input(path.read_bytes(), size_px) for path in files])


def _embedded(files: tuple[Path, ...], network: Backbone) -> np.ndarray:
    parts = (files[at : at + 64] for at in range(0, len(files), 64))
    return np.concatenate([network.features(as_pixels(part, network.size_px)) for part in parts]).astype(np.float16)


def _keep(path: Path, made: Seen) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    with draft.open("wb") as file:
        np.savez(file, train=made.train, test=made.test)
    draft.replace(path)
