"""The same request under the same Idempotency-Key is done once, and answered alike for a day."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from swipr.api.exchange import Reply, Request
from swipr.api.parts import Api
from swipr.errors import InProgressError, InputError, KeyReusedError
from swipr.models import EarlierRequest, StoredAnswer

REMEMBERED_FOR = timedelta(days=1)
#: Nothing is worked on longer than the function may run, 29 s: older ones died.
STALE_AFTER = timedelta(seconds=60)


def once(key: str, request: Request, api: Api, attempt: Callable[[], Reply]) -> Reply:
    """The answer given before, or the attempt's, which is remembered unless it is our own failure.

    Raises InputError for what is no key, KeyReusedError for another request, InProgressError while it is worked on.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,128}", key):
        raise InputError("Idempotency-Key", "send 1 to 128 visible ASCII characters")
    digest, at = _digest(request), api.now()
    earlier = api.store.begin_request(
        request.user_id, key, digest=digest, at=at, stale_before=at - STALE_AFTER, expires_at=at + REMEMBERED_FOR
    )
    if earlier is not None:
        return _replayed(earlier, digest)
    reply = attempt()
    kept = _kept(reply) if reply.status < 500 else None
    api.store.finish_request(request.user_id, key, digest=digest, answer=kept)
    return reply


def _digest(request: Request) -> str:
    """sha256 of all that makes the request what it is."""
    head = [request.method, request.path, *(f"{name}={value}" for name, value in sorted(request.query.items()))]
    guard = request.headers.get("if-match", "")
    lines = "\n".join([*head, guard, ""]).encode(errors="surrogatepass")
    return hashlib.sha256(lines + request.body).hexdigest()


def _replayed(earlier: EarlierRequest, digest: str) -> Reply:
    if earlier.digest != digest:
        raise KeyReusedError("was used for another request; choose a new key for each request")
    if earlier.answer is None:
        raise InProgressError("this very request is being worked on; ask again soon with the same key")
    given = earlier.answer
    reply = Reply(given.status, given.content_type, given.body, given.headers)
    return replace(reply, headers={**given.headers, "Idempotency-Replayed": "true"})


def _kept(reply: Reply) -> StoredAnswer:
    body = reply.body if isinstance(reply.body, str) else reply.body.decode()
    return StoredAnswer(status=reply.status, content_type=reply.content_type, body=body, headers=dict(reply.headers))
