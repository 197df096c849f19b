"""The rules of the simulated service: who is offered whom, what a like does, when likes run out."""

import hashlib
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from simulator.catalogue import Card, Catalogue
from simulator.records import Records, StateError, UserRow

BATCH: Final = 10
DAY_S: Final = 86_400
FOR_EVER: Final = 1e12

#: What a user of the simulator may be set up with, and what holds otherwise.
OPTIONS: Final[Mapping[str, Any]] = {
    "taste": {},  # {"seed": int, "weights": {trait: number}}; without a seed everybody has their own
    "likes_limit": None,  # likes until `likes_remaining` is 0
    "likes_wait_s": 43_200,
    "nothing_left": "timeout",
    "nothing_left_s": 20,
    "recs": [],  # which of RECS every recommendation is like
    "match": "object",
    "pass_status": 200,
    "superlikes": 1,  # a day
    "matches_per_page": 100,
    "need_platform": False,
}
#: In the old shape; every profile twice; an advert among them; nothing but a rate-limit card.
RECS: Final = ("v1", "doubled", "advert", "limit_card")
#: Calls that a user out of likes should not make.
_NEED_LIKES: Final = frozenset({"recs", "like", "pass"})


@dataclass(frozen=True)
class Liked:
    """What a swipe came to. `limited_until`: out of likes, this one did not count; seconds since 1970.

    `exceeded`: out of super likes, this one did not count either.
    """

    card: Card | None = None
    matched_at: float | None = None
    limited_until: float | None = None
    exceeded: bool = False


@dataclass(frozen=True)
class SuperlikesLeft:
    """`resets_at`: seconds since 1970."""

    remaining: int
    allotment: int
    resets_at: float


