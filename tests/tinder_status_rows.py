"""§10 of the fact sheet, status codes and error bodies: each of them at each read and each swipe, by both methods."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

from swipr.decks.tinder_stops import refusal, too_fast
from swipr.errors import DeckRefusedError, DeckUnavailableError
from swipr.models import Answer
from tests.scripted_deck import Reply
from tests.tinder_rows import (
    EVERYTHING,
    NOTHING,
    PROFILE,
    RECS,
    WITHOUT_LIKES,
    Ill,
    Raised,
    Row,
    later,
    match_list,
    offer,
    ok,
    page_call,
)
from tests.tinder_swipe_rows import BY_GET, BY_POST, LIKE_GET, LIKE_POST, OUT, PASS_GET, PASS_POST, SENT, SUPER, spent

QUICK: dict[str, Any] = {"timeout_s": 0.25}
#: Name, what is asked, the request line, the settings.
READS = [("recs", "cards", RECS), ("matches", "matches", page_call(0)), ("profile", "check", PROFILE)]
SWIPES: list[tuple[str, str, str, Any]] = [
    ("like-by-post", "like", LIKE_POST, BY_POST),
    ("like-by-get", "like", LIKE_GET, BY_GET),
    ("pass-by-post", "pass", PASS_POST, BY_POST),
    ("pass-by-get", "pass", PASS_GET, BY_GET),
    ("superlike", "superlike", SUPER, {}),
]


def v2(status: int, message: str, code: int) -> dict[str, Any]:
    return {"meta": {"status": status}, "error": {"message": message, "code": code}}


# --- the signals that end everything --------------------------------------------------------------------


class Signal(NamedTuple):
    name: str
    reply: Reply
    status: int
    wait_until: datetime | None = None
    waits_before: int = 0


def slower(name: str, wait_until: datetime, header: str | None, waits_before: int = 0) -> Signal:
    headers = {} if header is None else {"Retry-After": header}
    return Signal(f"429-{name}", Reply(429, v2(429, "RATE_LIMITED", 42901), headers), 429, wait_until, waits_before)


SIGNALS = [
    Signal("401-v2-body", Reply(401, v2(401, "SESSION_INVALID", 40101)), 401),
    Signal("401-v1-body", Reply(401, {"status": 401, "error": ""}), 401),
    Signal("401-access-denied", Reply(401, {"code": 401, "error": "Access Denied"}), 401),
    Signal("401-code-85401", Reply(401, {"meta": {"status": 401}, "error": {"code": 85401}}), 401),
    Signal("401-empty", Reply(401), 401),
    Signal("401-not-json", Reply(401, b"<html>"), 401),
    Signal("401-in-the-body-only", Reply(200, {"meta": {"status": 401}}), 401),
    Signal("403-v2-blacklisted", Reply(403, v2(403, "BLACKLISTED", 40303)), 403),
    Signal("403-v1-banned", Reply(403, {"error": "banned", "status": 403}), 403),
    Signal("403-empty", Reply(403), 403),
    Signal("403-in-the-body-only", Reply(200, {"error": "banned", "status": 403}), 403),
    *[Signal(f"{status}-under-200-{name}", Reply(200, body), status) for name, status, body in [
        ("as-text", 401, {"status": "401", "error": ""}),
        ("as-text-in-meta", 401, {"meta": {"status": "401"}}),
        ("worse-in-meta", 401, {"status": 200, "meta": {"status": 401}}),
        ("as-code", 401, {"code": 401, "error": "Access Denied"}),
        ("as-code-40101", 401, {"error": {"message": "SESSION_INVALID", "code": 40101}}),
        ("as-code-85401", 401, {"error": {"code": 85401}}),
        ("as-code-40303", 403, {"error": {"code": 40303}, "data": {"results": [], "matches": []}}),
        ("as-word", 403, {"error": "banned"}),
    ]],
    Signal("429-under-200-as-code-42901", Reply(200, {"error": {"code": 42901}}), 429, later(minutes=15)),
    slower("without-retry-after", later(minutes=15), None),
    slower("again-without-retry-after", later(minutes=30), None, waits_before=1),
    slower("a-third-time-without-retry-after", later(hours=1), None, waits_before=2),
    slower("with-retry-after", later(minutes=2), "120"),
    slower("again-with-retry-after", later(minutes=2), "120", waits_before=3),
    slower("with-a-date", later(hours=1), format_datetime(later(hours=1), usegmt=True)),
    slower("with-a-date-gone-by", later(minutes=15), format_datetime(later(hours=-1), usegmt=True)),
    slower("with-retry-after-unreadable", later(minutes=15), "soon"),
    slower("for-a-year", later(hours=48), str(365 * 86_400)),
]  # fmt: skip


def signal_rows(signal: Signal) -> Iterator[Row]:
    """One call, and after it none at all."""
    options = {"waits_before": signal.waits_before}
    stop = too_fast("tinder", signal.wait_until) if signal.wait_until else refusal("tinder", signal.status)
    error = DeckUnavailableError if signal.wait_until else DeckRefusedError
    raised = Raised(error, stop.text, signal.wait_until)
    for name, ask, line in READS:
        wanted = Ill(stop.text, signal.wait_until) if ask == "check" else raised
        yield Row(f"10-{signal.name}-on-{name}", ask, (signal.reply,), wanted, (line,), NOTHING, options)
    for name, ask, line, methods in SWIPES:
        yield Row(
            f"10-{signal.name}-on-{name}", ask, (signal.reply,), stop.answer(), (line,), NOTHING, options | methods
        )


# --- what ends only the call ---------------------------------------------------------------------------------


class Wrong(NamedTuple):
    """A status that another try would not change. `swipe`: what it means for one."""

    name: str
    reply: Reply
    swipe: str = "failed"


WRONG = [
    Wrong("400-malformed", Reply(400, {"status": 400, "error": "malformed request"})),
    Wrong("400-empty-error", Reply(400, {"status": 400, "error": ""})),
    Wrong("400-code-41002", Reply(400, v2(400, "BAD", 41002))),
    Wrong("404-profile-gone", Reply(404, {"status": 404, "error": "Not Found"})),
    Wrong("405-wrong-method", Reply(405)),
    Wrong("302-redirect", Reply(302, headers={"Location": "http://192.0.2.1/"}), "unknown"),
    Wrong("301-redirect-to-itself", Reply(301, headers={"Location": "/v2/recs/core"}), "unknown"),
]


def wrong_rows(wrong: Wrong) -> Iterator[Row]:
    words = f"answered {wrong.reply.status}"
    for name, ask, line in READS:
        wanted = Ill(words) if ask == "check" else Raised(DeckUnavailableError, words)
        yield Row(f"10-{wrong.name}-on-{name}", ask, (wrong.reply,), wanted, (line,))
    for name, ask, line, methods in SWIPES:
        answer = Answer(state=wrong.swipe, detail=words)  # type: ignore[arg-type]
        yield Row(f"10-{wrong.name}-on-{name}", ask, (wrong.reply,), answer, (line,), EVERYTHING, methods)


class Transient(NamedTuple):
    """What may be better at once. `swipe`: why nobody can tell what became of one."""

    name: str
    reply: Reply
    read: str
    swipe: str


def broken(status: int, body: Any = b"") -> Transient:
    return Transient(str(status), Reply(status, body), f"answered {status}", f"answered {status}")


ERROR = "answered with an error that Swipr does not know"
LINE_FAILED = "connection failed"
TRANSIENT = [
    broken(500, {"status": 500, "error": "Internal"}),
    broken(502, b"<html>"),
    broken(503),
    broken(504),
    Transient("500-in-the-body-only", Reply(200, {"meta": {"status": 500}}), "answered 500", "answered 500"),
    Transient("error-of-no-known-meaning", Reply(200, {"status": 200, "error": "on fire"}), ERROR, ERROR),
    Transient("error-code-of-no-known-meaning", Reply(200, {"error": {"code": 41002}, "match": True}), ERROR, ERROR),
    Transient("not-json", Reply(200, b"<html>One moment"), "no answer in JSON", "did not answer in JSON"),
    Transient("json-but-no-object", Reply(200, b"[]"), "no answer in JSON", "did not answer in JSON"),
    Transient("truncated-json", Reply(200, b'{"meta": {"sta'), "no answer in JSON", "did not answer in JSON"),
    Transient("silence", Reply(how="silence"), "timed out", "timed out after sending"),
    Transient("line-cut", Reply(how="cut"), LINE_FAILED, f"{LINE_FAILED} after sending"),
    Transient("answer-cut", Reply(200, {"match": True}, how="short"), LINE_FAILED, f"{LINE_FAILED} after sending"),
]  # fmt: skip


def transient_rows(case: Transient) -> Iterator[Row]:
    """Reads are tried three times, or until one succeeds; a swipe once."""
    options = QUICK if case.reply.how == "silence" else {}
    for name, ask, line in READS:
        words = f"{case.read}, three times in a row"
        wanted = Ill(words) if ask == "check" else Raised(DeckUnavailableError, words)
        yield Row(f"10-{case.name}-on-{name}", ask, (case.reply,) * 3, wanted, (line,) * 3, options=options)
    for name, ask, line, methods in SWIPES:
        answer = Answer(state="unknown", detail=case.swipe)
        yield Row(f"10-{case.name}-on-{name}", ask, (case.reply,), answer, (line,), EVERYTHING, methods | options)
    once = (case.reply, ok({"results": []}))
    yield Row(f"10-{case.name}-once-on-recs", "cards", once, offer(), (RECS, RECS), options=options)


# --- the rest of the table ------------------------------------------------------------------------------------

NO_CONTENT = [
    Row(f"10-204-on-{name}", ask, (Reply(204),), SENT, (line,), EVERYTHING, methods)
    for name, ask, line, methods in SWIPES
]
FINE = Reply(200, {"status": 200, "error": None, "code": 0, "errors": [], "message": "banned", "match": "false"})
INNOCENT_FIELDS = [
    Row(f"10-innocent-fields-on-{name}", ask, (FINE,), SENT, (line,), EVERYTHING, methods)
    for name, ask, line, methods in SWIPES
]
OTHERS = [
    Row("10-200-with-timeout", "cards", (ok({"timeout": 60_000}),), offer(wait_until=later(minutes=1)), (RECS,),
        EVERYTHING - {"cards"}),
    Row("10-200-out-of-likes", "like", (Reply(body=OUT),), spent(later(hours=12)), (LIKE_POST,), WITHOUT_LIKES),
    Row("10-500-on-recs-without-platform", "cards", (Reply(500),) * 3,
        Raised(DeckUnavailableError, "set TINDER_PLATFORM to web"), (RECS,) * 3, options={"platform": ""}),
    Row("10-401-on-a-later-page-of-matches", "matches", (ok({"matches": [], "next_page_token": "x"}), Reply(401)),
        Raised(DeckRefusedError, "paste a new token"), (page_call(0), page_call(0, "x")), NOTHING),
    Row("10-429-on-the-second-kind-of-matches", "matches", (ok({"matches": []}), Reply(429)),
        Raised(DeckUnavailableError, "go slower", later(minutes=15)), (page_call(0), page_call(1)), NOTHING),
    Row("10-401-at-the-second-try", "cards", (Reply(500), Reply(401)), Raised(DeckRefusedError, "paste a new token"),
        (RECS, RECS), NOTHING),
    Row("10-429-at-the-third-try", "check", (Reply(500), Reply(503), Reply(429)), Ill("go slower", later(minutes=15)),
        (PROFILE,) * 3, NOTHING),
    Row("10-500-twice-on-matches", "matches", (Reply(500), Reply(500), *[ok({"matches": []})] * 2), match_list(),
        (*[page_call(0)] * 3, page_call(1))),
]  # fmt: skip

STATUS_ROWS = [
    *[row for signal in SIGNALS for row in signal_rows(signal)],
    *[row for wrong in WRONG for row in wrong_rows(wrong)],
    *[row for case in TRANSIENT for row in transient_rows(case)],
    *NO_CONTENT,
    *INNOCENT_FIELDS,
    *OTHERS,
]
