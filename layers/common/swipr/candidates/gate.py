"""The gate: whether the version that waits answers better than the one in charge, on cards asked of both beforehand.

Each pair is a label given after both versions had said what they think. The rule is the paired bootstrap of the log
loss (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 16): P(better) high enough and not fewer
right. It is asked at a few fixed numbers of pairs only, each answered once: looking after every label would promote a
worse version sooner or later.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from swipr.candidates import candidate_report
from swipr.candidates.candidate import handoff_of
from swipr.candidates.candidate_report import CandidateReport, Look, Outcome
from swipr.errors import ConflictError
from swipr.models import Choice, Label, ModelVersion, Prediction, User
from swipr.ports import Blobs, Store

#: After so many pairs it is looked, and P(better) must be above this; after the last the version is retired. Above .9
#: at first, as one of five looks finds luck sooner than one of one: see bench/gate.py.
LOOKS = {60: 0.975, 90: 0.97, 120: 0.96, 180: 0.94, 240: 0.92}
#: Of a version that leaves the shared backbone out altogether.
LOOKS_ALONE = {pairs: sure for pairs, sure in LOOKS.items() if pairs >= 120}
HOPELESS = 0.05
RESAMPLES = 2000
_ATTEMPTS = 8


class Pair(NamedTuple):
    """What the version in charge and the waiting one said of a card, and the user's own word on it after that."""

    before: Prediction
    waiting: Prediction
    choice: Choice


class Passed(NamedTuple):
    """What a look led to."""

    version: int
    look: Look


class Standing(NamedTuple):
    pairs: int
    needed: int
    """Pairs at the next look."""


def pass_through(
    user_id: str, store: Store, blobs: Blobs, *, now: datetime, backbone: str | None = None
) -> Passed | None:
    """Let the version that waits through, or retire it, where there are enough pairs for a look that decides.

    None if nothing came of looking. Idempotent: a look is written down before it is acted on, and never done a second
    time. `backbone`: sha256 of the one in use; a version of another one waits in vain, and goes.
    """
    user = store.user(user_id)
    shadow = store.model(user_id, user.shadow) if user and user.shadow else None
    if user is None or shadow is None or shadow.candidate is None:
        return None
    report = candidate_report.read(user_id, shadow.candidate, blobs) or _found_again(shadow, now)
    if backbone is not None and shadow.backbone != backbone:
        _turn_away(report, shadow, store, blobs, now)
        return None
    looked = _looked(report, pairs(store.labels(user_id), shadow), shadow, now)
    if looked != report:
        candidate_report.write(user_id, looked, blobs)
    last = looked.looks[-1] if looked.looks else None
    if last is None or last.outcome == "wait":
        return None
    act = _promote if last.outcome == "promote" else _retire
    return Passed(shadow.version, last) if act(user_id, shadow.version, store) else None


def pairs(labels: Sequence[Label], shadow: ModelVersion) -> list[Pair]:
    """Labels given since the version waits that it and the one in charge had answered before, oldest first."""
    since = [label for label in labels if label.labelled_at > shadow.created_at]
    found = [_pair(label, shadow.version) for label in sorted(since, key=lambda each: each.labelled_at)]
    return [pair for pair in found if pair is not None]


def standing(labels: Sequence[Label], shadow: ModelVersion) -> Standing:
    found = len(pairs(labels, shadow))
    looks = looks_of(shadow)
    return Standing(found, next((look for look in looks if look > found), max(looks)))


def looks_of(shadow: ModelVersion) -> Mapping[int, float]:
    return LOOKS_ALONE if shadow.network is not None and shadow.network.share == 1 else LOOKS


def look(seen: Sequence[Pair], *, sure: float, last: bool, at: datetime) -> Look:
    """Compare on these pairs; the same ones are answered in the same way."""
    gains = [_loss(pair.before, pair.choice) - _loss(pair.waiting, pair.choice) for pair in seen]
    p_better = share_above_zero(gains, seed=len(seen))
    right = sum(_right(pair.waiting, pair.choice) for pair in seen)
    before = sum(_right(pair.before, pair.choice) for pair in seen)
    outcome = judged(p_better, right - before, sure=sure, last=last)
    return Look(pairs=len(seen), p_better=p_better, right=right, right_before=before, outcome=outcome, at=at)


