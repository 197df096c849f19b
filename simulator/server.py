"""The simulator's HTTP surface: Tinder's calls and photographs, and /sim beside them."""

import random
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from simulator import answers
from simulator.answers import Address, Json
from simulator.catalogue import Card
from simulator.control import Control, json_response
from simulator.faults import Fault, Faults
from simulator.portraits import Format
from simulator.service import Liked, Service
from simulator.signed import is_valid, signed_query

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

URLS: Final = Map(
    [
        Rule("/v2/recs/core", endpoint="recs", methods=["GET"]),
        Rule("/like/<card_id>", endpoint="like", methods=["GET", "POST"]),
        Rule("/pass/<card_id>", endpoint="pass", methods=["GET", "POST"]),
        Rule("/like/<card_id>/super", endpoint="super", methods=["POST"]),
        Rule("/v2/matches", endpoint="matches", methods=["GET"]),
        Rule("/v2/profile", endpoint="profile", methods=["GET"]),
        Rule("/meta", endpoint="meta", methods=["GET"]),
        Rule("/u/<card_id>/<file_name>", endpoint="photo", methods=["GET"]),
        Rule("/sim/<path:call>", endpoint="sim", methods=["GET", "POST"]),
    ]
)
TOO_LARGE_BYTES: Final = 11_000_000
#: How long a 429 without Retry-After means to last, seconds.
TOO_FAST_S: Final = 900


@dataclass(frozen=True)
class Call:
    """One request on a user's behalf, and the fault that it meets."""

    request: Request
    token: str
    fault: Fault
    card_id: str


