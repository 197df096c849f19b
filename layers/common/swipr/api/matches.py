"""Matches: the list, and what became of each by the user's own word."""

from typing import Literal

from swipr.api.ids import missing
from swipr.api.paging import PageQuery, page_of
from swipr.api.parts import Api
from swipr.api.shown import match_view
from swipr.api.views_cards import MatchPage, MatchView
from swipr.errors import NotFoundError
from swipr.models import Value


class Outcome(Value):
    """`null` takes an earlier one back."""

    outcome: Literal["no_reply", "talked", "met", "not_for_me"] | None


def page(api: Api, user_id: str, query: PageQuery) -> MatchPage:
    before = api.cursors.open(query.cursor, user_id=user_id, of="matches")
    matches = api.store.matches(user_id, at=api.now())
    shown, more = page_of(matches, lambda match: (match.matched_at, match.match_id), limit=query.limit, before=before)
    return MatchPage(
        matches=tuple(map(match_view, shown)),
        next=api.cursors.seal(more, user_id=user_id, of="matches") if more else None,
        read_at=api.user(user_id).matches_read_at,
    )


def note_outcome(api: Api, user_id: str, match_id: str, noted: Outcome) -> MatchView:
    """Raises NotFoundError."""
    try:
        return match_view(api.store.note_outcome(user_id, match_id, noted.outcome, at=api.now()))
    except NotFoundError:
        raise missing("match_id") from None
