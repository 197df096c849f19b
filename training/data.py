"""What there is to train on: open hand-offs of a folder or a bucket, their labels, and the labels' photos.

Photos become pixels by `swipr.photos` alone, as in the judge. Splits are by card, from the hand-off's seed.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from pydantic import ValidationError

from local.training_home import TrainingHome
from swipr import dataset, photos
from swipr.candidates import candidate
from swipr.dataset import Line
from swipr.errors import InputError, NotFoundError, PhotoError
from swipr.models import Handoff

FOLDS = 5
#: Of one card: more of the same teach little and take room.
PHOTOS_OF_A_CARD = 4
#: Labels of a kind with photos; with fewer no fold could learn.
FEWEST_OF_A_KIND = 10
CONNECT_S, READ_S = 10, 60


class Place(Protocol):
    """Where hand-offs are and candidates go."""

    def keys(self, prefix: str) -> Sequence[str]: ...
    def get(self, key: str) -> bytes: ...
    def put(self, key: str, body: bytes) -> None: ...


class Bucket:
    """`Place` in S3, by whatever credentials the machine has."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def keys(self, prefix: str) -> Sequence[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def get(self, key: str) -> bytes:
        """Raises NotFoundError."""
        try:
            body: bytes = self._client.get_object(Bucket=self._name, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            raise NotFoundError(key) from None
        return body

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._name, Key=key, Body=body)


def place_of(folder: Path | None, bucket: str | None) -> Place:
    """Raises InputError unless exactly one is named and can be used."""
    if (folder is None) == (bucket is None):
        raise InputError("folder", "name a data folder (--folder) or a bucket (--bucket), one of the two")
    if folder is not None:
        return TrainingHome(folder)
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise InputError("bucket", "needs boto3: `pip install boto3` in the training environment") from None
    config = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"max_attempts": 4})
    return Bucket(boto3.client("s3", config=config), bucket or "")


class Open(NamedTuple):
    """A hand-off that nothing has answered yet. `late`: past its deadline. `lacking`: what it cannot be trained for."""

    handoff: Handoff
    late: bool
    lacking: str


def open_handoffs(place: Place, now: datetime) -> list[Open]:
    """Newest first; those without labels of their own (of an older version, or imported) are left out, and those
    whose user has had a newer one answered. A refused answer is none."""
    keys = place.keys("handoffs/")
    every = [_handoff(place, key) for key in keys if key.count("/") == 1 and key.endswith(".json")]
    handoffs = sorted((each for each in every if each is not None), key=lambda each: each.created_at, reverse=True)
    done, answered = _answered(place, keys), set[str]()
    found = []
    for handoff in handoffs:
        if handoff.handoff_id in done:
            answered.add(handoff.user_id)
        if handoff.dataset and handoff.user_id not in answered:
            found.append(Open(handoff, handoff.deadline_at < now, dataset.lacking(handoff)))
    return found


def _answered(place: Place, keys: Sequence[str]) -> set[str]:
    """Ids of hand-offs whose answer was registered, or has come and was not refused."""
    marks = [key.split("/") for key in keys if key.count("/") == 3]
    registered = {parts[1] for parts in marks if parts[2] == "registered"}
    refused = {parts[3] for parts in marks if parts[2] == "refused"}
    came = {key.split("/")[1] for key in place.keys("inbox/") if key.endswith(f"/{candidate.SUMS}")}
    return registered | {candidate.handoff_of(name) for name in came - refused}


def handoff_of(place: Place, name: str) -> Handoff:
    """By its id or the beginning of it, answered or not. Raises InputError when there is none, or more than one."""
    found = [key for key in place.keys("handoffs/") if key.startswith(f"handoffs/{name}") and key.endswith(".json")]
    if len(found) != 1:
        raise InputError("handoff", f"{len(found)} hand-offs begin with {name!r}; list the open ones by leaving it out")
    handoff = _handoff(place, found[0])
    if handoff is None or not handoff.dataset:
        raise InputError("handoff", f"{name} has no labels with it (an older version wrote it); wait for the next one")
    return handoff