class Application:
    """WSGI application. `photo_expiry_s`: how long photo addresses hold."""

    def __init__(self, service: Service, faults: Faults, *, key: str, photo_expiry_s: float) -> None:
        self._service, self._faults, self._photo_expiry_s = service, faults, photo_expiry_s
        self._control = Control(service, faults, key, self._largest)
        self._padding = random.Random(0)
        self._calls: Mapping[str, Callable[[Call], Json | None]] = {
            "recs": self._recs,
            "like": self._like,
            "pass": self._pass,
            "super": self._super,
            "matches": self._matches,
            "profile": self._profile,
            "meta": self._meta,
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            old = not request.path.startswith("/v2/")
            body = answers.error(error.code or 500, old=old)
            if request.path.startswith("/sim/"):
                body = {"error": error.description}
            response = json_response(body, error.code or 500)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        endpoint, arguments = URLS.bind_to_environ(request.environ).match()
        if endpoint == "sim":
            return self._control.answer(request)
        token = request.headers.get("X-Auth-Token", "")
        if endpoint == "photo":
            return self._photo(request, arguments["file_name"], self._faults.take("photo", None))
        if self._service.user(token) is None:
            raise Unauthorized
        self._service.arrived(token, endpoint)
        call = Call(request, token, self._faults.take(endpoint, token), arguments.get("card_id", ""))
        return self._faulty(call, endpoint)

    def _faulty(self, call: Call, endpoint: str) -> Response:
        """The call's answer, after whatever is to go wrong with it."""
        fault = call.fault
        if fault.reset == "before":
            return cut(call.request)
        body = self._calls[endpoint](call)
        time.sleep(fault.delay_s)
        if fault.reset == "after":
            return cut(call.request)
        if fault.status is not None and fault.status >= 400:
            return self._error(call)
        if body is None or fault.status == 204:
            return Response(b"", fault.status or (204 if endpoint == "pass" else 200))
        body = {name: value for name, value in {**body, **fault.set}.items() if name not in fault.drop}
        return spoiled(json_response(body, fault.status or 200), fault)

    def _error(self, call: Call) -> Response:
        fault, status = call.fault, call.fault.status or 500
        response = json_response(answers.error(status, old=not call.request.path.startswith("/v2/")), status)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = fault.retry_after
        if status in (401, 403):
            self._service.stop(call.token)
        if status == 429:
            asked = fault.retry_after or ""
            seconds = int(asked) if asked.isdigit() else TOO_FAST_S
            self._service.stop(call.token, self._service.now() + seconds)
        return spoiled(response, fault)

    # --- calls ----------------------------------------------------------------------------------------------

    def _recs(self, call: Call) -> Json | None:
        options = self._options(call.token)
        if options["need_platform"] and "platform" not in call.request.headers:
            return self._broken()
        cards = self._service.offered(call.token)
        if call.fault.nothing_left or not cards:
            form = call.fault.nothing_left or options["nothing_left"]
            return answers.nothing_left(form, int(options["nothing_left_s"] * 1000))
        elements = [answers.rec(card, self._address(call.request), self._time()) for card in cards]
        if call.fault.doubled:
            elements += elements
        if call.fault.advert:
            elements.insert(1, {"type": "ad", "ad": {"_id": "advert"}})
        if call.fault.limit_card:
            elements = [answers.limit_card()]
        return answers.recommendations(elements)

    def _like(self, call: Call) -> Json:
        fault = call.fault
        self._check_echo(call)
        if fault.out_of_likes:
            until = self._service.now() + self._options(call.token)["likes_wait_s"]
            self._service.stop(call.token, until)
            return self._liked(call, Liked(limited_until=until))
        liked = self._service.like(call.token, call.card_id, counted=fault.counts)
        if liked.card is None:
            raise NotFound
        return self._liked(call, liked)

    def _liked(self, call: Call, liked: Liked) -> Json:
        body: Json = {
            "status": 200,
            "match": self._match(call, liked),
            "likes_remaining": 100,
            "X-Padding": self._pad(),
        }
        if liked.limited_until is not None:
            body |= {"likes_remaining": 0, "rate_limited_until": int(liked.limited_until * 1000)}
        return body

    def _match(self, call: Call, liked: Liked) -> bool | Json:
        form = call.fault.match
        matched = liked.matched_at is not None if form is None else form in (True, "true", "object")
        if not matched or liked.card is None:
            return False
        if form in (True, "true") or (form is None and self._options(call.token)["match"] == "true"):
            return True
        at = datetime.fromtimestamp(liked.matched_at or self._service.now(), UTC)
        match = self._match_object(call, liked.card, at)
        return {name: value for name, value in match.items() if name != "person" or liked.card.index % 4}

    def _match_object(self, call: Call, card: Card, at: datetime) -> Json:
        me = self._service.user_id(call.token)
        return answers.match(card, me, at, self._address(call.request), messages=_messages(card))

    def _pass(self, call: Call) -> Json | None:
        self._check_echo(call)
        if self._service.pass_(call.token, call.card_id, counted=call.fault.counts).card is None:
            raise NotFound
        if self._options(call.token)["pass_status"] == 204:
            return None
        return {"status": 200, "X-Padding": self._pad()}

    def _super(self, call: Call) -> Json:
        """Free accounts have none left: HTTP 200, and yet a failure."""
        self._service.count(call.token, "super_likes")
        left = {"remaining": 0, "allotment": 0, "superlike_refresh_amount": 0}
        return {"status": 200, "match": False, "limit_exceeded": True, "super_likes": left, "X-Padding": self._pad()}

    def _matches(self, call: Call) -> Json:
        try:
            count = int(call.request.args["count"])
            first = int(call.request.args.get("page_token", "0"))
        except (KeyError, ValueError):
            return self._broken(400)
        with_messages = call.request.args.get("message") == "1"
        wanted = [pair for pair in self._service.matches(call.token) if (_messages(pair[0]) > 0) == with_messages]
        page = wanted[first : first + min(max(count, 1), 100)]
        listed = [self._match_object(call, card, datetime.fromtimestamp(at, UTC)) for card, at in page]
        data: Json = {"matches": listed}
        if first + len(page) < len(wanted):
            data["next_page_token"] = str(first + len(page))
        return {"meta": {"status": 200}, "data": data}

    def _profile(self, call: Call) -> Json:
        me = {"_id": self._service.user_id(call.token), "name": "You", "age_filter_min": 18, "age_filter_max": 99,
              "distance_filter": 50, "gender_filter": -1, "discoverable": True}  # fmt: skip
        return {"meta": {"status": 200}, "data": {"user": me, "likes": self._likes(call)}}

    def _meta(self, call: Call) -> Json:
        globals_ = {"recs_interval": 20_000, "updates_interval": 2_000, "recs_size": 40}
        return {"status": 200, "rating": self._likes(call), "globals": globals_}

    def _likes(self, call: Call) -> Json:
        user = self._service.user(call.token)
        if user is None or user.limited_until <= self._service.now():
            return {"likes_remaining": 100}
        return {"likes_remaining": 0, "rate_limited_until": int(user.limited_until * 1000)}

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

    def _broken(self, status: int = 500) -> Json:
        raise _Status(status)

    # --- photographs ------------------------------------------------------------------------------------------

    def _photo(self, request: Request, file_name: str, fault: Fault) -> Response:
        time.sleep(fault.delay_s)
        if fault.reset is not None:
            return cut(request)
        if fault.status is not None:
            raise _Status(fault.status)
        if not is_valid(self._service.photo_secret, request.path, request.args, self._service.now()):
            raise _Status(403)
        card_id, number, size, form = _photo_name(file_name)
        data = self._service.catalogue.photo(card_id, number, size, form)
        if data is None:
            raise NotFound
        if fault.body == "large":
            data += bytes(TOO_LARGE_BYTES)
        return spoiled(Response(data, mimetype=f"image/{form}"), fault)

    def _address(self, request: Request) -> Address:
        """Makes photo addresses on this very server, in a form that the client said it can read."""
        origin = request.host_url.rstrip("/")
        with_webp = "webp" in request.headers.get("x-supported-image-formats", "")

        def address(card_id: str, number: int, size: tuple[int, int] | None) -> str:
            own = self._service.catalogue.own_form(card_id, number)
            # Half of the drawn photos: both forms occur in one deck, as in the real service.
            webp = own == "webp" if own else int(card_id[-1], 16) % 2 == number % 2
            return self._photo_url(origin, card_id, number, size, "webp" if with_webp and webp else "jpg")

        return address

    def _largest(self, request: Request) -> Callable[[str, int], str]:
        """For those who teach: the same rendition as a deck's client would fetch."""
        origin = request.host_url.rstrip("/")

        def address(card_id: str, number: int) -> str:
            index = self._service.catalogue.index_of(card_id)
            sizes = self._service.catalogue.card(index).sizes if index is not None else ()
            extension = "webp" if self._service.catalogue.own_form(card_id, number) == "webp" else "jpg"
            return self._photo_url(origin, card_id, number, min(sizes, default=None), extension)

        return address

    def _photo_url(self, origin: str, card_id: str, number: int, size: tuple[int, int] | None, extension: str) -> str:
        prefix = "original" if size is None else f"{size[0]}x{size[1]}"
        path = f"/u/{card_id}/{prefix}_{answers.photo_id(card_id, number)}.{extension}"
        expires_at = self._service.now() + self._photo_expiry_s
        return f"{origin}{path}?{signed_query(self._service.photo_secret, path, expires_at)}"

    # --- small ones --------------------------------------------------------------------------------------------

    def _options(self, token: str) -> Mapping[str, Any]:
        user = self._service.user(token)
        if user is None:
            raise Unauthorized
        return user.options

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._service.now(), UTC)

    def _pad(self) -> str:
        return "x" * self._padding.randrange(200)