class Service:
    """Everything behind the HTTP surface. Safe for threads; each call is one transaction."""

    def __init__(
        self,
        catalogue: Catalogue,
        records: Records,
        *,
        cards: int,
        first_taste: int,
        options: Mapping[str, Any],
        now: Callable[[], float],
        cards_per_look: int = BATCH,
    ) -> None:
        self.catalogue, self._records, self._cards = catalogue, records, cards
        self._cards_per_look = cards_per_look
        self._first_taste = first_taste
        self._options = {**OPTIONS, **options}
        self._now = now
        self._ahead_s = 0.0
        with records.change():
            identity = records.fact("identity", catalogue.identity)
            self.photo_secret = bytes.fromhex(records.fact("photo secret", secrets.token_hex(32)))
        if identity != catalogue.identity:
            raise StateError(f"the state file is of {identity}; this is {catalogue.identity}: use another --state")

    def close(self) -> None:
        self._records.close()

    def now(self) -> float:
        return self._now() + self._ahead_s

    def move_clock(self, seconds: float) -> None:
        self._ahead_s += seconds

    # --- users -------------------------------------------------------------------------------------------

    def add_user(self, token: str | None, cards: int | None, options: Mapping[str, Any]) -> str:
        """Their token. One that is there keeps taste, deck and swipes; other options change, a stop is lifted."""
        unknown = set(options) - set(OPTIONS)
        if unknown:
            raise ValueError(f"options are {', '.join(OPTIONS)}; not {', '.join(sorted(unknown))}")
        if not set(options.get("recs", ())) <= set(RECS):
            raise ValueError(f"recs are any of {', '.join(RECS)}; not {options['recs']}")
        token = token or str(uuid.uuid4())
        with self._records.change():
            there = self._records.user(token)
            if there is None:
                deck = min(self.catalogue.size, self._cards if cards is None else cards)
                taste = {"seed": self._first_taste + self._records.users(), **options.get("taste", {})}
                chosen = {**self._options, **options, "taste": taste}
                self._records.put_user(UserRow(token, chosen, deck, 0, 0.0, 0.0))
            else:
                changed = {**self._options, **there.options, **options, "taste": there.options["taste"]}
                self._records.put_user(replace(there, options=changed, stopped_until=0.0))
        return token

    def user(self, token: str) -> UserRow | None:
        with self._records.change():
            return self._records.user(token)

    def options(self, token: str) -> Mapping[str, Any]:
        """What the user was set up with; raises LookupError if there is none."""
        with self._records.change():
            return self._options_of(token)

    @staticmethod
    def user_id(token: str) -> str:
        return hashlib.sha256(f"user/{token}".encode()).hexdigest()[:24]

    def deal(self, token: str, cards: int) -> int:
        """Lengthen the deck, returning by how many cards; a folder's end is the end."""
        with self._records.change():
            user = self._known(token)
            longer = min(user.cards + cards, self.catalogue.size)
            self._records.put_user(replace(user, cards=longer))
            return longer - user.cards

    def stop(self, token: str, until: float = FOR_EVER) -> None:
        """A stop signal was answered: calls before `until` should not come, and are counted."""
        with self._records.change():
            user = self._records.user(token)
            if user is not None:
                self._records.put_user(replace(user, stopped_until=max(until, user.stopped_until)))

    def arrived(self, token: str, kind: str) -> None:
        """Count a call, and whether it came after a stop signal that concerns it."""
        with self._records.change():
            user = self._records.user(token)
            if user is None:
                return
            self._records.count(token, f"calls:{kind}")
            ends_at = max(user.stopped_until, user.limited_until if kind in _NEED_LIKES else 0.0)
            if self.now() < ends_at:
                self._records.count(token, f"after_stop:{kind}")

    # --- the deck ------------------------------------------------------------------------------------------

    def offered(self, token: str) -> Sequence[Card]:
        """The next cards not yet swiped, in the deck's order."""
        with self._records.change():
            user, swiped = self._known(token), self._records.swipes(token)
        left = []
        for index in range(user.cards):
            card = self.catalogue.card(index)
            if card.card_id not in swiped:
                left.append(card)
                if len(left) == self._cards_per_look:
                    break
        return left

    def like(self, token: str, card_id: str, *, counted: bool = True) -> Liked:
        """Like once more; the first like may match. `counted` False only looks."""
        card = self._card(token, card_id)
        if card is None or not counted:
            return Liked(card)
        with self._records.change():
            user = self._renewed(self._known(token))
            limit = user.options["likes_limit"]
            if user.limited_until or (limit is not None and user.likes_used >= limit):
                return Liked(card, limited_until=self._limit(user))
            self._records.put_user(replace(user, likes_used=user.likes_used + 1))
            return self._put_like(token, card)

    def _put_like(self, token: str, card: Card) -> Liked:
        swipe = self._records.swipe(token, card.card_id)
        matched_at = swipe.matched_at or (self.now() if card.likes_back else None)
        self._records.put_swipe(token, card.card_id, replace(swipe, likes=swipe.likes + 1, matched_at=matched_at))
        return Liked(card, matched_at if swipe.matched_at is None else None)

    def end_likes(self, token: str) -> Liked:
        """Out of likes from now on, whatever the limit says."""
        with self._records.change():
            return Liked(limited_until=self._limit(self._renewed(self._known(token))))

    def _limit(self, user: UserRow) -> float:
        until = user.limited_until or self.now() + user.options["likes_wait_s"]
        self._records.put_user(replace(user, limited_until=until))
        return until

    # --- super likes: so many in any 24 hours, apart from likes ----------------------------------------------

    def superlike(self, token: str, card_id: str, *, counted: bool = True) -> Liked:
        """A like that is counted as a super like, too."""
        card = self._card(token, card_id)
        if card is None or not counted:
            return Liked(card)
        with self._records.change():
            if self._superlikes_left(token).remaining == 0:
                return Liked(card, exceeded=True)
            self._records.put_superlike(token, card_id, self.now())
            return self._put_like(token, card)

    def superlikes_left(self, token: str) -> SuperlikesLeft:
        with self._records.change():
            return self._superlikes_left(token)

    def _superlikes_left(self, token: str) -> SuperlikesLeft:
        allotment = int(self._options_of(token)["superlikes"])
        used = [at for _, at in self._records.superlikes(token) if at > self.now() - DAY_S]
        return SuperlikesLeft(max(0, allotment - len(used)), allotment, min(used, default=self.now()) + DAY_S)

    def superliked(self, token: str, card_id: str) -> bool:
        with self._records.change():
            return any(card_id == superliked for superliked, _ in self._records.superlikes(token))

    def pass_(self, token: str, card_id: str, *, counted: bool = True) -> Liked:
        card = self._card(token, card_id)
        if card is not None and counted:
            with self._records.change():
                swipe = self._records.swipe(token, card_id)
                self._records.put_swipe(token, card_id, replace(swipe, passes=swipe.passes + 1))
        return Liked(card)

    def matches(self, token: str) -> list[tuple[Card, float]]:
        """Newest first, with the time of each."""
        with self._records.change():
            swipes = self._records.swipes(token)
        found = []
        for card_id, swipe in swipes.items():
            index = self.catalogue.index_of(card_id)
            if swipe.matched_at is not None and index is not None:
                found.append((self.catalogue.card(index), swipe.matched_at))
        return sorted(found, key=lambda pair: (-pair[1], pair[0].card_id))

    def count(self, token: str, name: str) -> None:
        with self._records.change():
            self._records.count(token, name)

    # --- small ones -----------------------------------------------------------------------------------------

    def _known(self, token: str) -> UserRow:
        return self._records.known_user(token)

    def _options_of(self, token: str) -> Mapping[str, Any]:
        """An older state file knows fewer of them."""
        return {**OPTIONS, **self._known(token).options}

    def _card(self, token: str, card_id: str) -> Card | None:
        index = self.catalogue.index_of(card_id)
        with self._records.change():
            if index is not None and index < self._known(token).cards:
                return self.catalogue.card(index)
            self._records.count(token, "unknown_ids")
        return None

    def _renewed(self, user: UserRow) -> UserRow:
        """The user with likes again, if the wait is over."""
        if user.limited_until and user.limited_until <= self.now():
            return replace(user, likes_used=0, limited_until=0.0)
        return user


def system_clock() -> float:
    return time.time()
