"""The pool: augmented pictures and what the teacher makes of them, made once, learned from many times.

A folder of `pictures.npy` uint8 (n, 128, 128, 3), `targets.npy` float16 (n, 2704) (the teacher's unit outputs times
their weights, no mean subtracted), `touched.npy` uint64 (n,) (bit i: source i went into it) and `pool.json`.
"""

import json
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from local import recommended
from training.distil import augment, pictures
from training.distil.pictures import Source

SIZE_PX = 128
TEACHER_PX = 224
CHUNK = 500  # samples between two marks that a broken-off run goes on from
DRAWN_SHARE = 0.07
KEPT_ASIDE_SHARE = 0.02  # of the samples: from photos kept aside, to measure on


Teacher = Callable[[np.ndarray], np.ndarray]
"""uint8 (n, 224, 224, 3) to float (n, its dimensions)."""


class Plan(NamedTuple):
    """What a pool is made of. `rich_share` of the samples begin with a photo of `rich`, however few those are."""

    sources: list[Source]
    samples: int
    seed: int
    rich: frozenset[str] = frozenset()
    rich_share: float = 0.0


class Pool(NamedTuple):
    """An opened pool; arrays are mapped, not read."""

    pictures: np.ndarray
    targets: np.ndarray
    touched: np.ndarray
    aside: np.ndarray
    card: dict[str, Any]

    def without(self, names: set[str]) -> np.ndarray:
        """int64 (m,): samples to learn from that none of the named sources went into."""
        bits = sum(1 << number for number, name in enumerate(self.card["names"]) if name in names)
        return np.flatnonzero((self.touched & np.uint64(bits) == 0) & ~self.aside)


def make(folder: Path, plan: Plan, teacher: Teacher, processes: int = 1) -> None:
    """Make a pool, or what is missing of it."""
    folder.mkdir(parents=True, exist_ok=True)
    _lay_out(folder, plan, teacher)
    missing = np.flatnonzero(np.load(folder / "done.npy") == 0).tolist()
    _work[:] = [_begun(folder, plan, teacher)]  # before the fork: the decoded photos are shared
    if processes == 1:
        _tell(map(_chunk, missing), len(missing))
    else:
        with get_context("fork").Pool(processes) as workers:
            _tell(workers.imap_unordered(_chunk, missing), len(missing))
    (folder / "pool.json").write_text(json.dumps(_card(plan), indent=2) + "\n", "utf-8")


def recommended_teacher(weights: Path) -> Teacher:
    """The recommended backbone's unit outputs times their weights, from its folder of weights."""
    converted = recommended.converted_of(recommended.from_weights(weights))
    units = recommended.units_of(converted)
    scale = np.repeat([1.0, recommended.TAPS_WEIGHT], [converted.embedding, converted.taps]).astype(np.float32)
    return lambda pixels: units(pixels) * scale


def _tell(chunks: Iterable[int], count: int) -> None:
    for made, chunk in enumerate(chunks, 1):
        print(f"chunk {chunk}: {made} of {count}", flush=True)


def open_pool(folder: Path) -> Pool:
    card = json.loads((folder / "pool.json").read_text("utf-8"))
    names = ("pictures", "targets", "touched")
    pixels, targets, touched = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in names)
    return Pool(pixels, targets, touched, _aside(card["count"]), card)


def _aside(count: int) -> np.ndarray:
    """bool (count,): the last samples are of photos kept aside."""
    return np.arange(count) >= count - round(KEPT_ASIDE_SHARE * count)


def _lay_out(folder: Path, plan: Plan, teacher: Teacher) -> None:
    if (folder / "done.npy").exists():
        return
    dimensions = teacher(np.zeros((1, TEACHER_PX, TEACHER_PX, 3), np.uint8)).shape[1]
    shapes = {
        "pictures": ((plan.samples, SIZE_PX, SIZE_PX, 3), np.uint8),
        "targets": ((plan.samples, dimensions), np.float16),
        "touched": ((plan.samples,), np.uint64),
        "done": ((-(-plan.samples // CHUNK),), np.uint8),
    }
    for name, (shape, kind) in shapes.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, shape).flush()


class _Work(NamedTuple):
    folder: Path
    plan: Plan
    teacher: Teacher
    photos: list[tuple[int, Image.Image]]  # (number of its source, picture)
    aside: list[tuple[int, Image.Image]]
    rich: list[int]  # places in `photos`


_work: list[_Work] = []


def _begun(folder: Path, plan: Plan, teacher: Teacher) -> _Work:
    """Decode every photo once; those of a damaged file are left out."""
    learned: list[tuple[int, Image.Image]] = []
    aside: list[tuple[int, Image.Image]] = []
    for number, source in enumerate(plan.sources):
        for file in source.files:
            try:
                picture = pictures.opened(file)
            except (OSError, ValueError, Image.DecompressionBombError):
                continue
            (aside if pictures.kept_aside(source, file) else learned).append((number, picture))
    rich = [place for place, (number, _) in enumerate(learned) if plan.sources[number].name in plan.rich]
    print(f"{len(learned)} photos, {len(aside)} kept aside", flush=True)
    return _Work(folder, plan, teacher, learned, aside or learned, rich)


def _chunk(chunk: int) -> int:
    work = _work[0]
    numbers = range(chunk * CHUNK, min(work.plan.samples, (chunk + 1) * CHUNK))
    made = [_sample(number) for number in numbers]
    large = np.stack([_resized(view, TEACHER_PX) for view, _ in made])
    part = slice(numbers.start, numbers.stop)
    arrays = {
        name: np.load(work.folder / f"{name}.npy", mmap_mode="r+")
        for name in ("pictures", "targets", "touched", "done")
    }
    arrays["pictures"][part] = np.stack([_resized(view, SIZE_PX) for view, _ in made])
    arrays["targets"][part] = work.teacher(large)
    arrays["touched"][part] = [bits for _, bits in made]
    arrays["done"][chunk] = 1
    return chunk


def _sample(number: int) -> tuple[Image.Image, int]:
    """The picture, and the sources that went into it as bits."""
    work = _work[0]
    random = np.random.default_rng([work.plan.seed, number])
    from_aside = bool(_aside(work.plan.samples)[number])
    views, bits = [], 0
    for place in range(augment.count(random)):
        picked_from = work.aside if from_aside else work.photos
        source, picture = _picked(random, picked_from, rich=place == 0 and not from_aside)
        views.append(augment.one(random, picture))
        bits |= 1 << source
    return (views[0] if len(views) == 1 else augment.together(random, views)), bits


def _picked(
    random: np.random.Generator, photos: list[tuple[int, Image.Image]], *, rich: bool
) -> tuple[int, Image.Image]:
    plan, places = _work[0].plan, _work[0].rich
    if random.random() < DRAWN_SHARE or not photos:
        return len(plan.sources), pictures.drawing(int(random.integers(pictures.DRAWN_COUNT)))
    if rich and places and random.random() < plan.rich_share:
        return photos[places[int(random.integers(len(places)))]]
    return photos[int(random.integers(len(photos)))]


def _resized(view: Image.Image, size_px: int) -> np.ndarray:
    return np.asarray(view.resize((size_px, size_px), Image.Resampling.BILINEAR))


def _card(plan: Plan) -> dict[str, Any]:
    everything = [*plan.sources, pictures.drawings()]
    return {
        "count": plan.samples,
        "seed": plan.seed,
        "names": [source.name for source in everything],
        "sources": {
            source.name: {
                "licence": source.licence,
                "origin": source.origin,
                "photos": len(source.files),
                "sha256": pictures.hash_of_all(source.files),
            }
            for source in plan.sources
        },
    }
