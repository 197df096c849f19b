"""The Tinder deck: the user's own account, through the calls the web page makes.

Reads are tried up to three times. A swipe is sent once: what nobody can tell stays `unknown`. After a stop signal
nothing more is called (`tinder_stops`). No message holds a token or an address.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from swipr.decks import tinder_health, tinder_limits, tinder_matches, tinder_shapes, tinder_stops, tinder_swipes
from swipr.decks.bounded_http import NotSentError, UnansweredError
from swipr.decks.photo_address import checked_origin, is_allowed
from swipr.decks.tinder_calls import Method, TinderCalls, meant_status
from swipr.decks.tinder_fields import parse_object
from swipr.errors import DeckError, DeckUnavailableError, PhotoError, PhotoGoneError
from swipr.models import Action, Answer, Card, DeckHealth, MatchList, Offer, Photo

MAX_PHOTO_BYTES: Final = 10_000_000
#: A photo's statuses that no further try changes before the profile is offered anew.
GONE: Final = frozenset({404, 410})
#: A check is asked by somebody who waits, behind a gateway that waits 29 s: no further try begins after this.
CHECK_TIME: Final = timedelta(seconds=8)


class TinderDeck:
    """One user's deck for one session. `api` is https, or http on this machine (the simulator).

    The methods of like and pass and `platform` (empty: not sent) are settings because sources disagree about them.
    `waits_before`: how many sessions in a row just ended in a wait, without a swipe; without the deck's word for it,
    each doubles the wait after a call that came too fast.
    """

    states_ages = True
    is_service = True

    def __init__(
        self,
        name: str,
        api: str,
        token: str,
        photo_hosts: Sequence[str],
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        platform: str = "web",
        like_method: Method = "POST",
        pass_method: Method = "GET",  # noqa: S107  an HTTP method, no password
        timeout_s: float = 10.0,
        waits_before: int = 0,
    ) -> None:
        self.name, self._now = name, now
        self._api, self._photo_hosts, self._platform = checked_origin(api), tuple(photo_hosts), platform
        self._methods: Mapping[Action, Method] = {"like": like_method, "pass": pass_method, "superlike": "POST"}
        self._nothing_left: Offer | None = None
        self._calls = TinderCalls(
            name, self._api, token, now=now, sleep=sleep, platform=platform, timeout_s=timeout_s,
            waits_before=waits_before,
        )  # fmt: skip

    # --- reads ------------------------------------------------------------------------------------------

    def cards(self) -> Offer:
        """What Tinder recommends now. Raises DeckUnavailableError or DeckRefusedError."""
        now = self._now()
        if self._nothing_left is not None and (self._nothing_left.wait_until or now) > now:
            return self._nothing_left
        try:
            answer = self._calls.read("/v2/recs/core", {"locale": "en"}, kind="cards", empty_is={})
        except DeckUnavailableError as error:
            raise self._with_hint(error) from None
        now = self._now()
        wait_until, limited = tinder_limits.wait_in_recs(answer, now), tinder_limits.is_limited(answer, now)
        elements = () if limited else tinder_shapes.offered(answer)
        offer = Offer(cards=tuple(tinder_shapes.cards(elements, deck=self.name, now=now)), wait_until=wait_until)
        if limited and wait_until is not None:
            self._calls.stops.note(tinder_stops.likes_spent(self.name, wait_until, "the deck says: enough for now"))
        if wait_until is not None and not offer.cards:
            self._nothing_left = offer
        return offer

    def _with_hint(self, error: DeckUnavailableError) -> DeckUnavailableError:
        """One setting is known to make recommendations fail."""
        if self._platform or "answered 500" not in str(error):
            return error
        return DeckUnavailableError(f"{error} It may want a platform: set TINDER_PLATFORM to web.")

    def matches(self) -> MatchList:
        """All matches, each once, or as many as could be read. Raises DeckUnavailableError or DeckRefusedError."""
        return tinder_matches.read_matches(
            lambda query: self._calls.read("/v2/matches", query), deck=self.name, now=self._now
        )

    def check(self) -> DeckHealth:
        """Whether the service answers and accepts the token; never raises for what the deck or the network did."""
        query = {"include": "account,user,likes,super_likes"}
        try:
            answer = self._calls.read("/v2/profile", query, try_for=CHECK_TIME)
        except DeckError as error:
            return tinder_health.ill_health(error)
        found, stop = tinder_health.health(answer, deck=self.name, now=self._now())
        if stop is not None:
            self._calls.stops.note(stop)
        return found

    def photo(self, photo: Photo) -> bytes:
        """The photo's bytes. Raises PhotoError; the token is not sent to the photo's host."""
        if not is_allowed(photo.url, api=self._api, suffixes=self._photo_hosts):
            raise PhotoError("the photo lies at an address that this deck does not use")
        try:
            reply = self._calls.photo(photo.url, MAX_PHOTO_BYTES)
        except (NotSentError, UnansweredError) as error:
            raise PhotoError(f"the photo could not be fetched: {error}") from None
        if reply.status != 200 or not reply.body:
            trouble = _PHOTO_TROUBLE.get(reply.status, f"the photo's host answered {reply.status}")
            raise PhotoGoneError(trouble) if reply.status in GONE else PhotoError(trouble)
        return reply.body

    # --- swipes: sent once, whatever happens; none raises for what the deck or the network did ---------------

    def like(self, card: Card) -> Answer:
        return self._swipe("like", card)

    def superlike(self, card: Card) -> Answer:
        """Like the card's person with one of the few super likes; out of them, likes go on."""
        return self._swipe("superlike", card)

    def pass_(self, card: Card) -> Answer:
        return self._swipe("pass", card)

    def _swipe(self, action: Action, card: Card) -> Answer:
        heard = self._calls.stops.against(action)
        if heard is not None:
            return heard.answer()
        method = self._methods[action]
        path, query, body = tinder_swipes.sending(action, method, card)
        try:
            reply = self._calls.swipe(method, path, query, body)
        except NotSentError as error:
            return Answer(state="failed", detail=f"{error}, nothing was sent")
        except UnansweredError as error:
            return Answer(state="unknown", detail=f"{error} after sending")
        status = meant_status(reply, parse_object(reply.body))
        stop = self._calls.stop_of(status, reply)
        if stop is not None:
            return stop.answer()
        answer, stop = tinder_swipes.read_answer(action, status, reply, card, now=self._now())
        if stop is not None:
            self._calls.stops.note(stop)
        return answer


_PHOTO_TROUBLE = {403: "the photo's address has expired", 404: "the photo was removed", 410: "the photo was removed"}
