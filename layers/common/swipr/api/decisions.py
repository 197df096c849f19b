"""Decisions: the list, one of them, and their photos."""

from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import Field

from swipr import kept_photos
from swipr.api.cursors import Place
from swipr.api.ids import missing
from swipr.api.paging import PageQuery, YesOrNo
from swipr.api.parts import Api
from swipr.api.shown import decision_view
from swipr.api.views_cards import DecisionPage, DecisionView
from swipr.errors import NotFoundError
from swipr.models import BlobRange, Decision, State, Verdict
from swipr.sessions.photos import content_type_of

#: A filter that little fits is looked for in so many of the store's pages at a time; then the client asks on.
SCAN_PAGES = 10
SCAN_SIZE = 100


class DecisionQuery(PageQuery):
    verdict: Verdict | None = None
    state: State | None = None
    filtered: YesOrNo | None = None
    """Passed by a rule before any photo was seen."""
    matched: YesOrNo | None = None
    labelled: YesOrNo | None = None
    session_id: Annotated[str, Field(max_length=40)] | None = None


def page(api: Api, user_id: str, query: DecisionQuery) -> DecisionPage:
    before = api.cursors.open(query.cursor, user_id=user_id, of=f"decisions {query.filter}")
    shown, more = _scan(api, user_id, query, before)
    now = api.now()
    return DecisionPage(
        decisions=tuple(decision_view(each, api.store.label(user_id, each.card_id), now) for each in shown),
        next=api.cursors.seal(more, user_id=user_id, of=f"decisions {query.filter}") if more else None,
    )


def _scan(api: Api, user_id: str, query: DecisionQuery, before: Place | None) -> tuple[list[Decision], Place | None]:
    """What fits the filter, at most a page of it, and the place to go on from if there may be more."""
    labelled = {label.card_id for label in api.store.labels(user_id)} if query.labelled is not None else frozenset()
    size = SCAN_SIZE if _filters(query) else query.limit + 1
    found: list[Decision] = []
    for _ in range(SCAN_PAGES):
        some = api.store.decisions(user_id, at=api.now(), limit=size, before=before)
        found += [decision for decision in some if _fits(decision, query, labelled)]
        if len(found) > query.limit:
            return found[: query.limit], place_of(found[query.limit - 1])
        if len(some) < size:
            return found, None
        before = place_of(some[-1])
    return found, before


def place_of(decision: Decision) -> Place:
    return decision.decided_at, decision.card_id


def _filters(query: DecisionQuery) -> dict[str, object]:
    return query.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


def _fits(decision: Decision, query: DecisionQuery, labelled: Collection[str]) -> bool:
    said = {
        "verdict": decision.verdict,
        "state": decision.state,
        "filtered": decision.filtered,
        "matched": decision.match_id is not None,
        "labelled": decision.card_id in labelled,
        "session_id": decision.session_id,
    }
    return all(said[name] == wanted for name, wanted in _filters(query).items())


def one(api: Api, user_id: str, card_id: str) -> DecisionView:
    """Raises NotFoundError."""
    return decision_view(decided(api, user_id, card_id), api.store.label(user_id, card_id), api.now())


def decided(api: Api, user_id: str, card_id: str) -> Decision:
    """Raises NotFoundError."""
    decision = api.store.decision(user_id, card_id, at=api.now())
    if decision is None:
        raise missing("card_id")
    return decision


def photo(api: Api, user_id: str, card_id: str, number: int) -> tuple[bytes, str]:
    """A card's photo and its content type: as it was decided, else as it was kept of a label. Raises NotFoundError."""
    now = api.now()
    decision = api.store.decision(user_id, card_id, at=now)
    photos: Sequence[BlobRange] = decision.photos if decision is not None and decision.shows_photos(now) else ()
    try:
        body = api.blobs.get_range(photos[number]) if number < len(photos) else _kept(api, user_id, card_id, number)
    except NotFoundError:  # its words name the object
        raise missing("number") from None
    return body, content_type_of(body)


def _kept(api: Api, user_id: str, card_id: str, number: int) -> bytes:
    """Raises NotFoundError."""
    keys = kept_photos.keys(api.blobs, user_id, card_id)
    if number >= len(keys):
        raise missing("number")
    return api.blobs.get(keys[number])
