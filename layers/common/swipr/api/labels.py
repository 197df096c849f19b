"""The user's own word on cards: given, listed and taken back."""

from swipr.api.decisions import decided
from swipr.api.ids import missing
from swipr.api.paging import PageQuery, page_of
from swipr.api.parts import Api
from swipr.api.shown import label_view
from swipr.api.views_cards import LabelPage, LabelView, RemovedLabel, StoredLabels
from swipr.errors import InputError, NotFoundError
from swipr.labelling import Labelling, NewLabel, NewLabels
from swipr.models import Choice, Value

#: What a label that was sent by itself is called among many.
ALONE = "labels[0]."


class LabelQuery(PageQuery):
    choice: Choice | None = None


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
    """As they are stored: with what was said of the cards before."""
    added = _labelling(api).add(user_id, new)
    return StoredLabels(stored=tuple(label_view(api.store.label(user_id, each.card_id) or each) for each in added))


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