def judged(p_better: float, more_right: float, *, sure: float, last: bool) -> Outcome:
    if p_better > sure and more_right >= 0:
        return "promote"
    return "retire" if last or p_better < HOPELESS else "wait"


def share_above_zero(gains: Sequence[float], *, seed: int, resamples: int = RESAMPLES) -> float:
    """In how many resamples of the gains (nats per card) their mean is above zero; a half where it is exactly zero."""
    import numpy as np

    drawn = np.random.default_rng(seed).integers(0, len(gains), (resamples, len(gains)))
    means = np.asarray(gains, np.float64)[drawn].mean(axis=1)
    return float((means > 0).mean() + (means == 0).mean() / 2)


def _pair(label: Label, version: int) -> Pair | None:
    waiting = next((said for said in label.predicted if said.version == version), None)
    before = next((said for said in label.predicted if said.version != version), None)
    return Pair(before, waiting, label.choice) if before and waiting else None


def _looked(report: CandidateReport, found: Sequence[Pair], shadow: ModelVersion, now: datetime) -> CandidateReport:
    """The report with the looks that are due, until one decides."""
    looks = looks_of(shadow)
    for wanted, sure in looks.items():
        done = report.looks[-1] if report.looks else None
        if done and done.outcome != "wait":
            break
        if len(found) < wanted or (done and done.pairs >= wanted):
            continue
        seen = look(found[:wanted], sure=sure, last=wanted == max(looks), at=now)
        report = _with_look(report, seen, now)
    return report


def _with_look(report: CandidateReport, seen: Look, now: datetime) -> CandidateReport:
    state = {"wait": report.state, "promote": "promoted", "retire": "retired"}[seen.outcome]
    changes = {"state": state, "reason": _words(seen), "looks": (*report.looks, seen), "at": now}
    return report.model_copy(update=changes)


def _words(seen: Look) -> str:
    compared = (
        f"on {seen.pairs} cards asked of both beforehand it was right {seen.right:g} times, the version in charge "
        f"{seen.right_before:g} times; the chance that it is better is {100 * seen.p_better:.0f} %"
    )
    return {
        "wait": f"it goes on waiting: {compared}",
        "promote": f"it is in charge now: {compared}",
        "retire": f"it was not better and waits no more: {compared}",
    }[seen.outcome]


def _found_again(shadow: ModelVersion, now: datetime) -> CandidateReport:
    """Of a version whose report has expired."""
    name = shadow.candidate or ""
    reason = "it waits behind the gate"
    return CandidateReport(
        candidate=name, handoff_id=handoff_of(name), state="registered", reason=reason, version=shadow.version, at=now
    )


def _promote(user_id: str, version: int, store: Store) -> bool:
    for _ in range(_ATTEMPTS):
        user = store.user(user_id)
        if not _waits(user, version):
            return False
        if user and store.set_champion(user_id, version, expected=user.champion):
            return True
    raise ConflictError("the champion keeps changing")


def _retire(user_id: str, version: int, store: Store) -> bool:
    return _waits(store.user(user_id), version) and store.set_shadow(user_id, None, expected=version)


def _turn_away(report: CandidateReport, shadow: ModelVersion, store: Store, blobs: Blobs, now: datetime) -> None:
    reason = "it waits no more: another backbone than its own is in use since"
    gone = report.model_copy(update={"state": "retired", "reason": reason, "at": now})
    candidate_report.write(shadow.user_id, gone, blobs)
    _retire(shadow.user_id, shadow.version, store)


def _waits(user: User | None, version: int) -> bool:
    return user is not None and user.shadow == version


def _loss(said: Prediction, choice: Choice) -> float:
    likely = said.score if choice == "like" else 1 - said.score
    return -math.log(max(likely, 1e-12))


def _right(said: Prediction, choice: Choice) -> float:
    """Unsure asks the user: half right."""
    return 0.5 if said.verdict == "unsure" else float(said.verdict == choice)