class Lesson(NamedTuple):
    """A hand-off's labels in card order: `features` float32 (n, dimensions), `liked` bool (n,), `fold` int (n,).

    `sha256` is of the dataset's bytes.
    """

    handoff: Handoff
    lines: Sequence[Line]
    features: np.ndarray
    liked: np.ndarray
    fold: np.ndarray
    sha256: str

    @property
    def cards(self) -> list[str]:
        return [line.card_id for line in self.lines]


class Pictures(NamedTuple):
    """`pixels` uint8 (m, size_px, size_px, 3); `card_of` int (m,): the place of each one's label in the lesson."""

    pixels: np.ndarray
    card_of: np.ndarray
    missing: dict[str, int]
    """Photos that are not there or not readable, by why."""


def read_lesson(place: Place, handoff: Handoff) -> Lesson:
    """Raises InputError when the labels are gone, or not what a hand-off's are."""
    try:
        body = place.get(handoff.dataset)
    except NotFoundError:
        raise InputError("handoff", f"{handoff.dataset} is not there (any more): wait for the next hand-off") from None
    lines = dataset.read(body)
    rows = [np.frombuffer(base64.b64decode(line.features), "<f2") for line in lines]
    if not rows or len({len(row) for row in rows}) != 1:
        raise InputError("handoff", f"{handoff.dataset} holds no labels, or features of different lengths")
    liked = np.array([line.choice == "like" for line in lines], bool)
    fold = folds(np.arange(len(lines)), liked, FOLDS, handoff.split_seed)
    return Lesson(handoff, lines, np.array(rows, np.float32), liked, fold, hashlib.sha256(body).hexdigest())


def read_photos(place: Place, lesson: Lesson, size_px: int, told: Callable[[float], None] = lambda _: None) -> Pictures:
    """Decode and squash the labels' kept photos, at most `PHOTOS_OF_A_CARD` of each; what cannot be read is counted."""
    pixels: list[np.ndarray] = []
    card_of: list[int] = []
    missing: Counter[str] = Counter()
    for number, line in enumerate(lesson.lines):
        for key in line.photos[:PHOTOS_OF_A_CARD]:
            try:
                pixels.append(photos.to_input(place.get(key), size_px))
                card_of.append(number)
            except NotFoundError:
                missing["deleted since"] += 1
            except PhotoError as error:
                missing[str(error)] += 1
        told((number + 1) / len(lesson.lines))
    shape = (0, size_px, size_px, 3)
    return Pictures(np.stack(pixels) if pixels else np.zeros(shape, np.uint8), np.array(card_of, int), dict(missing))


def too_little(lesson: Lesson, pictures: Pictures) -> str:
    """Why no network can be tuned, in plain words with the next step; empty if one can."""
    seen = np.unique(pictures.card_of)
    likes = int(lesson.liked[seen].sum())
    if min(likes, len(seen) - likes) >= FEWEST_OF_A_KIND:
        return ""
    return (
        f"{likes} likes and {len(seen) - likes} passes have kept photos, at least {FEWEST_OF_A_KIND} of each are "
        "needed for a network of your own: switch on keep_photos in the settings, so that the photos of labels to "
        "come are kept. A head is fitted without."
    )


def folds(card_of: np.ndarray, liked: np.ndarray, count: int, seed: int) -> np.ndarray:
    """int (n,): each photo's fold. Cards stay whole, both kinds in each fold; the same seed gives the same."""
    numbers, first = np.unique(card_of, return_index=True)
    order = np.random.default_rng(seed).permutation(len(numbers))
    fold = np.zeros(len(numbers), int)
    for kind in (True, False):
        own = order[liked[first][order] == kind]
        fold[own] = np.arange(len(own)) % count
    return fold[np.searchsorted(numbers, card_of)]


def _handoff(place: Place, key: str) -> Handoff | None:
    try:
        return Handoff.model_validate_json(place.get(key))
    except (NotFoundError, ValidationError):
        return None
