"""Whether what came back from training is what it says: card, head, network, left-out logits.

Each check raises InputError that names the file and the next step. Nothing is changed.
"""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from swipr import heads
from swipr.candidates.candidate import (
    CARD,
    HEAD,
    LEFT_OUT,
    METRICS,
    NETWORK,
    PARITY_WITHIN,
    CandidateCard,
    LeftOut,
    folder,
)
from swipr.candidates.files import AGAIN, COPY_AGAIN, read_files, shaped
from swipr.errors import InputError, ModelError
from swipr.judging import Judge, JudgeAnswer, NetworkSource, PhotoSource, backbone_of
from swipr.models import Handoff
from swipr.ports import Blobs

#: Of the labels whose photos were kept, how many must come with a left-out logit.
MOST = 0.8
_ADDRESS_S = 600
#: Of pictures in one call of the judge: base64 of them stays below 6 MB.
_CALL_BYTES = 3_000_000
_METRICS, _METRIC_NAME = 100, 60
#: Of a logit: beyond it nothing is any surer, and sums of squares overflow.
LARGEST = 1000.0


class Checked(NamedTuple):
    """A candidate that is what it says. `network` None: a head alone."""

    card: CandidateCard
    head: bytes
    network: bytes | None
    left_out: Mapping[str, float]
    metrics: dict[str, float]


class HandedOver(NamedTuple):
    """What a candidate answers. `strangers` of some cards: those that never were among its labels."""

    handoff: Handoff
    with_photos: int
    """Labels."""
    strangers: Callable[[Set[str]], Set[str]]


def check(candidate: str, handed: HandedOver, *, blobs: Blobs, judge: Judge) -> Checked:
    """The candidate as it will be registered.

    Raises InputError for what is refused, NotFoundError naming a file that is not there (yet), ModelError if the judge
    cannot be asked.
    """
    files = read_files(candidate, blobs)
    answer = judge({"photos": [], "heads": []})
    card = _card(files, candidate, handed.handoff, answer["backbone"])
    _check_head(files[HEAD], card, answer["dimensions"])
    left_out: Mapping[str, float] = {}
    if card.network_sha256 is not None:
        _check_network(candidate, card, files, blobs, judge)
        left_out = _left_out(files[LEFT_OUT], handed)
    return Checked(card, files[HEAD], files.get(NETWORK), left_out, _metrics(files[METRICS]))


# --- card, head, metrics -------------------------------------------------------------------------------


def _card(files: Mapping[str, bytes], candidate: str, handoff: Handoff, backbone: str) -> CandidateCard:
    card = shaped(CARD, files[CARD], CandidateCard)
    _same("candidate", card.candidate, candidate, "it was made for another folder")
    _same("handoff_id", card.handoff_id, handoff.handoff_id, "it answers another hand-off")
    _same("user_id", card.user_id, handoff.user_id, "it is another user's")
    _same("labels_hash", card.labels_hash, handoff.labels_hash, "it learned from other labels than were handed over")
    _same("backbone", card.backbone, handoff.base_backbone, "it stands on another backbone than the hand-off's")
    if card.backbone != backbone:
        raise InputError(CARD, "backbone: another one is in use since; wait for the next hand-off, which is for it")
    _check_network_of(card, files)
    return card


def _same(name: str, found: str, wanted: str, why: str) -> None:
    if found != wanted:
        raise InputError(CARD, f"{name}: {why}; {AGAIN} for this hand-off")


def _check_network_of(card: CandidateCard, files: Mapping[str, bytes]) -> None:
    """That card and folder agree on whether there is a network, and on which."""
    if (card.network_sha256 is not None) != (NETWORK in files):
        raise InputError(CARD, f"network_sha256: given if and only if there is a {NETWORK}; {AGAIN}")
    if card.network_sha256 is None:
        return
    if hashlib.sha256(files[NETWORK]).hexdigest() != card.network_sha256:
        raise InputError(CARD, f"network_sha256: {NETWORK} is another one; {COPY_AGAIN}")
    if card.size_px is None:
        raise InputError(CARD, f"size_px: give the side of the network's input in pixels; {AGAIN}")
    if not all(map(math.isfinite, card.parity)):
        raise InputError(CARD, f"parity: a logit is not finite; {AGAIN}")


