"""Fakes that really answer, shared by the tests: a clock, a deck that counts, a judge that reads bytes, crashes."""

import base64
import hashlib
import random
import struct
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from swipr.errors import PhotoError, PhotoGoneError
from swipr.heads import Head, pack
from swipr.judging import JudgeAnswer, JudgeRequest
from swipr.models import Answer, Card, DeckHealth, Match, MatchList, ModelVersion, Offer, Photo

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BACKBONE = hashlib.sha256(b"a backbone for tests").hexdigest()
JPEG = b"\xff\xd8\xff"


class Clock:
    """Time that passes only when told to."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.lock = threading.Lock()

    def now(self) -> datetime:
        with self.lock:
            self.at += timedelta(microseconds=1)
            return self.at

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.at += timedelta(seconds=seconds)


def card(number: int, taste: str, *, deck: str = "fake", age: int | None = 30, photos: int = 1) -> Card:
    """A card whose photos say `taste`: `like`, `pass` or `unsure`."""
    own = tuple(Photo(photo_id=f"{number}-{i}", url=f"{taste}/{number}/{i}") for i in range(photos))
    return Card(card_id=f"{deck}:{number}", name=f"Card {number}", age=age, photos=own)


LOGITS = {"like": 4.0, "pass": -4.0, "unsure": 0.0}


def head() -> bytes:
    """One dimension, so the feature is the logit; 0.3 to 0.7 is unsure."""
    return pack(Head(BACKBONE, 0.0, 1.0, 0.0, 0.5, 0.3, 0.7, struct.pack("<f", 1.0)))


def model(user_id: str, version: int = 1) -> ModelVersion:
    body = head()
    return ModelVersion(
        user_id=user_id,
        version=version,
        head=body,
        sha256=hashlib.sha256(body).hexdigest(),
        backbone=BACKBONE,
        labels=20,
        likes=10,
        labels_hash="0" * 64,
        penalty=1.0,
        code="tests",
        created_at=START,
    )


class FakeJudge:
    """Reads each photo's taste from its bytes, which it gets from `read` by address and range.

    `networks`: by the sha256 of a tuned network, what it makes of a taste's logit, or why it cannot be used.
    """

    def __init__(
        self, read: Callable[[str, int, int], bytes], networks: dict[str, Callable[[float], float] | str] | None = None
    ) -> None:
        self.read, self.networks = read, networks or {}

    def __call__(self, request: JudgeRequest) -> JudgeAnswer:
        photos = []
        beside = [self.networks.get(each["sha256"], "it cannot be fetched") for each in request.get("networks", [])]
        for source in request["photos"]:
            if "data" in source:
                body = base64.b64decode(source["data"])
            else:
                body = self.read(source["url"], source["first"], source["last"])
            taste = body.removeprefix(JPEG).decode(errors="replace").split("/")[0]
            if taste not in LOGITS:
                photos.append({"id": source["id"], "error": "not a photo"})
                continue
            row = base64.b64encode(struct.pack("<e", LOGITS[taste])).decode()
            judged = {"id": source["id"], "features": row, "logits": [LOGITS[taste]] * len(request["heads"])}
            if beside:
                judged["network_logits"] = [None if isinstance(says, str) else says(LOGITS[taste]) for says in beside]
            photos.append(judged)
        answer = {"backbone": BACKBONE, "dimensions": 1, "photos": photos, "ms": 1.0}
        if beside:
            answer["network_errors"] = [says if isinstance(says, str) else "" for says in beside]
        return answer  # type: ignore[return-value]


class FakeDeck:
    """Counts what it receives; `answers` decides what becomes of each swipe. It offers swiped cards again."""

    states_ages = True
    is_service = True

    def __init__(self, cards: Sequence[Card], *, name: str = "fake", batch: int = 10) -> None:
        self.name = name
        self.left = list(cards)
        self.batch = batch
        self.likes: Counter[str] = Counter()
        """Super likes too."""
        self.superlikes: Counter[str] = Counter()
        self.passes: Counter[str] = Counter()
        self.photos = 0
        self.own_matches: list[Match] = []
        """Of people its user liked by themselves."""
        self.lists_all = True
        self.calls: list[str] = []
        self.answers: Callable[[str, Card], Answer] = lambda choice, card: Answer(state="sent")
        self.on_swipe: Callable[[], None] = lambda: None

    def cards(self) -> Offer:
        self.calls.append("cards")
        return Offer(cards=tuple(self.left[: self.batch]))

    def photo(self, photo: Photo) -> bytes:
        self.photos += 1
        if photo.url.startswith("gone"):
            raise PhotoError("the photo's host does not answer")
        if photo.url.startswith("removed"):
            raise PhotoGoneError("the photo was removed")
        return JPEG + photo.url.encode()

    def like(self, card: Card) -> Answer:
        return self._swipe("like", card, self.likes)

    def pass_(self, card: Card) -> Answer:
        return self._swipe("pass", card, self.passes)

    def swipes(self) -> int:
        return sum(self.likes.values()) + sum(self.passes.values())

    def superlike(self, card: Card) -> Answer:
        answer = self._swipe("superlike", card, self.likes)
        self.superlikes[card.card_id] += answer.state != "failed"
        return answer

    def matches(self) -> MatchList:
        """Everybody liked back."""
        self.calls.append("matches")
        liked = [card_id for card_id, count in self.likes.items() if count]
        mutual = tuple(Match(match_id=f"m-{card_id}", card_id=card_id) for card_id in liked)
        return MatchList(matches=(*mutual, *self.own_matches), complete=self.lists_all)

    def check(self) -> DeckHealth:
        self.calls.append("check")
        return DeckHealth(works=True, text="It works.")

    def _swipe(self, choice: str, card: Card, counter: Counter[str]) -> Answer:
        self.on_swipe()
        self.calls.append(f"{choice} {card.card_id}")
        answer = self.answers(choice, card)
        if answer.state != "failed":  # an unknown one may have counted: here it always did
            counter[card.card_id] += 1
            self.left.sort(key=lambda left: left.card_id == card.card_id)
        return answer


class Crash(BaseException):
    """The process died here."""


class Crashes:
    """Wraps parts so that the process dies before or after the k-th call of any of them."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.at, self.after = at, after
        self.calls: list[str] = []
        self.on_call: Callable[[str], None] = lambda name: None
        self.lock = threading.Lock()

    def wrap(self, part: Any) -> Any:
        return _Watched(part, self)

    def called(self, name: str, call: Callable[[], Any]) -> Any:
        with self.lock:
            self.calls.append(name)
            mine = len(self.calls) == self.at
        self.on_call(name)
        if mine and not self.after:
            raise Crash(name)
        try:
            return call()
        finally:
            if mine:
                raise Crash(name)  # also when the call itself raised


class _Watched:
    def __init__(self, part: Any, crashes: Crashes) -> None:
        self._part, self._crashes = part, crashes

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if not callable(value) or name.startswith("_"):
            return value
        label = f"{type(self._part).__name__}.{name}"
        return lambda *args, **kwargs: self._crashes.called(label, lambda: value(*args, **kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._crashes.called(type(self._part).__name__, lambda: self._part(*args, **kwargs))


def seeded_cards(seed: int, count: int) -> list[Card]:
    """Cards of mixed tastes, the order and mix by the seed; some are filtered, some photos are gone."""
    rng = random.Random(seed)
    tastes = ["like", "pass", "unsure", "like", "pass", "gone", "broken"]
    return [
        card(number, rng.choice(tastes), age=rng.choice([30, 30, 30, None, 17]), photos=rng.choice([1, 1, 2]))
        for number in range(count)
    ]
