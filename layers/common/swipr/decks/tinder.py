"""The Tinder deck: the user's own account, through the calls the web page makes.

Reads are tried up to three times. A like or pass is sent once: what nobody can tell stays `unknown`. No message holds
a token or an address.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from swipr.decks import tinder_shapes as shapes
from swipr.decks.bounded_http import BoundedHttp, NotSentError, Reply, UnansweredError
from swipr.decks.photo_address import checked_origin, is_allowed
from swipr.errors import DeckRefusedError, DeckUnavailableError, PhotoError, PhotoGoneError
from swipr.models import Answer, Card, Choice, Match, Offer, Photo

Method = Literal["GET", "POST"]

MAX_PHOTO_BYTES: Final = 10_000_000
MAX_ANSWER_BYTES: Final = 8_000_000
#: Seconds before the second and the third try of a read.
BACK_OFF_S: Final = (1.0, 3.0)
MATCHES_PER_PAGE: Final = 60
MAX_PAGES: Final = 50
#: No further page is asked for after this long: a session has a lease to keep.
MATCHES_TIME: Final = timedelta(seconds=20)
#: A photo's statuses that no further try changes before the profile is offered anew.
GONE: Final = frozenset({404, 410})
#: Statuses by which the deck says that it did not take a like or pass.
NOT_COUNTED: Final = frozenset({400, 404, 405, 410, 413, 415, 422})


class TinderDeck:
    """One user's deck. `api` is https, or http on this machine (the simulator).

    The methods of like and pass and `platform` are settings because sources disagree about them.
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
    ) -> None:
        self.name = name
        self._api = checked_origin(api)
        self._photo_hosts = tuple(photo_hosts)
        self._now, self._sleep = now, sleep
        self._methods: Mapping[Choice, Method] = {"like": like_method, "pass": pass_method}
        self._timeout_s = timeout_s
        self._http = BoundedHttp()
        self._headers = {
            "X-Auth-Token": _clean_token(token),
            "platform": platform,
            "Accept": "application/json",
            "User-Agent": "Swipr",
            "x-supported-image-formats": "webp,jpeg",
        }

    # --- reads ------------------------------------------------------------------------------------------

    def cards(self) -> Offer:
        """What Tinder recommends now. Raises DeckUnavailableError or DeckRefusedError."""
        answer = self._read("/v2/recs/core", {"locale": "en"}, empty_is={})
        now = self._now()
        cards = tuple(shapes.cards(shapes.offered(answer), deck=self.name, now=now))
        return Offer(cards=cards, wait_until=shapes.wait_in_recs(answer, now))

    def matches(self) -> Sequence[Match]:
        """All matches, each once. Raises DeckUnavailableError or DeckRefusedError."""
        found = {
            match.match_id: match for page in self._match_pages() for match in shapes.matches(page, deck=self.name)
        }
        return tuple(found.values())

    def _match_pages(self) -> Iterator[Mapping[str, Any]]:
        until = self._now() + MATCHES_TIME
        for with_messages in ("0", "1"):
            query = {"count": str(MATCHES_PER_PAGE), "message": with_messages, "is_tinder_u": "false", "locale": "en"}
            for _ in range(MAX_PAGES):
                page = self._read("/v2/matches", query)
                yield page
                token = shapes.next_page(page)
                if not token or token == query.get("page_token") or self._now() > until:
                    break
                query["page_token"] = token

    def _read(
        self, path: str, query: Mapping[str, str], *, empty_is: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """The answer's object; `empty_is` stands for an empty body, if the call may have one."""
        trouble = ""
        for pause_s in (*BACK_OFF_S, None):
            try:
                reply = self._call(self._http, "GET", path, query)
            except (NotSentError, UnansweredError) as error:
                trouble = str(error)
            else:
                parsed = shapes.parse_object(reply.body)
                status = _status(reply, parsed)
                self._raise_if_final(status, reply)
                answer = parsed if reply.body.strip() else empty_is
                if status < 300 and answer is not None:
                    return answer
                trouble = f"answered {status}" if status >= 300 else "no answer in JSON"
            if pause_s is not None:
                self._sleep(pause_s)
        raise DeckUnavailableError(f"The deck {self.name!r} is not available: {trouble}, three times in a row.")

    def _raise_if_final(self, status: int, reply: Reply) -> None:
        """Raise for an answer that another try would not change."""
        if status in (401, 403):
            raise DeckRefusedError(self._refusal(status))
        if status == 429:
            until = shapes.retry_after(reply.headers.get("retry-after"), self._now())
            raise DeckUnavailableError(f"The deck {self.name!r} asks to go slower.", until)
        if 300 <= status < 500:
            raise DeckUnavailableError(f"The deck {self.name!r} answered {status}, which it should not.")

    def photo(self, photo: Photo) -> bytes:
        """The photo's bytes. Raises PhotoError; the token is not sent to the photo's host."""
        if not is_allowed(photo.url, api=self._api, suffixes=self._photo_hosts):
            raise PhotoError("the photo lies at an address that this deck does not use")
        headers = {"Accept": "image/webp,image/jpeg", "User-Agent": "Swipr"}
        try:
            reply = self._http.call(
                "GET", photo.url, headers=headers, timeout_s=self._timeout_s, max_bytes=MAX_PHOTO_BYTES
            )
        except (NotSentError, UnansweredError) as error:
            raise PhotoError(f"the photo could not be fetched: {error}") from None
        if reply.status != 200 or not reply.body:
            trouble = _PHOTO_TROUBLE.get(reply.status, f"the photo's host answered {reply.status}")
            raise PhotoGoneError(trouble) if reply.status in GONE else PhotoError(trouble)
        return reply.body

    # --- swipes: sent once, whatever happens ---------------------------------------------------------------

    def like(self, card: Card) -> Answer:
        """Like the card's person; never raises for what the deck or the network did."""
        return self._swipe("like", card)

    def pass_(self, card: Card) -> Answer:
        """Pass on the card's person; never raises for what the deck or the network did."""
        return self._swipe("pass", card)

    def _swipe(self, choice: Choice, card: Card) -> Answer:
        user_id = card.card_id.removeprefix(f"{self.name}:")
        method = self._methods[choice]
        query, body = (_like_query(card), None) if choice == "like" else (_pass_query(card), None)
        if method == "POST":
            query, body = {}, _like_body(card) if choice == "like" else _numbers(card)
        fresh = BoundedHttp()  # a connection kept open may be closed just now, and then nobody could tell
        try:
            reply = self._call(fresh, method, f"/{choice}/{user_id}", {"locale": "en", **query}, body)
        except NotSentError as error:
            return Answer(state="failed", detail=f"{error}, nothing was sent")
        except UnansweredError as error:
            return Answer(state="unknown", detail=f"{error} after sending")
        finally:
            fresh.close()
        return self._swiped(choice, user_id, reply)

    def _swiped(self, choice: Choice, user_id: str, reply: Reply) -> Answer:
        answer = shapes.parse_object(reply.body)
        status, now = _status(reply, answer), self._now()
        if status in (401, 403):
            return Answer(state="failed", detail=f"answered {status}", refused=self._refusal(status))
        if status == 429:
            until = shapes.retry_after(reply.headers.get("retry-after"), now)
            return Answer(state="failed", detail="too fast", wait_until=until)
        if status in NOT_COUNTED:
            return Answer(state="failed", detail=f"answered {status}")
        if not 200 <= status < 300:
            return Answer(state="unknown", detail=f"answered {status}")
        if status == 204 or (choice == "pass" and not reply.body.strip()):
            return Answer(state="sent")
        if answer is None:
            return Answer(state="unknown", detail="did not answer in JSON")
        return _liked(answer, user_id, now) if choice == "like" else Answer(state="sent")

    def _call(
        self, http: BoundedHttp, method: Method, path: str, query: Mapping[str, str], body: object = None
    ) -> Reply:
        return http.call(
            method, self._api + path, headers=self._headers, params=query, json=body,
            timeout_s=self._timeout_s, max_bytes=MAX_ANSWER_BYTES,
        )  # fmt: skip

    def _refusal(self, status: int) -> str:
        if status == 401:
            return (
                f"The deck {self.name!r} no longer accepts your token (it ends after some days and at each log-out): "
                "log in there and paste a new token."
            )
        return (
            f"The deck {self.name!r} refuses this account (403): open it yourself and see what it says. "
            "Nothing more is tried until you paste a new token and switch on again."
        )


_PHOTO_TROUBLE = {403: "the photo's address has expired", 404: "the photo was removed"}


def _liked(answer: Mapping[str, Any], user_id: str, now: datetime) -> Answer:
    match_id = shapes.match_id(answer, user_id)
    if not shapes.out_of_likes(answer):
        return Answer(state="sent", match_id=match_id)
    until = shapes.likes_again_at(answer, now)
    if match_id:  # only a like that counted can match
        return Answer(state="sent", match_id=match_id, wait_until=until)
    return Answer(state="failed", detail="out of likes, this one did not count", wait_until=until)


def _status(reply: Reply, answer: Mapping[str, Any] | None) -> int:
    """What the answer means: a body may claim an error under HTTP 200."""
    claimed = shapes.declared_status(answer) if answer is not None and reply.status == 200 else None
    return reply.status if claimed is None else claimed


def _clean_token(token: str) -> str:
    """Raises DeckRefusedError for what cannot be a token; quotes and white space of a copied one are dropped."""
    clean = token.strip().strip("\"'").strip()
    if not clean or not clean.isascii() or not clean.isprintable():
        raise DeckRefusedError("That is not a deck token: copy the value of X-Auth-Token and paste it again.")
    return clean


def _numbers(card: Card) -> dict[str, object]:
    return {"s_number": int(card.echo["s_number"])} if card.echo.get("s_number") else {}


def _like_body(card: Card) -> dict[str, object]:
    body = _numbers(card)
    if "content_hash" in card.echo:
        body["content_hash"] = card.echo["content_hash"]
    if "photo_id" in card.echo:
        body |= {"liked_content_id": card.echo["photo_id"], "liked_content_type": "photo"}
    return body


def _like_query(card: Card) -> dict[str, str]:
    names = {"photo_id": "photoId", "content_hash": "content_hash", "s_number": "s_number"}
    return {asked: card.echo[kept] for kept, asked in names.items() if kept in card.echo}


def _pass_query(card: Card) -> dict[str, str]:
    return {"s_number": card.echo["s_number"]} if "s_number" in card.echo else {}
