"""AWS that fails: throttles, 5xx, time-outs, resets, unprocessed items and lost races, put in below the SDK's retries.

Every request of botocore passes here on its way to moto; what an adapter and the SDK make of the answer is what is
proved.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from moto.core.models import botocore_stubber

from tests.faults.dice import Dice

Answer = tuple[int, dict[str, str], bytes]

ANY = ("throttled", "500", "503", "no connection", "silence", "reset", "silence afterwards", "reset afterwards")
#: Of an operation of DynamoDB that writes on a condition.
RACES = {"PutItem": ("race",), "TransactWriteItems": ("conflict", "cancelled", "in progress")}
PARTLY = {
    "BatchGetItem": ("unprocessed",),
    "BatchWriteItem": ("unprocessed",),
    "SendMessageBatch": ("entries failed",),
    "DeleteObjects": ("objects left",),
}


@contextmanager
def faulty_aws(dice: Dice) -> Iterator[None]:
    """Inside of `moto_world`. Back-off takes no time: what is proved is what is tried, not how long it waits."""
    answer = botocore_stubber.process_request

    def process(request: Any) -> Any:
        operation = _operation(request)
        kind = dice.draw((*ANY, *RACES.get(operation, ()), *PARTLY.get(operation, ())))
        return answer(request) if kind is None else _wrong(kind, operation, request, answer)

    endpoint_time = SimpleNamespace(sleep=lambda _: None)
    with (
        mock.patch.object(botocore_stubber, "process_request", process),
        mock.patch("botocore.endpoint.time", endpoint_time),
    ):
        yield


def _operation(request: Any) -> str:
    target = request.headers.get("X-Amz-Target", b"")
    text = target.decode() if isinstance(target, bytes) else target
    if text:
        return text.rpartition(".")[2]
    return "DeleteObjects" if request.method == "POST" and request.url.endswith("?delete") else "S3"


def _wrong(kind: str, operation: str, request: Any, answer: Any) -> Any:
    raised = _RAISED.get(kind)
    if kind.endswith("afterwards"):
        answer(request)  # it has happened, and nobody hears of it
    if raised is not None:
        raise raised(endpoint_url=request.url, error="injected")
    if kind in _PARTIAL:
        return _PARTIAL[kind](request)
    if operation in ("S3", "DeleteObjects"):
        code = "SlowDown" if kind == "throttled" else "InternalError"
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>"
        return (500 if kind == "500" else 503), {}, body.encode()
    status, code = _REFUSED[kind]
    more = {"CancellationReasons": _reasons(kind, request)} if "Canceled" in code else {}
    return _json(status, {"__type": code, "message": "injected"} | more)


_RAISED: dict[str, Any] = {
    "no connection": ConnectTimeoutError,
    "silence": ReadTimeoutError,
    "silence afterwards": ReadTimeoutError,
    "reset": ConnectionClosedError,
    "reset afterwards": ConnectionClosedError,
}
_REFUSED = {
    "throttled": (400, "ThrottlingException"),
    "500": (500, "InternalServerError"),
    "503": (503, "ServiceUnavailable"),
    "race": (400, "ConditionalCheckFailedException"),
    "conflict": (400, "TransactionCanceledException"),
    "cancelled": (400, "TransactionCanceledException"),
    "in progress": (400, "TransactionInProgressException"),
}


def _reasons(kind: str, request: Any) -> list[dict[str, str]]:
    """One lost race among the items of the transaction."""
    count = len(_body(request)["TransactItems"])
    code = "TransactionConflict" if kind == "conflict" else "ConditionalCheckFailed"
    return [{"Code": code}, *[{"Code": "None"}] * (count - 1)]


def _unprocessed(request: Any) -> Answer:
    """Nothing was done; all is handed back."""
    wanted = _body(request)["RequestItems"]
    left = "UnprocessedKeys" if "BatchGet" in str(request.headers["X-Amz-Target"]) else "UnprocessedItems"
    return _json(200, {"Responses": {}, left: wanted})


def _entries_failed(request: Any) -> Answer:
    entries = _body(request)["Entries"]
    failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in entries]
    return _json(200, {"Successful": [], "Failed": failed})


def _objects_left(request: Any) -> Answer:
    from xml.etree import ElementTree

    keys = [each.text for each in ElementTree.fromstring(request.body).iter() if each.tag.endswith("Key")]
    errors = "".join(f"<Error><Key>{key}</Key><Code>InternalError</Code></Error>" for key in keys)
    return 200, {}, f"<DeleteResult>{errors}</DeleteResult>".encode()


_PARTIAL = {"unprocessed": _unprocessed, "entries failed": _entries_failed, "objects left": _objects_left}


def _body(request: Any) -> Any:
    return json.loads(request.body)


def _json(status: int, body: Any) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode()
