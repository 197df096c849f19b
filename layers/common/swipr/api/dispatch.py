"""One request of the API from its parts to its answer, apart from how they travel."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from swipr.api.exchange import FRESH, JSON, PROBLEM, Reply, Request
from swipr.api.idempotency import once
from swipr.api.ids import read_id
from swipr.api.json_body import read_json, read_query
from swipr.api.operations import Asked, Image, Operation, Plain, Result, Tagged
from swipr.api.parts import Api
from swipr.api.problems import RETRY_AFTER_S, is_worth_waiting, problem, problem_of
from swipr.api.views import Problem
from swipr.errors import InputError
from swipr.models import USER_ID

#: Larger photos go by upload: an invocation's body is limited to 6 MB, base64 and all.
MAX_PHOTO_BYTES = 4_000_000
#: No request needs more, but labels that bring their photos.
MAX_JSON_BYTES = 200_000
Log = Callable[[str, Exception], None]


def answer(operation: Operation, api: Api, request: Request, log: Log) -> Reply:
    """The operation's answer, or the problem that stood in its way; raises nothing."""
    try:
        if re.fullmatch(USER_ID, request.user_id) is None:
            return problem_reply(problem(403, "this token names nobody whom Swipr could know"))
        key = request.headers.get("idempotency-key") if operation.changes else None
        if key is None:
            return _attempt(operation, api, request, log)
        return once(key, request, api, lambda: _attempt(operation, api, request, log))
    except Exception as error:
        return failure(error, log)


def problem_reply(said: Problem, headers: Mapping[str, str] | None = None) -> Reply:
    body = said.model_dump_json(exclude_none=True)
    return Reply(said.status, PROBLEM, body, FRESH | dict(headers or {}))


def _attempt(operation: Operation, api: Api, request: Request, log: Log) -> Reply:
    try:
        return _reply(operation, operation.run(api, _asked(operation, request)))
    except Exception as error:
        return failure(error, log)


def failure(error: Exception, log: Log) -> Reply:
    """The problem to answer with; our own failures are logged."""
    said = problem_of(error)
    if said.status >= 500:
        log("the judge failed" if said.status == 503 else "unforeseen", error)
    return problem_reply(said, {"Retry-After": str(RETRY_AFTER_S)} if is_worth_waiting(error) else None)


# --- in ----------------------------------------------------------------------------------------------


def _asked(operation: Operation, request: Request) -> Asked:
    """Raises InputError and NotFoundError."""
    return Asked(
        user_id=request.user_id,
        ids={name: read_id(name, request.ids[name]) for name in operation.id_names},
        query=read_query(request.query, operation.query) if operation.query else None,
        body=_body(operation, request),
        revision=_revision(request.headers.get("if-match")) if operation.tagged and operation.changes else None,
    )


def _body(operation: Operation, request: Request) -> Any:
    if operation.takes_photo and not _is_json(request):
        return _photo(request.body)
    if operation.takes is None:
        return None
    if len(request.body) > MAX_JSON_BYTES and operation.name != "addLabels":
        raise InputError("body", f"is larger than {MAX_JSON_BYTES // 1000} kB; send less")
    return read_json(request.body, operation.takes)


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON


def _photo(body: bytes) -> bytes:
    if not body:
        raise InputError("photo", "send the photo's bytes as the request's body: JPEG, PNG or WebP")
    if len(body) > MAX_PHOTO_BYTES:
        raise InputError(
            "photo", f"is larger than {MAX_PHOTO_BYTES // 1_000_000} MB; upload it: POST /v1/predict/uploads"
        )
    return body


def _revision(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r'"[0-9]{1,9}"', text):
        raise InputError("If-Match", "send the ETag that GET /v1/settings answered")
    return int(text.strip('"'))


# --- out -----------------------------------------------------------------------------------------------


def _reply(operation: Operation, result: Result) -> Reply:
    if isinstance(result, Image):
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Reply(operation.status, result.content_type, result.body, headers)
    if isinstance(result, Plain):
        return Reply(operation.status, JSON, result.text, FRESH)
    if isinstance(result, Tagged):
        headers = FRESH | {"ETag": f'"{result.revision}"'}
        return Reply(operation.status, JSON, result.value.model_dump_json(), headers)
    return Reply(operation.status, JSON, result.model_dump_json(), FRESH)
