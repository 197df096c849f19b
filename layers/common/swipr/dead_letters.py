"""What failed for good: what kind of message it was, why, and sending it again where that helps."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import unquote_plus

from pydantic import ValidationError

from swipr.models import ExportRequest, RefitRequest, SwipeSession, Value
from swipr.uploads.report import Uploaded

#: Longer than sending a batch again takes, so that nobody else does it meanwhile, seconds.
HIDE_S = 300.0
INBOX = "inbox/"
BATCH = 10
Next = Literal["resend", "drop", "keep"]


class Box(NamedTuple):
    """A queue of dead letters, and where they came from: a queue, or a function that nobody waited for."""

    queue: str
    source: str | None = None
    function: str | None = None


#: By the names of template.yaml.
SESSIONS = Box("SwipeSessionsDead", source="SwipeSessions")
REFITS = Box("RefitsDead", source="Refits")
TICKS = Box("TicksDead")
UPLOADS = Box("UploadsDead", function="Feedback")
BOXES = {box.queue: box for box in (SESSIONS, REFITS, TICKS, UPLOADS)}


class Kept(NamedTuple):
    """A message as it lies in its queue. `receipt` is empty unless it was taken."""

    letter_id: str
    body: str
    sent_at: datetime
    receipt: str = ""
    error: str = ""
    """What the scheduler noted beside it, a code."""


class DeadLetter(Value):
    """`about` finds it in the log; `next` is what sending again does with it."""

    queue: str
    letter_id: str
    kind: str
    about: str
    age_s: float
    reason: str
    next: Next


class Letters(Protocol):
    """The queues of dead letters of one world, and the ways back. Everything raises OSError when its world fails."""

    def look(self, queue: str) -> Sequence[Kept]:
        """All that lie there and that nobody has taken; they stay."""

    def take(self, queue: str) -> Sequence[Kept]:
        """Up to `BATCH`, hidden from everybody else for `HIDE_S`; none when there are no more."""

    def send(self, queue: str, body: str) -> None:
        """Stored when it returns."""

    def invoke(self, function: str, event: Mapping[str, Any]) -> None:
        """Hand the event over to the function without waiting for it; stored when it returns."""

    def drop(self, queue: str, kept: Kept) -> None: ...

    def release(self, queue: str, kept: Kept) -> None:
        """Let others see it again."""


def listed(letters: Letters, boxes: Sequence[Box], *, at: datetime) -> list[DeadLetter]:
    return [_read(box, kept, at)[0] for box in boxes for kept in letters.look(box.queue)]


def resend(letters: Letters, boxes: Sequence[Box], *, now: Callable[[], datetime]) -> list[DeadLetter]:
    """Send each again that can be, and only then take it away; returns what was found, `next` being what was done.

    Done twice, or by two at once, it changes nothing more: what was sent is gone. A crash between the two sends a
    message once more, which every handler bears.
    """
    return [letter for box in boxes for letter in _emptied(letters, box, now)]


def _emptied(letters: Letters, box: Box, now: Callable[[], datetime]) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    staying: list[Kept] = []
    try:
        while taken := _fresh(letters.take(box.queue), staying):
            staying += taken
            for kept in taken:
                letter, payload = _read(box, kept, now())
                if letter.next != "keep":
                    _send(letters, box, kept, payload)
                    letters.drop(box.queue, kept)
                    staying.remove(kept)
                found.append(letter)
    finally:
        for kept in staying:  # not before the end, or they would be taken again
            letters.release(box.queue, kept)
    return found


def _fresh(taken: Sequence[Kept], staying: Sequence[Kept]) -> list[Kept]:
    """Without what has been taken before and shows itself again, as sending the others took so long."""
    known = {kept.letter_id for kept in staying}
    return [kept for kept in taken if kept.letter_id not in known]


def _send(letters: Letters, box: Box, kept: Kept, payload: Any) -> None:
    if box.source is not None:
        letters.send(box.source, kept.body)
    elif box.function is not None:
        letters.invoke(box.function, payload)


# --- what it was ------------------------------------------------------------------------------------------


class _Poison(Exception):
    """Nobody could ever read it."""


def _read(box: Box, kept: Kept, at: datetime) -> tuple[DeadLetter, Any]:
    """The letter, and the event to hand over again where it is one."""

    def letter(kind: str, about: str, reason: str, then: Next) -> DeadLetter:
        age_s = round((at - kept.sent_at).total_seconds(), 1)
        return DeadLetter(
            queue=box.queue, letter_id=kept.letter_id, kind=kind, about=about, age_s=age_s, reason=reason, next=then
        )

    try:
        if box.source is not None:
            kind, about, field = _message(box, kept.body)
            reason = f"failed as often as it is tried; the log says why where {field} is {about}"
            return letter(kind, about, reason, "resend"), None
        record = _object(kept.body)
        if box.function is None:
            return letter("tick", "", f"{_why(record, kept)}; the next tick does its work", "drop"), None
        kind, about = _created(record)
        return letter(kind, about, _why(record, kept), "resend"), record["requestPayload"]
    except _Poison as poison:
        return letter("poison", "", str(poison), "keep"), None


def _message(box: Box, body: str) -> tuple[str, str, str]:
    """Kind, what it is about, and the log's name for that."""
    try:
        if box is SESSIONS:
            return "session", SwipeSession.model_validate_json(body).session_id, "session_id"
        if _object(body).get("kind") == "export":
            return "export", ExportRequest.model_validate_json(body).export_id, "export_id"
        return "refit", RefitRequest.model_validate_json(body).user_id, "user_id"
    except (ValidationError, RecursionError) as error:  # its words would quote what was sent
        fields = [".".join(map(str, e["loc"])) for e in error.errors()] if isinstance(error, ValidationError) else []
        wrong = ", ".join(field for field in fields if field)
        raise _Poison(f"cannot be read: {f'wrong {wrong}' if wrong else 'no JSON object of its kind'}") from None


def _object(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise _Poison("cannot be read: no JSON") from None
    if not isinstance(value, dict):
        raise _Poison("cannot be read: no JSON object")
    return value


def _why(record: Mapping[str, Any], kept: Kept) -> str:
    """The error's kind only: its words may quote what was sent."""
    context, response = record.get("requestContext"), record.get("responsePayload")
    condition = context.get("condition") if isinstance(context, dict) else None
    error = response.get("errorType") if isinstance(response, dict) else None
    return ", ".join(str(each) for each in (condition, error, kept.error) if each) or "unknown"


def _created(record: Mapping[str, Any]) -> tuple[str, str]:
    """Whether it was an upload or a candidate, and its id."""
    try:
        (created,) = record["requestPayload"]["Records"]
        key = unquote_plus(str(created["s3"]["object"]["key"]))
        upload = Uploaded(key=key, size=created["s3"]["object"]["size"], uploaded_at=created["eventTime"])
    except (KeyError, TypeError, ValueError):
        raise _Poison("cannot be read: no event of one created object") from None
    if key.startswith(INBOX):
        return "candidate", key.removeprefix(INBOX).rpartition("/")[0]
    return "upload", upload.upload_id
