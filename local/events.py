"""Events and answers in the shapes that AWS gives to handlers and takes from them."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote_plus

ACCOUNT = "000000000000"
REGION = "local"
#: Content types that HTTP APIs hand over as text; everything else is base64.
TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


class QueueMessage(Protocol):
    @property
    def message_id(self) -> str: ...
    @property
    def receipt(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def receive_count(self) -> int: ...
    @property
    def first_received_at(self) -> datetime | None: ...
    @property
    def sent_at(self) -> datetime: ...


class HttpRequest(NamedTuple):
    """One request after routing; `headers`, `query` and `cookies` may repeat a name. `path` is decoded."""

    request_id: str
    route_key: str
    method: str
    path: str
    path_parameters: Mapping[str, str]
    query_string: str
    query: Sequence[tuple[str, str]]
    headers: Sequence[tuple[str, str]]
    cookies: Sequence[str]
    body: bytes
    source_ip: str
    domain: str
    claims: Mapping[str, Any] | None
    scopes: Sequence[str] | None
    at: datetime


class HttpAnswer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class AnswerError(Exception):
    """A handler's answer that the gateway cannot send."""


def http_event(request: HttpRequest) -> dict[str, Any]:
    """API Gateway's HTTP API event, payload format 2.0; what the request lacks is absent, as there."""
    headers = joined((name.lower(), value) for name, value in request.headers if name.lower() != "cookie")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": request.route_key,
        "rawPath": request.path,
        "rawQueryString": request.query_string,
        "headers": headers,
        "requestContext": _request_context(request, headers),
        "isBase64Encoded": False,
    }
    if request.cookies:
        event["cookies"] = list(request.cookies)
    if request.query:
        event["queryStringParameters"] = joined(request.query)
    if request.path_parameters:
        event["pathParameters"] = dict(request.path_parameters)
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers)
    return event


def _request_context(request: HttpRequest, headers: Mapping[str, str]) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": "local",
        "domainName": request.domain,
        "domainPrefix": "local",
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request.request_id,
        "routeKey": request.route_key,
        "stage": "$default",
        "time": request.at.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": _millis(request.at),
    }
    if request.claims is not None:
        claims = {name: str(value) for name, value in request.claims.items()}  # the gateway makes all of them text
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": list(request.scopes or ())}}
    return context


def joined(pairs: Any) -> dict[str, str]:
    """Values of one name joined by commas, in the order they came."""
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in gathered.items()}


def _body(body: bytes, headers: Mapping[str, str]) -> tuple[str, bool]:
    kind = headers.get("content-type", "").strip().lower()
    if kind.startswith(TEXT_TYPES) and "content-encoding" not in headers:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def http_answer(answer: Any) -> HttpAnswer:
    """What the gateway sends for a handler's answer. Raises AnswerError if it would send a 500 instead."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return HttpAnswer(200, [("content-type", "application/json")], _as_json(answer))
    status, headers = answer["statusCode"], dict(answer.get("headers") or {})
    if not str(status).isdigit() or not 100 <= int(status) <= 599:
        raise AnswerError("statusCode is no HTTP status")
    named = [(str(name).lower(), str(value)) for name, value in headers.items()]
    named += [("set-cookie", str(cookie)) for cookie in answer.get("cookies") or ()]
    if any("\n" in part or "\r" in part for pair in named for part in pair):
        raise AnswerError("a header has a line break")
    if "content-type" not in headers and "content-type" not in {name for name, _ in named}:
        named.append(("content-type", "text/plain;charset=UTF-8"))
    return HttpAnswer(int(status), named, _answer_body(answer))


def _as_json(answer: Any) -> bytes:
    try:
        return json.dumps(answer).encode()
    except (TypeError, ValueError) as error:
        raise AnswerError("not JSON") from error


def _answer_body(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise AnswerError(f"body is {type(body).__name__}, not text")
    if not answer.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise AnswerError("body is not base64") from error


def sqs_event(queue: str, messages: Sequence[QueueMessage]) -> dict[str, Any]:
    return {"Records": [_sqs_record(queue, message) for message in messages]}


def _sqs_record(queue: str, message: QueueMessage) -> dict[str, Any]:
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receive_count),
            "SentTimestamp": str(_millis(message.sent_at)),
            "SenderId": ACCOUNT,
            "ApproximateFirstReceiveTimestamp": str(_millis(message.first_received_at or message.sent_at)),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }


def s3_event(
    bucket: str, key: str, size: int, *, trigger: str, etag: str, sequencer: str, at: datetime
) -> dict[str, Any]:
    """One created object; the key is URL-encoded, with `+` for a space, as S3 does. The bucket has no versions."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": _iso(at),
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": ACCOUNT},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": sequencer},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": trigger,
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": ACCOUNT},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {"key": quote_plus(key, safe="/"), "size": size, "eTag": etag, "sequencer": sequencer},
        },
    }
    return {"Records": [record]}


def schedule_event(schedule: str, event_id: str, at: datetime) -> dict[str, Any]:
    """What EventBridge Scheduler sends a function when its schedule has no input of its own."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedule}"],
        "detail": "{}",
    }


def failure_record(function: str, event: Any, error: BaseException, *, tries: int, at: datetime) -> dict[str, Any]:
    """What Lambda puts into a function's OnFailure destination; without the error's words, which may quote secrets."""
    return {
        "version": "1.0",
        "timestamp": _iso(at),
        "requestContext": {
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": tries,
        },
        "requestPayload": event,
        "responsePayload": {"errorType": type(error).__name__},
    }


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
