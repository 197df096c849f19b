"""The simulator's HTTP surface: Tinder's calls and photographs with whatever is to go wrong, and /sim beside them."""

import socket
import struct
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException, Unauthorized
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from simulator import answers
from simulator.calls import Call, Calls, StatusError
from simulator.control import Control, json_response
from simulator.faults import Fault, Faults
from simulator.hidden import Hidden
from simulator.photo_addresses import PhotoAddresses
from simulator.service import Service

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
#: How long a 429 without Retry-After means to last, seconds.
TOO_FAST_S: Final = 900


class Application:
    """WSGI application. `photo_expiry_s`: how long photo addresses hold."""

    def __init__(self, service: Service, hidden: Hidden, faults: Faults, *, key: str, photo_expiry_s: float) -> None:
        self._service, self._faults = service, faults
        self._photos = PhotoAddresses(service, photo_expiry_s)
        self._calls = Calls(service, self._photos).by_kind
        self._control = Control(service, hidden, faults, key, self._photos.for_teacher)

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

    def _photo(self, request: Request, file_name: str, fault: Fault) -> Response:
        time.sleep(fault.delay_s)
        if fault.reset is not None:
            return cut(request)
        if fault.status is not None:
            raise StatusError(fault.status)
        return spoiled(self._photos.serve(request, file_name, too_large=fault.body == "large"), fault)


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
