"""The calls to Tinder: reads are tried again, swipes never, and after a stop signal there are none."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from swipr.decks import tinder_stops as stops
from swipr.decks.bounded_http import BoundedHttp, NotSentError, Reply, UnansweredError
from swipr.decks.tinder_claims import UNKNOWN_ERROR, declared_status, in_words, worst
from swipr.decks.tinder_fields import parse_object
from swipr.decks.tinder_limits import retry_after
from swipr.errors import DeckRefusedError, DeckUnavailableError

Method = Literal["GET", "POST"]

MAX_ANSWER_BYTES: Final = 8_000_000
#: Seconds before the second and the third try of a read.
BACK_OFF_S: Final = (1.0, 3.0)
_TIMES: Final = ("", "once", "twice in a row", "three times in a row")


class TinderCalls:
    """One user's calls. `waits_before`: sessions before this one that ended at once, in a wait."""

    def __init__(
        self,
        deck: str,
        api: str,
        token: str,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        platform: str,
        timeout_s: float,
        waits_before: int,
    ) -> None:
        self._deck, self._api, self._timeout_s, self._waits_before = deck, api, timeout_s, waits_before
        self._now, self._sleep = now, sleep
        self._http = BoundedHttp()
        self._headers = {
            "X-Auth-Token": clean_token(token),
            "Accept": "application/json",
            "User-Agent": "Swipr",
            "x-supported-image-formats": "webp,jpeg",
        }
        if platform:
            self._headers["platform"] = platform
        self.stops = stops.Stops()

    def read(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        kind: stops.Kind = "read",
        empty_is: Mapping[str, Any] | None = None,
        try_for: timedelta | None = None,
    ) -> Mapping[str, Any]:
        """The answer's object; `empty_is` stands for an empty body. No further try begins after `try_for`.

        Raises DeckUnavailableError or DeckRefusedError; after a stop signal at once, with that signal's words.
        """
        heard = self.stops.against(kind)
        if heard is not None:
            raise heard.error()
        begun, tries = self._now(), 1
        answer, trouble = self._try(path, query, empty_is)
        while answer is None and tries <= len(BACK_OFF_S):
            if try_for is not None and self._now() - begun >= try_for:
                break
            self._sleep(BACK_OFF_S[tries - 1])
            answer, trouble = self._try(path, query, empty_is)
            tries += 1
        if answer is not None:
            return answer
        raise DeckUnavailableError(f"The deck {self._deck!r} is not available: {trouble}, {_TIMES[tries]}.")

    def _try(
        self, path: str, query: Mapping[str, str], empty_is: Mapping[str, Any] | None
    ) -> tuple[Mapping[str, Any] | None, str]:
        """The answer's object, or what the trouble was."""
        try:
            reply = self._call(self._http, "GET", path, query)
        except (NotSentError, UnansweredError) as error:
            return None, str(error)
        parsed = parse_object(reply.body)
        status = meant_status(reply, parsed)
        self._raise_if_final(status, reply)
        if status >= 300:
            return None, in_words(status)
        return (parsed if reply.body.strip() else empty_is), "no answer in JSON"

    def _raise_if_final(self, status: int, reply: Reply) -> None:
        """Raise for an answer that another try would not change."""
        stop = self.stop_of(status, reply)
        if stop is not None:
            raise stop.error()
        if 300 <= status < 500:
            raise DeckUnavailableError(f"The deck {self._deck!r} answered {status}, which it should not.")

    def stop_of(self, status: int, reply: Reply) -> stops.Stop | None:
        """The stop signal in an answer's status, which from now on holds for every call."""
        if status in (401, 403):
            return self.stops.note(stops.refusal(self._deck, status))
        if status == 429:
            said = reply.headers.get("retry-after")
            until = retry_after(said, self._now(), waits_before=self._waits_before)
            return self.stops.note(stops.too_fast(self._deck, until))
        return None

    def swipe(self, method: Method, path: str, query: Mapping[str, str], body: object) -> Reply:
        """One call, once. Raises NotSentError or UnansweredError."""
        fresh = BoundedHttp()  # a connection kept open may be closed just now, and then nobody could tell
        try:
            return self._call(fresh, method, path, query, body)
        finally:
            fresh.close()

    def photo(self, url: str, max_bytes: int) -> Reply:
        """From the photos' host, which gets no token. Raises NotSentError or UnansweredError."""
        headers = {"Accept": "image/webp,image/jpeg", "User-Agent": "Swipr"}
        return self._http.call("GET", url, headers=headers, timeout_s=self._timeout_s, max_bytes=max_bytes)

    def _call(
        self, http: BoundedHttp, method: Method, path: str, query: Mapping[str, str], body: object = None
    ) -> Reply:
        return http.call(
            method, self._api + path, headers=self._headers, params=query, json=body,
            timeout_s=self._timeout_s, max_bytes=MAX_ANSWER_BYTES,
        )  # fmt: skip


def meant_status(reply: Reply, answer: Mapping[str, Any] | None) -> int:
    """What the answer means: a body may claim an error under HTTP 200. The worse of the two counts."""
    claimed = declared_status(answer) if answer is not None else None
    if claimed is None or (claimed == UNKNOWN_ERROR and reply.status >= 300):
        return reply.status
    return worst([reply.status, claimed])


def clean_token(token: str) -> str:
    """Raises DeckRefusedError for what cannot be a token; quotes and white space of a copied one are dropped."""
    clean = token.strip().strip("\"'").strip()
    if not clean or not clean.isascii() or not clean.isprintable():
        raise DeckRefusedError("That is not a deck token: copy the value of X-Auth-Token and paste it again.")
    return clean