def _check_head(body: bytes, card: CandidateCard, dimensions: int) -> None:
    try:
        head = heads.unpack(body)
        heads.weight_vector(head)
    except ModelError as error:
        raise InputError(HEAD, f"{error}; {AGAIN}") from None
    if head.backbone != card.backbone:
        raise InputError(HEAD, f"is for another backbone than card.json says; {AGAIN}")
    if len(head.weights) != 4 * dimensions:
        count = len(head.weights) // 4
        raise InputError(HEAD, f"has {count} weights where the backbone gives {dimensions} numbers; {AGAIN}")


def _metrics(body: bytes) -> dict[str, float]:
    """The plain finite numbers; whatever else it tells is for people."""
    try:
        stated: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError(METRICS, f"is no JSON; {AGAIN}") from None
    if not isinstance(stated, dict):
        raise InputError(METRICS, f"is no JSON object; {AGAIN}")
    return {
        name: float(value)
        for name, value in list(stated.items())[:_METRICS]
        if type(value) in (int, float) and abs(value) < 1e12 and len(name) <= _METRIC_NAME
    }


# --- the network ---------------------------------------------------------------------------------------


def _check_network(candidate: str, card: CandidateCard, files: Mapping[str, bytes], blobs: Blobs, judge: Judge) -> None:
    """Raises InputError unless the judge runs it and sees what training saw."""
    from swipr import parity

    network: NetworkSource = {
        "url": blobs.presign_get(folder(candidate) + NETWORK, expires_s=_ADDRESS_S),
        "sha256": str(card.network_sha256),
        "size_bytes": len(files[NETWORK]),
        "size_px": card.size_px or 0,
    }
    if len(card.parity) != parity.COUNT:
        raise InputError(CARD, f"parity: {len(card.parity)} logits, {parity.COUNT} are wanted; {AGAIN}")
    pictures = [parity.as_png(picture) for picture in parity.pictures(network["size_px"])]
    found = [logit for batch in _batches(pictures) for logit in _logits(batch, network, judge)]
    for number, (ours, theirs) in enumerate(zip(found, card.parity, strict=True)):
        if not abs(ours - theirs) <= PARITY_WITHIN:
            raise InputError(
                NETWORK,
                f"gives {ours:.3f} for fixed picture {number} where training wrote {theirs:.3f}, more than "
                f"{PARITY_WITHIN} apart; export it anew and check it with onnxruntime",
            )


def _batches(pictures: list[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for picture in pictures:
        if batch and sum(map(len, batch)) + len(picture) > _CALL_BYTES:
            yield batch
            batch = []
        batch.append(picture)
    yield batch


def _logits(pictures: list[bytes], network: NetworkSource, judge: Judge) -> Iterator[float]:
    photos: list[PhotoSource] = [
        {"id": str(number), "data": base64.b64encode(body).decode()} for number, body in enumerate(pictures)
    ]
    answer = _asked(photos, network, judge)
    for why in answer.get("network_errors", []):
        if why:
            raise InputError(NETWORK, f"the judge refuses it: {why}; export it anew")
    for photo in answer["photos"]:
        (logit,) = photo.get("network_logits") or [None]
        if logit is None or not _plausible(logit):
            raise InputError(NETWORK, f"the judge got no logit from it, or one beyond {LARGEST:g}; export it anew")
        yield logit


def _asked(photos: list[PhotoSource], network: NetworkSource, judge: Judge) -> JudgeAnswer:
    """Raises InputError where it is the network that the judge cannot bear, ModelError where it cannot be asked."""
    try:
        return judge({"photos": photos, "heads": [], "networks": [network]})
    except ModelError as error:
        backbone_of(judge)
        raise InputError(NETWORK, f"the judge could not run it: {error}; train a smaller one") from None


def _left_out(body: bytes, handed: HandedOver) -> Mapping[str, float]:
    logits = shaped(LEFT_OUT, body, LeftOut).logits
    if not all(map(_plausible, logits.values())):
        raise InputError(LEFT_OUT, f"a logit is not finite, or beyond {LARGEST:g}; {AGAIN}")
    if strangers := len(handed.strangers(logits.keys())):
        raise InputError(LEFT_OUT, f"{strangers} cards are none of the hand-off's; {AGAIN} for this hand-off")
    least = math.ceil(MOST * handed.with_photos)
    if len(logits) < least:
        raise InputError(LEFT_OUT, f"{len(logits)} cards, at least {least} of the hand-off's are needed; {AGAIN}")
    return logits


def _plausible(logit: float) -> bool:
    """Neither is NaN."""
    return abs(logit) <= LARGEST
