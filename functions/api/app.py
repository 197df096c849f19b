"""Everything a person or client does over HTTP, and the console's files."""

import base64
import binascii
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from swipr import bootstrap, settings
from swipr.api import ActingChange, DeckConnection, SwitchChange
from swipr.errors import ConflictError, InputError, ModelError, NotFoundError
from swipr.failures import describe
from swipr.labelling import NewLabels
from swipr.models import UserSettings
from swipr.telemetry import logger
from swipr.upload_desk import NewUpload

app = APIGatewayHttpResolver()
Model = TypeVar("Model", bound=BaseModel)

#: Larger photos go by upload: an invocation's body is limited to 6 MB, base64 and all.
MAX_PHOTO_BYTES = 4_000_000
MAX_PAGE = 100
CONSOLE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONSOLE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)


# --- the account -------------------------------------------------------------------------------------


@app.get("/v1/status")
def status() -> Response[str]:
    return answer(bootstrap.api().status(user_id()))


@app.put("/v1/switch")
def switch() -> Response[str]:
    return answer(bootstrap.api().switch(user_id(), body(SwitchChange)))


@app.put("/v1/acting")
def acting() -> Response[str]:
    return answer(bootstrap.api().set_acting(user_id(), body(ActingChange)))


@app.put("/v1/deck")
def deck() -> Response[str]:
    return answer(bootstrap.api().connect_deck(user_id(), body(DeckConnection)))


@app.get("/v1/settings")
def read_settings() -> Response[str]:
    chosen, revision = bootstrap.api().settings(user_id())
    return answer(chosen, headers={"ETag": f'"{revision}"'})


@app.put("/v1/settings")
def save_settings() -> Response[str]:
    chosen, revision = bootstrap.api().save_settings(user_id(), body(UserSettings), if_match())
    return answer(chosen, headers={"ETag": f'"{revision}"'})


# --- decisions, labels, models -------------------------------------------------------------------------


@app.get("/v1/decisions")
def decisions() -> Response[str]:
    cursor = app.current_event.get_query_string_value("cursor")
    return answer(bootstrap.api().decisions(user_id(), limit=page_limit(), cursor=cursor))


@app.get("/v1/decisions/<card_id>/photos/<number>")
def photo(card_id: str, number: str) -> Response[bytes]:
    if not re.fullmatch(r"[0-9]{1,3}", number):
        raise NotFoundError("no such photo, or it has expired")
    image, content_type = bootstrap.api().photo(user_id(), card_id, int(number))
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(HTTPStatus.OK, content_type=content_type, body=image, headers=headers)


@app.post("/v1/labels")
def add_labels() -> Response[str]:
    return answer(bootstrap.api().label(user_id(), body(NewLabels)), HTTPStatus.ACCEPTED)


@app.delete("/v1/labels/<card_id>")
def take_label_back(card_id: str) -> Response[str]:
    return answer(bootstrap.api().take_label_back(user_id(), card_id))


@app.post("/v1/uploads")
def open_upload() -> Response[str]:
    return answer(bootstrap.api().open_upload(user_id(), body(NewUpload)), HTTPStatus.CREATED)


@app.get("/v1/uploads")
def uploads() -> Response[str]:
    return answer(bootstrap.api().uploads(user_id()))


@app.get("/v1/uploads/<upload_id>")
def upload(upload_id: str) -> Response[str]:
    return answer(bootstrap.api().upload(user_id(), upload_id))


@app.get("/v1/models")
def models() -> Response[str]:
    return answer(bootstrap.api().models(user_id()))


@app.post("/v1/predict")
def predict() -> Response[str]:
    return answer(bootstrap.api().predict(user_id(), sent_photo()))


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
        raise NotFoundError("no such page")
    text = path.read_text(encoding="utf-8")
    return Response(HTTPStatus.OK, content_type=CONSOLE_TYPES[known[1]], body=text, headers=CONSOLE_HEADERS)


# --- requests and answers -----------------------------------------------------------------------------------


def user_id() -> str:
    """Whom the token was issued to, as the gateway's authorizer checked it."""
    claims = app.current_event.request_context.authorizer.jwt_claim or {}
    return str(claims["sub"])


def body(model: type[Model]) -> Model:
    """The JSON body as the model. Raises InputError naming the first wrong field."""
    try:
        return model.model_validate_json(raw_body())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(field_path(first["loc"]), first["msg"]) from None


def raw_body() -> bytes:
    text = app.current_event.body or ""
    if not app.current_event.is_base64_encoded:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InputError("body", "cannot be read; send it again") from None


def field_path(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.lstrip(".") or "body"


def sent_photo() -> bytes:
    sent = raw_body()
    if not sent:
        raise InputError("photo", "send the photo's bytes as the request's body: JPEG, PNG or WebP")
    if len(sent) > MAX_PHOTO_BYTES:
        raise InputError("photo", f"is larger than {MAX_PHOTO_BYTES // 1_000_000} MB; send a smaller one")
    return sent


def page_limit() -> int:
    text = app.current_event.get_query_string_value("limit", default_value="20") or ""
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_PAGE:
        raise InputError("limit", f"give a whole number from 1 to {MAX_PAGE}")
    return int(text)


def if_match() -> int | None:
    text = app.current_event.headers.get("if-match")
    if text is None:
        return None
    if not re.fullmatch(r'"[0-9]{1,9}"', text):
        raise InputError("If-Match", "send the ETag that GET /v1/settings answered")
    return int(text.strip('"'))


def answer(
    value: dict[str, Any], code: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response[str]:
    fresh = {"Cache-Control": "no-store"} | (headers or {})
    return Response(code, content_type="application/json", body=json.dumps(value), headers=fresh)


def problem(code: HTTPStatus, detail: str, field: str | None = None) -> Response[str]:
    """RFC 9457 problem details; `field` names what to mend."""
    value = {"type": "about:blank", "title": code.phrase, "status": code.value, "detail": detail}
    if field is not None:
        value["field"] = field
    return Response(code, content_type="application/problem+json", body=json.dumps(value))


@app.exception_handler(InputError)
def wrong_input(error: InputError) -> Response[str]:
    return problem(HTTPStatus.BAD_REQUEST, error.message, error.field)


@app.exception_handler([NotFoundError, NoRouteError])
def not_found(error: Exception) -> Response[str]:
    detail = str(error) if isinstance(error, NotFoundError) else "there is no such address"
    return problem(HTTPStatus.NOT_FOUND, detail)


@app.exception_handler(ConflictError)
def conflict(error: ConflictError) -> Response[str]:
    return problem(HTTPStatus.CONFLICT, str(error))


@app.exception_handler(ModelError)
def judge_failed(error: ModelError) -> Response[str]:
    logger().error("judge failed", extra={"reason": str(error)})
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the photos could not be judged: {error}; try again")


@app.exception_handler(Exception)
def unforeseen(error: Exception) -> Response[str]:
    logger().error("unforeseen", extra={"reason": describe(error)})  # its words may quote what was sent
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; it was written down")
