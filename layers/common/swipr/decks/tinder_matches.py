"""All matches of a Tinder account: both kinds, page by page, as far as time and the deck allow."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from swipr.decks import tinder_shapes as shapes
from swipr.errors import DeckUnavailableError
from swipr.models import Match, MatchList

MATCHES_PER_PAGE: Final = 60
#: Of each kind.
MAX_PAGES: Final = 50
#: No further page is asked for after this long: a session has a lease to keep.
MATCHES_TIME: Final = timedelta(seconds=20)

Page = Mapping[str, Any]


def read_matches(read: Callable[[Mapping[str, str]], Page], *, deck: str, now: Callable[[], datetime]) -> MatchList:
    """Each match once. `read` raises DeckUnavailableError or DeckRefusedError, and so does this, but if only a later
    page cannot be had or read: then what was found is returned, as not complete. An entry that names no person does not
    make it so, since its id tells which match is still there."""
    pages = _Pages(read, now, deck)
    found: dict[str, Match] = {}
    unnamed: dict[str, None] = {}
    for entry in (entry for page in pages for entry in shapes.matches(page, deck=deck)):
        if entry.match is None:
            unnamed[entry.match_id] = None
        else:
            found.setdefault(entry.match_id, entry.match)
    known = tuple(match_id for match_id in unnamed if match_id and match_id not in found)
    return MatchList(matches=tuple(found.values()), complete=pages.complete and "" not in unnamed, unnamed=known)


class _Pages:
    """The pages of matches without and with messages; `complete` when none was left out."""

    def __init__(self, read: Callable[[Mapping[str, str]], Page], now: Callable[[], datetime], deck: str) -> None:
        self._read, self._now, self._until, self._deck = read, now, now() + MATCHES_TIME, deck
        self._pages = 0
        self._failed = False
        self.complete = True

    def __iter__(self) -> Iterator[Page]:
        for with_messages in ("0", "1"):
            yield from self._kind(with_messages)

    def _kind(self, with_messages: str) -> Iterator[Page]:
        token, asked = "", set[str]()
        while len(asked) < MAX_PAGES and token not in asked and not self._is_over():
            asked.add(token)
            page = self._page(with_messages, token)
            if page is None:
                break
            yield page
            following = shapes.next_page(page)
            if following == "":
                return
            if following is None:
                break
            token = following
        self.complete = False

    def _page(self, with_messages: str, token: str) -> Page | None:
        query = {"count": str(MATCHES_PER_PAGE), "message": with_messages, "is_tinder_u": "false", "locale": "en"}
        try:
            page = self._checked(self._read(query | ({"page_token": token} if token else {})))
        except DeckUnavailableError as error:
            if error.wait_until is not None or not self._pages:
                raise
            self._failed = True
            return None
        self._pages += 1
        return page

    def _checked(self, page: Page) -> Page:
        """An answer of another form says nothing of matches, above all not that there are none."""
        if not shapes.is_page(page):
            raise DeckUnavailableError(f"The deck {self._deck!r} lists matches in a form that Swipr does not know.")
        return page

    def _is_over(self) -> bool:
        return self._failed or (self._pages > 0 and self._now() > self._until)
