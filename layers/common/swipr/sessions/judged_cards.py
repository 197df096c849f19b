"""Fetch a session's photos, keep them in one object, have them judged, and rule on each card."""

import base64
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Lock

from swipr.errors import ModelError, PhotoError, PhotoGoneError
from swipr.heads import unpack
from swipr.judging import (
    OTHER_BACKBONE,
    PHOTOS_PER_CALL,
    CardRule,
    Judge,
    JudgeAnswer,
    JudgedPhoto,
    PhotoSource,
    Ruling,
    backbone_of,
)
from swipr.models import BlobRange, Card, ModelVersion, NetworkLogits, Photo, Prediction
from swipr.ports import Blobs
from swipr.roles import Roles, ask
from swipr.sessions.photos import join_rows, mean_row, zip_photos

#: Waiting costs more than computing: fetch many at once.
FETCHES_AT_ONCE = 8
#: All photos of a session together, seconds: a slow host costs photos, not the session.
FETCH_ALL_S = 40.0
#: Of all photos of a session: its function has 256 MB, the zip holds them a second time, and as many photos more as are
#: fetched at once may be on their way.
MAX_SESSION_BYTES = 40_000_000
#: The judge reads the photos at once; an address need not live longer.
ADDRESS_EXPIRES_S = 300


@dataclass(frozen=True)
class JudgedCard:
    """`ruling` is None if there is no model, `features` too if none of the card's photos could be read."""

    card: Card
    model: ModelVersion | None
    backbone: str | None
    """sha256; None if there is neither a model nor a photo."""
    ruling: Ruling | None
    photos: tuple[BlobRange, ...]
    features: BlobRange | None
    shadow: Prediction | None = None
    network_logits: NetworkLogits = field(default_factory=dict)

    @property
    def threshold(self) -> float | None:
        return unpack(self.model.head).threshold if self.model else None

    @property
    def above_line(self) -> bool:
        line = self.threshold
        return self.ruling is not None and line is not None and self.ruling.score >= line


@dataclass(frozen=True)
class JudgedCards:
    """Cards in the order asked; those of which no photo could be fetched are left out. Milliseconds in the judge."""

    cards: list[JudgedCard]
    photos: int = 0
    photo_errors: int = 0
    judge_ms: float = 0.0
    judge_calls: int = 0
    networks: int = 0
    """Addresses of tuned networks that the judge was given, all calls together."""


def judge_cards(
    cards: Sequence[Card],
    fetch: Callable[[Photo], bytes],
    *,
    judge: Judge,
    blobs: Blobs,
    roles: Roles,
    rule: CardRule,
    key: str,
) -> JudgedCards:
    """Judge the cards, or only see them; `key` names the kept objects `<key>.zip` and `<key>.features`.

    What is wrong with the shadow costs its word. Raises ModelError if the judge cannot answer, has another backbone
    than the champion, or cannot run the champion's own network.
    """
    fetched = _fetch_all(cards, fetch)
    missing = sum(len(card.photos) for card in cards) - sum(len(photos) for _, photos in fetched)
    if not fetched:
        return JudgedCards([], photo_errors=missing)
    body, parts = zip_photos(f"{key}.zip", [photo for _, photos in fetched for photo in photos])
    if parts:
        blobs.put(f"{key}.zip", body, content_type="application/zip")
    answers = _judge_parts(parts, f"{key}.zip", judge, blobs, roles)
    judged_photos = [photo for answer in answers for photo in answer["photos"]]
    judged = list(_rule(fetched, parts, judged_photos, roles, rule))
    backbone = next((answer["backbone"] for answer in answers), roles.champion.backbone if roles.champion else None)
    rows = {card.card.card_id: row for card, row in judged if row}
    placed: dict[str, BlobRange] = {}
    if rows:
        joined, placed = join_rows(f"{key}.features", rows)
        blobs.put(f"{key}.features", joined)
    return JudgedCards(
        cards=[replace(card, backbone=backbone, features=placed.get(card.card.card_id)) for card, _ in judged],
        photos=len(parts),
        photo_errors=missing + sum("error" in photo for photo in judged_photos),
        judge_ms=sum(answer["ms"] for answer in answers),
        judge_calls=len(answers),
        networks=sum(len(answer.get("network_errors", [])) for answer in answers),
    )


