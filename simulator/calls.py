"""Tinder's calls: what each of them answers to a user whose token is known."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Request

from simulator import answers
from simulator.answers import Json
from simulator.catalogue import Card
from simulator.faults import Fault
from simulator.photo_addresses import PhotoAddresses
from simulator.service import Liked, Service

MOST_MATCHES: Final = 100


@dataclass(frozen=True)
class Call:
    """One request on a user's behalf, and the fault that it meets."""

    request: Request
    token: str
    fault: Fault
    card_id: str


class StatusError(HTTPException):
    """Answers that status with the body the service would give."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class Calls:
    """By kind, as `faults.KINDS` names them; None is an answer without a body."""

    def __init__(self, service: Service, photos: PhotoAddresses) -> None:
        self._service, self._photos = service, photos
        self._padding = random.Random(0)
        self.by_kind: Mapping[str, Callable[[Call], Json | None]] = {
            "recs": self._recs,
            "like": self._like,
            "pass": self._pass,
            "super": self._super,
            "matches": self._matches,
            "profile": self._profile,
            "meta": self._meta,
        }

    # --- the deck ------------------------------------------------------------------------------------------

    def _recs(self, call: Call) -> Json | None:
        options, fault = self._options(call.token), call.fault
        if options["need_platform"] and "platform" not in call.request.headers:
            raise StatusError(500)
        cards = self._service.offered(call.token)
        if fault.nothing_left or not cards:
            form = fault.nothing_left or options["nothing_left"]
            return answers.nothing_left(form, int(options["nothing_left_s"] * 1000))
        elements = [answers.rec(card, self._photos.for_client(call.request), self._time()) for card in cards]
        if fault.doubled or "doubled" in options["recs"]:
            elements += elements
        if fault.advert or "advert" in options["recs"]:
            elements.insert(1, {"type": "ad", "ad": {"_id": "advert"}})
        if fault.limit_card or "limit_card" in options["recs"]:
            elements = [answers.limit_card()]
        return answers.recommendations(elements, old="v1" in options["recs"])

    def _like(self, call: Call) -> Json:
        self._check_echo(call)
        if call.fault.out_of_likes:
            return self._liked(call, self._service.end_likes(call.token))
        liked = self._service.like(call.token, call.card_id, counted=call.fault.counts)
        if liked.card is None:
            raise NotFound
        return self._liked(call, liked)

    def _liked(self, call: Call, liked: Liked) -> Json:
        body: Json = {"status": 200, "match": self._match(call, liked), "likes_remaining": 100}
        body["X-Padding"] = self._pad()
        if liked.limited_until is not None:
            body |= {"likes_remaining": 0, "rate_limited_until": int(liked.limited_until * 1000)}
        return body

    def _pass(self, call: Call) -> Json | None:
        self._check_echo(call)
        if self._service.pass_(call.token, call.card_id, counted=call.fault.counts).card is None:
            raise NotFound
        if self._options(call.token)["pass_status"] == 204:
            return None
        return {"status": 200, "X-Padding": self._pad()}

    def _super(self, call: Call) -> Json:
        """When none is left: HTTP 200, and yet a failure."""
        self._check_echo(call)
        liked = self._service.superlike(call.token, call.card_id, counted=call.fault.counts)
        if liked.card is None:
            raise NotFound
        body: Json = {"status": 200, "match": self._match(call, liked), "X-Padding": self._pad()}
        if liked.exceeded:
            body["limit_exceeded"] = True
        return body | {"super_likes": self._superlikes(call)}

    # --- matches ---------------------------------------------------------------------------------------------

    def _match(self, call: Call, liked: Liked) -> bool | Json:
        form = call.fault.match
        matched = liked.matched_at is not None if form is None else form in (True, "true", "object")
        if not matched or liked.card is None:
            return False
        if form in (True, "true") or (form is None and self._options(call.token)["match"] == "true"):
            return True
        match = self._match_object(call, liked.card, liked.matched_at or self._service.now())
        return {name: value for name, value in match.items() if name != "person" or liked.card.index % 4}

    def _match_object(self, call: Call, card: Card, matched_at: float) -> Json:
        return answers.match(
            card,
            self._service.user_id(call.token),
            datetime.fromtimestamp(matched_at, UTC),
            self._photos.for_client(call.request),
            messages=_messages(card),
            by_superlike=self._service.superliked(call.token, card.card_id),
        )

    def _matches(self, call: Call) -> Json:
        try:
            count = int(call.request.args["count"])
            first = int(call.request.args.get("page_token", "0"))
        except (KeyError, ValueError):
            raise StatusError(400) from None
        with_messages = call.request.args.get("message") == "1"
        wanted = [pair for pair in self._service.matches(call.token) if (_messages(pair[0]) > 0) == with_messages]
        page = wanted[first : first + min(max(count, 1), self._options(call.token)["matches_per_page"])]
        data: Json = {"matches": [self._match_object(call, card, at) for card, at in page]}
        if first + len(page) < len(wanted):
            data["next_page_token"] = str(first + len(page))
        return {"meta": {"status": 200}, "data": data}

    # --- the account --------------------------------------------------------------------------------------------

    def _profile(self, call: Call) -> Json:
        """The parts that `include` names."""
        me = {"_id": self._service.user_id(call.token), "name": "You", "age_filter_min": 18, "age_filter_max": 99,
              "distance_filter": 50, "gender_filter": -1, "discoverable": True}  # fmt: skip
        parts = {
            "account": {"is_email_verified": True},
            "user": me,
            "likes": self._likes(call),
            "super_likes": self._superlikes(call),
        }
        named = call.request.args.get("include", "").split(",")
        return {"meta": {"status": 200}, "data": {name: part for name, part in parts.items() if name in named}}

    def _meta(self, call: Call) -> Json:
        globals_ = {"recs_interval": 20_000, "updates_interval": 2_000, "recs_size": 40}
        return {"status": 200, "rating": self._likes(call), "globals": globals_}

    def _likes(self, call: Call) -> Json:
        user = self._service.user(call.token)
        if user is None or user.limited_until <= self._service.now():
            return {"likes_remaining": 100}
        return {"likes_remaining": 0, "rate_limited_until": int(user.limited_until * 1000)}

    def _superlikes(self, call: Call) -> Json:
        left = self._service.superlikes_left(call.token)
        return answers.superlikes(left.remaining, left.allotment, datetime.fromtimestamp(left.resets_at, UTC))

    # --- small ones ------------------------------------------------------------------------------------------------

    def _check_echo(self, call: Call) -> None:
        """Count a swipe whose `s_number` or `content_hash` is not what the card said."""
        sent = call.request.args.to_dict() | (call.request.get_json(silent=True) or {})
        index = self._service.catalogue.index_of(call.card_id)
        if index is None:
            return
        card = self._service.catalogue.card(index)
        right = {"s_number": str(answers.s_number(card)), "content_hash": answers.content_hash(card)}
        if any(name in sent and str(sent[name]) != value for name, value in right.items()):
            self._service.count(call.token, "wrong_echoes")

    def _options(self, token: str) -> Mapping[str, Any]:
        return self._service.options(token)

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._service.now(), UTC)

    def _pad(self) -> str:
        return "x" * self._padding.randrange(200)


def _messages(card: Card) -> int:
    """Every third match has written."""
    return int(card.card_id[-1], 16) % 3 // 2
