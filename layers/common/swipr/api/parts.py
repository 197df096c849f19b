"""What the API's operations work with; what each does stands in the `api_` modules, apart from HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from swipr.api.cursors import Cursors
from swipr.errors import NotFoundError
from swipr.judging import Judge
from swipr.models import User
from swipr.ports import Blobs, Queue, Secrets, Store
from swipr.sessions.planning import acted_key, forgotten_key
from swipr.swiping import Deck


@dataclass(frozen=True)
class Api:
    store: Store
    blobs: Blobs
    queue: Queue
    secrets: Secrets
    judge: Judge
    decks: tuple[str, ...]
    """Of this install, by name; a new user has the first."""
    tokenless: frozenset[str]
    """Decks that need no token."""
    against_terms: frozenset[str]
    """Decks of a service whose terms forbid automation."""
    deck_of: Callable[[User], Deck]
    """Raises DeckRefusedError when the user's deck cannot be opened."""
    fetch_link: Callable[[str], bytes]
    """The photo at a link, at most 10 MB. Raises InputError for `url`."""
    now: Callable[[], datetime]
    token: Callable[[int], str]
    """`token(n)` gives n random bytes as hex."""
    pick: Callable[[int], int]
    """`pick(n)` gives a random whole number from 0 to n - 1."""

    def user(self, user_id: str) -> User:
        """The user, made with everything off at the first request. Raises NotFoundError."""
        user = self.store.user(user_id)
        if user is None:
            self.store.create_user(User(user_id=user_id, deck=self.decks[0]))
            user = self.store.user(user_id)
        if user is None:
            raise NotFoundError("this user was deleted just now")
        return user

    @cached_property
    def cursors(self) -> Cursors:
        return Cursors(self.secrets)

    def acted_key(self, user_id: str, card_id: str) -> str:
        return acted_key(self.secrets, user_id, card_id)

    def forgotten_key(self, user_id: str, card_id: str) -> str:
        return forgotten_key(self.secrets, user_id, card_id)