def _fetch_all(cards: Sequence[Card], fetch: Callable[[Photo], bytes]) -> list[tuple[Card, list[bytes]]]:
    """Each card with the photos that came in time, or with none if all of them are gone for good."""
    pool = ThreadPoolExecutor(FETCHES_AT_ONCE)
    kept = _Room(fetch).fetch
    try:
        asked = {card.card_id: [pool.submit(kept, photo) for photo in card.photos] for card in cards}
        wait([future for futures in asked.values() for future in futures], timeout=FETCH_ALL_S)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    fetched = []
    for card in cards:
        came = [_outcome(future) for future in asked[card.card_id]]
        photos = [body for body in came if isinstance(body, bytes)]
        if photos or all(isinstance(body, PhotoGoneError) for body in came):
            fetched.append((card, photos))
    return fetched


class _Room:
    """Memory for the photos of a session: what no longer fits is not fetched, or dropped as it arrives."""

    def __init__(self, fetch: Callable[[Photo], bytes]) -> None:
        self._fetch = fetch
        self._left = MAX_SESSION_BYTES
        self._taking = Lock()

    def fetch(self, photo: Photo) -> bytes:
        """Raises PhotoError."""
        if self._left <= 0:
            raise PhotoError("the session's photos are too large together")
        body = self._fetch(photo)
        with self._taking:
            self._left -= len(body)
            if self._left < 0:
                raise PhotoError("the session's photos are too large together")
        return body


def _outcome(future: Future[bytes]) -> bytes | PhotoError:
    """The photo, or why there is none; other failures than a photo's are raised."""
    if not future.done() or future.cancelled():
        return PhotoError("did not come in time")
    try:
        return future.result() or PhotoGoneError("is empty")
    except PhotoError as error:
        return error


def _judge_parts(parts: Sequence[BlobRange], key: str, judge: Judge, blobs: Blobs, roles: Roles) -> list[JudgeAnswer]:
    url = blobs.presign_get(key, expires_s=ADDRESS_EXPIRES_S)
    sources = [
        PhotoSource(id=str(number), url=url, first=part.first, last=part.last) for number, part in enumerate(parts)
    ]
    answers, champion = [], roles.champion
    for start in range(0, len(sources), PHOTOS_PER_CALL):
        chunk = sources[start : start + PHOTOS_PER_CALL]
        try:
            answer, roles = ask(judge, chunk, roles, blobs)
        except ModelError as error:
            if champion and backbone_of(judge) != champion.backbone:
                raise ModelError(OTHER_BACKBONE) from error
            raise
        if champion and answer["backbone"] != champion.backbone:
            raise ModelError(OTHER_BACKBONE)
        if [photo["id"] for photo in answer["photos"]] != [source["id"] for source in chunk]:
            raise ModelError("the judge answered for other photos than it was asked about")
        roles.refuse_half(answer)
        answers.append(answer)
    if len({answer["backbone"] for answer in answers}) > 1:
        raise ModelError("the judge changed its backbone meanwhile")
    return answers


def _rule(
    fetched: Sequence[tuple[Card, list[bytes]]],
    parts: Sequence[BlobRange],
    judged_photos: Sequence[JudgedPhoto],
    roles: Roles,
    rule: CardRule,
) -> Iterator[tuple[JudgedCard, bytes]]:
    """Each card with its mean row of features (empty if none of its photos could be read)."""
    start = 0
    for card, photos in fetched:
        own = slice(start, start + len(photos))
        start += len(photos)
        answers = judged_photos[own]
        said = roles.say(answers, rule)
        judged = JudgedCard(
            card, roles.champion, None, said.ruling, tuple(parts[own]), None, said.shadow, said.network_logits
        )
        rows = [base64.b64decode(photo["features"]) for photo in answers if "features" in photo]
        yield judged, mean_row(rows) if rows else b""