class _Status(HTTPException):
    """Answers that status with the body the service would give."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def _messages(card: Card) -> int:
    """Every third match has written."""
    return int(card.card_id[-1], 16) % 3 // 2


def _photo_name(file_name: str) -> tuple[str, int, tuple[int, int] | None, Format]:
    """Card id, number, size and form of a photo's file name. Raises NotFound."""
    prefix, _, rest = file_name.partition("_")
    stem, _, extension = rest.partition(".")
    named = answers.photo_number(stem)
    if named is None or extension not in ("jpg", "webp"):
        raise NotFound
    width, _, height = prefix.partition("x")
    size = (int(width), int(height)) if width.isdigit() and height.isdigit() else None
    return *named, size, "webp" if extension == "webp" else "jpeg"


def spoiled(response: Response, fault: Fault) -> Response:
    """The answer as the fault leaves it."""
    data = response.get_data()
    if fault.body == "redirect":
        return Response(b"", 302, {"Location": "http://192.0.2.1/elsewhere"})
    if fault.body == "truncated":
        response.set_data(data[: len(data) // 2])
    if fault.body == "html":
        return Response("<html><body>One moment, please</body></html>", response.status_code, mimetype="text/html")
    if fault.body == "empty":
        response.set_data(b"")
    if fault.body == "short":  # the server ends the connection when the rest does not come
        response.set_data(data[: len(data) // 2])
        response.headers["Content-Length"] = str(len(data))
    return response


def cut(request: Request) -> Response:
    """End the connection without an answer, as a crashed server or a cut line does."""
    # waitress hands out no socket; its liveness check is a method of the channel that has one.
    channel = request.environ["waitress.client_disconnected"].__self__
    channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    channel.socket.shutdown(socket.SHUT_RDWR)
    return Response(b"")
