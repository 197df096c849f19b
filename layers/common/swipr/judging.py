"""From the judge's logits to a verdict on a card, with its reason."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, NotRequired, Protocol, TypedDict

from swipr.errors import ModelError
from swipr.heads import Head
from swipr.models import Verdict

#: Per call of the judge: its answer stays far below 6 MB, and the request fee is a few per cent.
PHOTOS_PER_CALL = 60

CardRule = Literal["mean", "any", "best_weighted"]


class PhotoSource(TypedDict):
    """One photo to judge: bytes by address (a part of an object if `first`/`last` are given), or inline base64."""

    id: str
    url: NotRequired[str]
    first: NotRequired[int]
    last: NotRequired[int]
    data: NotRequired[str]


class JudgeRequest(TypedDict):
    photos: list[PhotoSource]
    heads: list[str]
    """base64 of `heads.pack`; may be empty: then features and qualities only."""


class JudgedPhoto(TypedDict):
    """`features`: base64 of float16 little-endian (dimensions,). `logits`: one per head. Or `error` alone."""

    id: str
    features: NotRequired[str]
    logits: NotRequired[list[float]]
    qualities: NotRequired[dict[str, float]]
    error: NotRequired[str]


class JudgeAnswer(TypedDict):
    """`photos` in the order asked. `backbone`: its sha256. `ms`: milliseconds spent, `photos` decoded and run."""

    backbone: str
    dimensions: int
    photos: list[JudgedPhoto]
    ms: float


class Judge(Protocol):
    """A pure function in another process; see `functions/judge`."""

    def __call__(self, request: JudgeRequest) -> JudgeAnswer:
        """Raises ModelError if the judge cannot answer at all; one bad photo is an `error` in its place."""


OTHER_BACKBONE = (
    "your model was taught with another backbone than the one in use now: give at least two likes and two passes anew, "
    "or go back with `swipr backbone use`"
)


def backbone_of(judge: Judge) -> str:
    """sha256 of the backbone the judge runs. Raises ModelError if it does not answer."""
    return judge({"photos": [], "heads": []})["backbone"]


class Ruling(NamedTuple):
    verdict: Verdict
    score: float
    photo_scores: tuple[float | None, ...]
    reason: str


def card_logit(logits: Sequence[float], rule: CardRule) -> float:
    """Pool a card's photo logits: `mean`; `any` (the best photo decides); `best_weighted` (k-th best counts 1/k)."""
    if rule == "mean":
        return sum(logits) / len(logits)
    ranked = sorted(logits, reverse=True)
    if rule == "any":
        return ranked[0]
    weights = [1.0 / (rank + 1) for rank in range(len(ranked))]
    return sum(w * logit for w, logit in zip(weights, ranked, strict=True)) / sum(weights)


def rule_on_card(head: Head, logits: Sequence[float | None], rule: CardRule) -> Ruling:
    """Judge a card by its photos' logits; None stands for a photo that could not be judged.

    Raises ModelError if no photo could be judged.
    """
    known = [logit for logit in logits if logit is not None]
    if not known:
        raise ModelError("none of the card's photos could be judged")
    score = head.score(card_logit(known, rule))
    photo_scores = tuple(None if logit is None else round(head.score(logit), 4) for logit in logits)
    line = f"{head.threshold:.2f}"
    if head.unsure_low <= score <= head.unsure_high and head.unsure_low < head.unsure_high:
        return Ruling("unsure", score, photo_scores, f"score {score:.2f} is too close to your line {line}")
    if score >= head.threshold:
        return Ruling("like", score, photo_scores, f"score {score:.2f} is on or above your line {line}")
    return Ruling("pass", score, photo_scores, f"score {score:.2f} is below your line {line}")
