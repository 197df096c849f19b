"""What to ask the user next, and which labels to look at again."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from swipr import asking, doubts, kept_photos
from swipr.api.decisions import SCAN_PAGES, SCAN_SIZE, place_of
from swipr.api.paging import DIGITS
from swipr.api.parts import Api
from swipr.api.question_rows import Looking
from swipr.api.views_cards import CardsToLabel, CardToLabel, DoubtfulLabel, DoubtfulLabels
from swipr.asking import Candidate, Question, Ways
from swipr.learning import evidence
from swipr.learning.evidence import Doubt
from swipr.models import Decision, Label, User

#: A re-check needs photos to show: so many doubtful labels are looked through for some.
RECHECKS_TRIED = 10
#: Cards at once: so many may be taken along to where there is no connection.
MOST_ASKED = 300
WHY = {
    "diverse": "unlike what you have labelled so far",
    "uncertain": "near to your line",
    "random": "any card, to find what the model is sure and wrong about",
    "recheck": "your answer here tells the model much",
}
HELD = "it is held until you answer"
NONE_SEEN = (
    "no card with a photo that can be shown has been looked at yet: turn swiping on (a dry run is enough), or import "
    "labelled photos"
)
ALL_ANSWERED = "every card whose photos can still be shown has your answer: the next session brings more"
NO_DOUBTS = "no label of yours is doubted by a model that had not seen it"
DOUBTS = (
    "labels that a model which had not seen them contradicts, worst first; say the same again to keep one (with "
    "`chosen_by: recheck`), or change it: nothing is dropped, and none counts less, by itself"
)


class NextQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=MOST_ASKED), DIGITS] = 10


class DoubtfulQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100), DIGITS] = 20


def to_ask(api: Api, user_id: str, query: NextQuery) -> CardsToLabel:
    """Held cards first, then as `asking` chooses; none only if none can be asked about."""
    user, labels = api.user(user_id), {label.card_id: label for label in api.store.labels(user_id)}
    decided = _decided(api, user_id, labels)
    left = {card_id: decision for card_id, decision in decided.items() if card_id not in labels}
    held = [left.pop(card_id) for card_id in user.held if card_id in left][: query.limit]
    asked = [_card(decision, Question(decision.card_id, "uncertain"), held=True) for decision in held]
    for question in _questions(api, user, labels, decided, left, query.limit - len(asked)):
        if question.chosen_by == "recheck":
            asked.append(_again(api, user, labels[question.card_id]))
        else:
            asked.append(_card(left[question.card_id], question, held=False))
    return CardsToLabel(cards=tuple(asked), text=None if asked else ALL_ANSWERED if decided else NONE_SEEN)


def _questions(
    api: Api,
    user: User,
    labels: Mapping[str, Label],
    decided: Mapping[str, Decision],
    left: Mapping[str, Decision],
    wanted: int,
) -> list[Question]:
    if wanted <= 0:
        return []
    looking = Looking(api, user, decided)
    ways = Ways(
        rows=lambda card_ids: looking.rows([left[card_id] for card_id in card_ids]),
        distance=looking.distance,
        rechecks=_rechecks(api, user, labels),
        pick=api.pick,
    )
    cards = [Candidate(card_id, _distance(decision)) for card_id, decision in left.items()]
    seen, place = looking.seen(labels), asking.answered(list(labels.values()))
    return asking.ask(cards, seen, ways, labels=len(labels), place=place, wanted=wanted)


def _decided(api: Api, user_id: str, labels: Mapping[str, Label]) -> dict[str, Decision]:
    """Cards whose photos can be seen, newest first: of the newest thousand, or until there is one without a label."""
    found: dict[str, Decision] = {}
    for number, some in enumerate(_pages(api, user_id)):
        if number >= SCAN_PAGES and any(card_id not in labels for card_id in found):
            break
        now = api.now()
        found |= {each.card_id: each for each in some if each.photos and each.features and each.shows_photos(now)}
    return found


def _pages(api: Api, user_id: str) -> Iterator[list[Decision]]:
    before = None
    while some := list(api.store.decisions(user_id, at=api.now(), limit=SCAN_SIZE, before=before)):
        yield some
        if len(some) < SCAN_SIZE:
            return
        before = place_of(some[-1])


def _distance(decision: Decision) -> float | None:
    """From the line, 0 to 1, as it was decided."""
    if decision.score is None or decision.threshold is None:
        return None
    return abs(decision.score - decision.threshold)


def _card(decision: Decision, question: Question, *, held: bool) -> CardToLabel:
    return CardToLabel(
        card_id=decision.card_id,
        name=decision.name,
        photos=len(decision.photos),
        score=decision.score,
        threshold=decision.threshold,
        held=held,
        chosen_by=question.chosen_by,
        why=HELD if held else WHY[question.chosen_by],
    )


# --- labels to look at again ------------------------------------------------------------------------------


def doubtful(api: Api, user_id: str, query: DoubtfulQuery) -> DoubtfulLabels:
    """Which labels may be wrong; only the user can say whether one is."""
    user, labels = api.user(user_id), {label.card_id: label for label in api.store.labels(user_id)}
    known = evidence.read(user_id, api.blobs)
    found = doubts.doubtful(known, labels)
    return DoubtfulLabels(
        labels=tuple(_doubtful(api, user, labels[doubt.card_id], doubt) for doubt in found[: query.limit]),
        n=len(found),
        version=known.version if known else None,
        text=DOUBTS if found else NO_DOUBTS,
    )


def _doubtful(api: Api, user: User, label: Label, doubt: Doubt) -> DoubtfulLabel:
    return DoubtfulLabel(
        card_id=label.card_id,
        choice=label.choice,
        chosen_by=label.chosen_by,
        labelled_at=label.labelled_at,
        score=round(doubt.score, 4),
        loss=round(doubt.loss, 4),
        said="like" if doubt.said else "pass",
        text=doubts.in_words(doubt),
        photos=_photos(api, user, label.card_id),
    )


def _rechecks(api: Api, user: User, labels: Mapping[str, Label]) -> Iterator[str]:
    """Doubtful labels with photos to show; looked for only once one is to be asked about."""
    order = doubts.again(evidence.read(user.user_id, api.blobs), labels)
    tried = [card_id for card_id, _ in zip(order, range(RECHECKS_TRIED), strict=False)]
    yield from (card_id for card_id in tried if _photos(api, user, card_id))


def _again(api: Api, user: User, label: Label) -> CardToLabel:
    """Blind: what the model thinks of it, and what was said before, would only be repeated."""
    decision = api.store.decision(user.user_id, label.card_id, at=api.now())
    return CardToLabel(
        card_id=label.card_id,
        name=decision.name if decision else "",
        photos=_photos(api, user, label.card_id),
        score=None,
        threshold=None,
        held=False,
        chosen_by="recheck",
        why=WHY["recheck"],
    )


def _photos(api: Api, user: User, card_id: str) -> int:
    """How many of a labelled card's photos can be seen."""
    decision = api.store.decision(user.user_id, card_id, at=api.now())
    if decision is not None and decision.photos and decision.shows_photos(api.now()):
        return len(decision.photos)
    return len(kept_photos.keys(api.blobs, user.user_id, card_id)) if user.settings.keep_photos else 0
