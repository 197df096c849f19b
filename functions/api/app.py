"""Everything a person or client does over HTTP, and the console's files."""

import base64
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.utilities.typing import LambdaContext

from swipr import bootstrap, settings, telemetry
from swipr.api import console_files, page
from swipr.api.dispatch import answer, failure, problem_reply
from swipr.api.exchange import JSON, Reply, Request
from swipr.api.operations import Operation
from swipr.api.problems import problem
from swipr.api.routes import OPERATIONS, methods_of, takes
from swipr.errors import InputError
from swipr.failures import describe
from swipr.telemetry import logger


class Resolver(APIGatewayHttpResolver):
    """Powertools takes few characters for an id; here it is whatever stands between two slashes."""

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = "{}") -> re.Pattern[str]:
        return re.compile(base_regex.format(re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", rule)) + r"\Z", re.DOTALL)


app = Resolver()

CONSOLE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with telemetry.invocation(context, request_id=event["requestContext"]["requestId"]):  # the access log's `request`
        return app.resolve(event, context)


# --- the API -----------------------------------------------------------------------------------------


def answering(operation: Operation) -> Callable[..., Response[Any]]:
    """The route's handler: `ids` stand in its address."""

    def handler(**ids: str) -> Response[Any]:
        if not takes(operation, app.current_event.path):
            raise NoRouteError("a fixed word of another address stands where an id would")
        return response(answer(operation, bootstrap.api(), request(ids), log))

    return handler


for each in OPERATIONS:
    app.route(re.sub(r"\{(\w+)\}", r"<\1>", each.path), method=each.method)(answering(each))


def request(ids: dict[str, str]) -> Request:
    """Of whom the token was issued to, as the gateway's authorizer checked it. Raises InputError."""
    event = app.current_event
    claims = event.request_context.authorizer.jwt_claim or {}
    return Request(
        user_id=str(claims["sub"]),
        method=event.http_method,
        path=event.path,
        ids=ids,
        query=event.query_string_parameters,
        headers={name.lower(): value for name, value in event.headers.items()},
        body=sent_bytes(event.body or "", is_base64=event.is_base64_encoded or False),
    )


def sent_bytes(text: str, *, is_base64: bool) -> bytes:
    """Raises InputError for half a body."""
    if not is_base64:
        return text.encode(errors="replace")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise InputError("body", "cannot be read; send it again") from None


def response(reply: Reply) -> Response[Any]:
    return Response(reply.status, content_type=reply.content_type, body=reply.body, headers=dict(reply.headers))


def log(what: str, error: Exception) -> None:
    logger().error(what, extra={"reason": describe(error)})  # an error's own words may quote what was sent


@app.exception_handler(NoRouteError)
def no_such_address(error: NoRouteError) -> Response[Any]:  # noqa: ARG001 - as Powertools calls it
    methods = methods_of(app.current_event.path)
    if not methods:
        return response(problem_reply(problem(404, "there is no such address")))
    allowed = ", ".join(methods)
    return response(problem_reply(problem(405, f"this address takes {allowed} only"), {"Allow": allowed}))


@app.exception_handler(Exception)
def unforeseen(error: Exception) -> Response[Any]:
    return response(failure(error, log))


# --- the console ------------------------------------------------------------------------------------------


@app.get("/")
def index() -> Response[str]:
    return console_file("index.html")


@app.get("/console/<name>")
def console_file(name: str) -> Response[str]:
    """One flat folder; anything else than a plain name of a known kind does not exist."""
    known = re.fullmatch(r"[a-z][a-z0-9-]*(\.[a-z]+)", name)
    path = Path(settings.load().console_dir) / name
    if known is None or known[1] not in CONSOLE_TYPES or not path.is_file():
        raise NoRouteError("no such page")
    text = path.read_text(encoding="utf-8")
    headers = page.headers(settings.load())
    return Response(HTTPStatus.OK, content_type=CONSOLE_TYPES[known[1]], body=text, headers=headers)


@app.get("/console/config.json")
def console_configuration() -> Response[str]:
    body = page.configuration(settings.load())
    return Response(HTTPStatus.OK, content_type=JSON, body=body, headers=page.headers(settings.load()))


@app.get("/console/big/<name>")
def big_file(name: str) -> Response[str]:
    """The list of the page's big files, or where one of them is; only to somebody who is signed in."""
    authorizer = app.current_event.request_context.authorizer
    if not (authorizer and authorizer.jwt_claim):
        raise NoRouteError("it came by a route that asks for no token")
    return response(console_files.answer(name, bootstrap.api().blobs))
