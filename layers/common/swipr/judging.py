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


class NetworkSource(TypedDict):
    """A tuned network to run beside the backbone, by address; run only if its bytes have this hash."""

    url: str
    sha256: str
    size_bytes: int
    size_px: int


class JudgeRequest(TypedDict):
    photos: list[PhotoSource]
    heads: list[str]
    """base64 of `heads.pack`; may be empty: then features and qualities only."""
    networks: NotRequired[list[NetworkSource]]
    """At most two."""


class JudgedPhoto(TypedDict):
    """`features`: base64 of float16 little-endian (dimensions,). `logits`: one per head. `network_logits`: one per
    network, None by one that could not be run. Or `error` alone."""

    id: str
    features: NotRequired[str]
    logits: NotRequired[list[float]]
    network_logits: NotRequired[list[float | None]]
    qualities: NotRequired[dict[str, float]]
    error: NotRequired[str]


class JudgeAnswer(TypedDict):
    """`photos` in the order asked. `backbone`: its sha256. `ms`: milliseconds spent, `photos` decoded and run.
    `network_errors`: one per network, empty for one that ran: in plain words why it was refused."""

    backbone: str
    dimensions: int
    photos: list[JudgedPhoto]
    ms: float
    network_errors: NotRequired[list[str]]


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


def blended(head_logit: float, network_logit: float, share: float) -> float:
    """One photo's logit of a tuned version; `share` is the network's."""
    return (1 - share) * head_logit + share * network_logit


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
    verdict, line = verdict_on(score, head), f"{head.threshold:.2f}"
    sides = {"unsure": "is too close to", "like": "is on or above", "pass": "is below"}
    return Ruling(verdict, score, photo_scores, f"score {score:.2f} {sides[verdict]} your line {line}")


def verdict_on(score: float, head: Head) -> Verdict:
    """What a head says of a card with this score."""
    if head.unsure_low <= score <= head.unsure_high and head.unsure_low < head.unsure_high:
        return "unsure"
    return "like" if score >= head.threshold else "pass"
