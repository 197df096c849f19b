"""The user's own word on cards: given, listed, taken back, and which card to ask about next."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field

from swipr.api.decisions import SCAN_PAGES, SCAN_SIZE, decided, place_of
from swipr.api.ids import missing
from swipr.api.paging import DIGITS, PageQuery, page_of
from swipr.api.parts import Api
from swipr.api.shown import label_view
from swipr.api.views_cards import CardsToLabel, CardToLabel, LabelPage, LabelView, RemovedLabel, StoredLabels
from swipr.errors import InputError, NotFoundError
from swipr.labelling import Labelling, NewLabel, NewLabels
from swipr.models import Choice, Decision, Value

#: Of what is asked about, each so-many-th is any card: else nobody would notice what the model is sure and wrong about.
RANDOM_EVERY = 5
#: What a label that was sent by itself is called among many.
ALONE = "labels[0]."


class LabelQuery(PageQuery):
    choice: Choice | None = None


class NextQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=50), DIGITS] = 10


class NewChoice(Value):
    """The user's own word on a decision."""

    choice: Choice


def add(api: Api, user_id: str, new: NewLabel | NewLabels) -> StoredLabels:
    """Store one label or many, all or none. Raises InputError and NotFoundError, naming the field as it was sent."""
    api.user(user_id)
    if isinstance(new, NewLabels):
        return _stored(api, user_id, new)
    try:
        return _stored(api, user_id, NewLabels(labels=(new,)))
    except InputError as error:
        raise InputError(error.field.removeprefix(ALONE), error.message) from None
    except NotFoundError as error:
        raise NotFoundError(str(error), (error.field or "").removeprefix(ALONE) or None) from None


def _stored(api: Api, user_id: str, new: NewLabels) -> StoredLabels:
    return StoredLabels(stored=tuple(label_view(label) for label in _labelling(api).add(user_id, new)))


def correct(api: Api, user_id: str, card_id: str, new: NewChoice) -> LabelView:
    """Label one decision. Raises NotFoundError, InputError when nothing can be learned from it any more."""
    decided(api, user_id, card_id)
    return add(api, user_id, NewLabel(card_id=card_id, choice=new.choice)).stored[0]


def take_back(api: Api, user_id: str, card_id: str) -> RemovedLabel:
    """Raises NotFoundError."""
    return RemovedLabel(removed=label_view(_labelling(api).take_back(user_id, card_id)))


def undo(api: Api, user_id: str, card_id: str) -> RemovedLabel:
    """Take back the word on a decision. Raises NotFoundError, also where the decision is gone."""
    decided(api, user_id, card_id)
    return take_back(api, user_id, card_id)


def one(api: Api, user_id: str, card_id: str) -> LabelView:
    """Raises NotFoundError."""
    label = api.store.label(user_id, card_id)
    if label is None:
        raise missing("card_id")
    return label_view(label)


def page(api: Api, user_id: str, query: LabelQuery) -> LabelPage:
    of = f"labels {query.filter}"
    before = api.cursors.open(query.cursor, user_id=user_id, of=of)
    labels = [label for label in api.store.labels(user_id) if query.choice in (None, label.choice)]
    shown, more = page_of(labels, lambda label: (label.labelled_at, label.card_id), limit=query.limit, before=before)
    sealed = api.cursors.seal(more, user_id=user_id, of=of) if more else None
    return LabelPage(labels=tuple(map(label_view, shown)), next=sealed)


def _labelling(api: Api) -> Labelling:
    return Labelling(api.store, api.blobs, api.queue, api.judge, api.now)


# --- what to ask next -------------------------------------------------------------------------------------


def to_ask(api: Api, user_id: str, query: NextQuery) -> CardsToLabel:
    """Held cards first, then those nearest to the line, each fifth at random; none only if none can be asked about."""
    user = api.user(user_id)
    cards = {decision.card_id: decision for decision in _askable(api, user_id)}
    held = [cards.pop(card_id) for card_id in user.held if card_id in cards]
    rest = sorted(cards.values(), key=_doubt)
    asked = [_card(decision, held=True, chosen_by="uncertain") for decision in held[: query.limit]]
    while rest and len(asked) < query.limit:
        at_random = len(asked) % RANDOM_EVERY == RANDOM_EVERY - 1
        decision = rest.pop(api.pick(len(rest)) if at_random else 0)
        asked.append(_card(decision, held=False, chosen_by="random" if at_random else "uncertain"))
    return CardsToLabel(cards=tuple(asked))


def _askable(api: Api, user_id: str) -> list[Decision]:
    """Decided cards whose photos can be seen and that have no label, of the newest thousand if there is one there."""
    labelled = {label.card_id for label in api.store.labels(user_id)}
    found: list[Decision] = []
    for number, some in enumerate(_pages(api, user_id)):
        if number >= SCAN_PAGES and found:
            break
        now = api.now()
        found += [each for each in some if each.photos and each.features and each.shows_photos(now)]
        found = [each for each in found if each.card_id not in labelled]
    return found


def _pages(api: Api, user_id: str) -> Iterator[list[Decision]]:
    before = None
    while some := list(api.store.decisions(user_id, at=api.now(), limit=SCAN_SIZE, before=before)):
        yield some
        if len(some) < SCAN_SIZE:
            return
        before = place_of(some[-1])


def _doubt(decision: Decision) -> float:
    """How far from the line, 0 to 1; a card that could not be scored comes last."""
    if decision.score is None or decision.threshold is None:
        return 1.0
    return abs(decision.score - decision.threshold)


def _card(decision: Decision, *, held: bool, chosen_by: str) -> CardToLabel:
    return CardToLabel.model_validate(
        {
            "card_id": decision.card_id,
            "name": decision.name,
            "photos": len(decision.photos),
            "score": decision.score,
            "threshold": decision.threshold,
            "held": held,
            "chosen_by": chosen_by,
            "why": _why(held, chosen_by),
        }
    )


def _why(held: bool, chosen_by: str) -> str:
    if held:
        return "it is held until you answer"
    return "any card, to find what the model is sure and wrong about" if chosen_by == "random" else "near to your line"
