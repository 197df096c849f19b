"""The HTTP API on this machine: guards, routes, checks tokens and calls handlers as API Gateway does."""

import hmac
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from werkzeug.wrappers import Request, Response

from local.application import Route
from local.blob_door import PREFIX as BLOBS
from local.blob_door import BlobDoor
from local.events import AnswerError, HttpRequest, http_answer, http_event
from local.routing import Routed, Routes
from local.sign_in import ACCESS_FOR, ForbiddenError, SignIn, UnauthorizedError
from local.time_limit import LateError, call_within
from local.users import LocalUsers
from swipr.dead_letters import DeadLetter
from swipr.errors import ConflictError
from swipr.failures import describe

BODY_BYTES = 10 * 1024 * 1024
#: What Lambda takes and gives in one synchronous call.
PAYLOAD_BYTES = 6 * 1024 * 1024
INTEGRATION_TIMEOUT_S = 30.0
LOCAL_HOSTS = ("127.0.0.1", "localhost")

WORDS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class RefusedError(Exception):
    """The gateway answers by itself, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(WORDS[status])
        self.status = status


class Gateway:
    """A WSGI application; `invoke(function, event)` calls a handler."""

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        invoke: Callable[[str, Any], Any],
        timeouts_s: Mapping[str, float],
        sign_in: SignIn,
        users: LocalUsers,
        health: Callable[[], Mapping[str, Any]],
        dead_letters: Callable[[str], Sequence[DeadLetter]],
        blob_door: BlobDoor,
        cli_secret: str,
        port: Callable[[], int],
        now: Callable[[], datetime],
        log: logging.Logger,
    ) -> None:
        self._routes = Routes(routes)
        self._invoke, self._timeouts_s = invoke, timeouts_s
        self._sign_in, self._users, self._cli_secret = sign_in, users, cli_secret
        self._health, self._blob_door = health, blob_door
        self._dead_letters = dead_letters
        self._port, self._now, self._log = port, now, log
        self._local = {
            "/local/token": self._token,
            "/local/renew": self._renew,
            "/local/one-use-token": self._one_use_token,
            "/local/users": self._users_of_install,
            "/local/health": self._answer_health,
            "/local/dead-letters": self._answer_dead_letters,
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            self._guard(request)
            if request.path == BLOBS or request.path.startswith(f"{BLOBS}/"):
                return self._blob_door.handle(request)
            if request.path in self._local:
                return self._local[request.path](request)
            return self._call_handler(request)
        except RefusedError as refused:
            return _message(refused.status)
        except UnauthorizedError:
            return _message(401)
        except ForbiddenError:
            return _message(403)
        except Exception as error:
            self._log.error("gateway failed: %s", describe(error))
            return _message(500)

    # --- who may speak to us at all

    def _guard(self, request: Request) -> None:
        """A page of somebody else, or a name of theirs that leads to this machine, is turned away."""
        ours = {f"{host}:{self._port()}" for host in LOCAL_HOSTS}
        if request.headers.get("Host") not in ours:
            raise RefusedError(403)
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in ours}:
            raise RefusedError(403)

    # --- signing in on this machine

    def _token(self, request: Request) -> Response:
        return _granted(self._sign_in.exchange(_text(_posted(request), "token")))

    def _renew(self, request: Request) -> Response:
        _posted(request)
        return _granted(self._sign_in.renew(request.headers.get("Authorization")))

    def _one_use_token(self, request: Request) -> Response:
        """For the command line, which read its secret from a file only this user can read."""
        body = _posted(request)
        self._check_secret(request)
        user_id = _text(body, "user_id")
        if not self._users.known(user_id):
            return _json(404, {"message": f"there is no user of this name: `swipr user add {user_id[:128]}`"})
        return _json(200, {"token": self._sign_in.one_use_token(user_id)})

    def _users_of_install(self, request: Request) -> Response:
        """List (GET), add (POST) or remove (DELETE) users; for the command line too."""
        self._check_secret(request)
        if request.method == "GET":
            return _json(200, {"users": self._users.ids()})
        user_id = _text(_body(request), "user_id")
        if request.method == "POST":
            return self._add_user(user_id)
        if request.method == "DELETE":
            return self._remove_user(user_id)
        raise RefusedError(404)

    def _add_user(self, user_id: str) -> Response:
        try:
            added = self._users.add(user_id)
        except ValidationError:
            return _json(400, {"message": "a name is letters, digits, _ . or -, at most 128, and begins with no sign"})
        return _json(201 if added else 200, {"user_id": user_id, "added": added})

    def _remove_user(self, user_id: str) -> Response:
        try:
            receipt = self._users.remove(user_id)
        except ConflictError as error:
            return _json(409, {"message": str(error)})
        return _json(200, receipt.model_dump(mode="json"))

    def _answer_health(self, request: Request) -> Response:
        self._check_secret(request)
        return _json(200, self._health())

    def _answer_dead_letters(self, request: Request) -> Response:
        """List (GET) or send again (POST) what failed for good; for the command line."""
        self._check_secret(request)
        found = self._dead_letters(request.method)
        return _json(200, {"letters": [letter.model_dump() for letter in found]})

    def _check_secret(self, request: Request) -> None:
        if not _same(request.headers.get("Authorization", ""), f"Bearer {self._cli_secret}"):
            raise RefusedError(401)

    # --- handlers

    def _call_handler(self, request: Request) -> Response:
        routed = self._routes.match(request.method, request.path)
        if routed is None:
            raise RefusedError(404)
        scopes = routed.route.scopes
        claims = None if scopes is None else self._sign_in.claims(request.headers.get("Authorization"), scopes)
        event = self._event(request, routed, claims)
        if len(json.dumps(event)) > PAYLOAD_BYTES:
            raise RefusedError(413)
        return self._respond(routed.route.function, event)

    def _event(self, request: Request, routed: Routed, claims: Mapping[str, Any] | None) -> dict[str, Any]:
        if (request.content_length or 0) > BODY_BYTES:
            raise RefusedError(413)
        return http_event(
            HttpRequest(
                request_id=str(uuid.uuid4()),
                route_key=routed.route.key,
                method=request.method,
                path=request.path,
                path_parameters=routed.path_parameters,
                query_string=request.query_string.decode("latin-1"),
                query=list(request.args.items(multi=True)),
                headers=list(request.headers.items()),
                cookies=_cookies(request.headers.get("Cookie", "")),
                body=request.get_data(),
                source_ip=request.remote_addr or "",
                domain=urlsplit(request.host_url).hostname or "",
                claims=claims,
                scopes=routed.route.scopes,
                at=self._now(),
            )
        )

    def _respond(self, function: str, event: dict[str, Any]) -> Response:
        limit_s = min(INTEGRATION_TIMEOUT_S, self._timeouts_s[function])
        request_id = event["requestContext"]["requestId"]
        try:
            raw = call_within(limit_s, lambda: self._invoke(function, event))
            answer = http_answer(raw)
            if len(json.dumps(raw)) > PAYLOAD_BYTES:
                raise AnswerError("the answer is larger than 6 MB")
        except LateError:
            self._log.error("%s took longer than %g s on request %s", function, limit_s, request_id)
            raise RefusedError(503) from None
        except AnswerError as error:
            self._log.error("%s gave an unusable answer to request %s: %s", function, request_id, error)
            raise RefusedError(500) from None
        except Exception as error:
            self._log.error("%s failed on request %s: %s", function, request_id, describe(error))
            raise RefusedError(500) from None
        return Response(answer.body, answer.status, answer.headers)


def _granted(token: str) -> Response:
    return _json(200, {"access_token": token, "expires_in": int(ACCESS_FOR.total_seconds())})


def _posted(request: Request) -> dict[str, Any]:
    if request.method != "POST":
        raise RefusedError(404)
    return _body(request)


def _body(request: Request) -> dict[str, Any]:
    if (request.content_length or 0) > PAYLOAD_BYTES:
        raise RefusedError(413)
    try:
        body = request.get_json(silent=True, force=True)
    except RecursionError:
        body = None
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError(401)
    return value


def _cookies(header: str) -> list[str]:
    return [cookie.strip() for cookie in header.split(";") if cookie.strip()]


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _message(status: int) -> Response:
    return _json(status, {"message": WORDS[status]})


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body), status, content_type="application/json", headers={"Cache-Control": "no-store"})
