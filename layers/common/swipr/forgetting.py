"""Forgetting: one person on a card, or a user with all that is theirs; each with a receipt, each safe to do twice."""

from collections.abc import Iterable, Set
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from swipr import dataset, kept_photos
from swipr.blanking import blank
from swipr.candidates import candidate, candidate_report
from swipr.errors import ConflictError, NotFoundError
from swipr.handoff import delete_handoffs, handoff_ids, handoff_ids_of_nobody
from swipr.labelling import set_going
from swipr.models import CardId, Decision, RefitRequest, SwipeSession, User, Value
from swipr.ports import Blobs, Queue, Store
from swipr.takeout.exports import export_prefix, read_state, write_state
from swipr.takeout.writer import WITHDRAWN
from swipr.uploads.report import UPLOADED, UploadReport, read_report, report_prefix, write_report

#: Everything of a user lies below these as `<top>/<user>/<name>`, but for hand-offs and what answers them.
OF_USERS = ("exports", "features", "labelled", "labels", "models", "predict", "reports", "sessions", "uploads")
#: More versions than anybody has.
_ALL_MODELS = 100_000

ACTED_STAYS = (
    "That this card was acted on stays, as a keyed hash and no more: it keeps the card from being liked a second time."
)
FORGOTTEN_STAYS = (
    "That you had this card forgotten stays, as a keyed hash and no more: it keeps the card from being judged again, "
    "and a match that the deck goes on listing from being recorded again."
)
MODEL_STAYS = (
    "A refit without this card was asked for just now. Earlier versions of the model, if they learned from it, did so "
    "among all others, and hold nothing of it that could be read."
)
ANSWERS_STAY = "Answers remembered for an Idempotency-Key go within a day."
MESSAGES_STAY = (
    "A message that waited, or that failed for good, may hold the user's id, and no more, for up to 14 days."
)
BACKUPS_STAY = (
    "Back-ups and logs are the installation's: on AWS, unless set otherwise, tables can be restored for 35 days, and "
    "logs, which hold ids but no names, photos or tokens, are kept for 30."
)


class Receipt(Value):
    """What went and what stays, in counts and plain words. A second time the counts are 0 and the rest is the same."""

    what: Literal["card", "account"]
    card_id: str | None = None
    at: AwareDatetime
    removed: dict[str, int]
    """How many of each kind went: `decisions`, `labels`, `matches`, `photos`, ..."""
    stays: tuple[str, ...] = ()
    """What is kept, why, and until when."""


def forget_card(
    user_id: str,
    card_id: str,
    *,
    store: Store,
    blobs: Blobs,
    queue: Queue,
    acted_key: str,
    forgotten_key: str | None = None,
    at: datetime,
) -> Receipt:
    """Forget all about one card but that it was acted on, and that it was forgotten.

    Works for any card the user ever saw, decided or not. Raises NotFoundError for what can be no card's id or for an
    unknown user.
    """
    _check(user_id, card_id, store)
    removed = {
        "photos": _forget_photos(user_id, card_id, store, blobs, at),
        "matches": _forget_matches(user_id, card_id, store, at),
        "kept_photos": _delete(blobs, kept_photos.card_folder(user_id, card_id)),
        "exports": _withdraw_exports(user_id, blobs, at),
        "uploads": _forget_uploads(user_id, card_id, blobs),
    }
    label = store.delete_label(user_id, card_id)
    _forget_answers(user_id, blobs)
    removed["training_lines"] = _forget_lines(user_id, card_id, store, blobs)
    # A cache of the labels' features; the refit makes it anew without this one. Also where an earlier try got no
    # further than the label.
    _delete(blobs, f"features/{user_id}/")
    set_going(user_id, store, queue, at=at)
    gone = _forget_decision(user_id, card_id, store, blobs, forgotten_key)
    if leave_nothing(user_id, store=store, blobs=blobs):
        raise NotFoundError("this user was deleted just now")
    acted = bool(store.acted(user_id, [acted_key]))
    learned = bool(store.models(user_id, limit=1))
    known = ((FORGOTTEN_STAYS, forgotten_key is not None), (ACTED_STAYS, acted), (MODEL_STAYS, learned))
    stays = *(words for words, is_so in known if is_so), ANSWERS_STAY, BACKUPS_STAY
    counts = {"decisions": int(gone is not None), "labels": int(label is not None)} | removed
    return Receipt(what="card", card_id=card_id, at=at, removed=counts, stays=stays)


def delete_everything(user_id: str, *, store: Store, blobs: Blobs, at: datetime, queue: Queue | None = None) -> Receipt:
    """Remove the user and all that is theirs. Raises ConflictError unless they are off and nothing of theirs runs.

    The user's own record goes first: after it nothing of theirs can be stored, and what is being written meanwhile is
    taken away again by whoever writes it.

    `queue`: given by who may run out of time over a great many records. A refit of nobody takes away what is left
    (`leave_nothing`), unless the user was made anew before: then they delete again.
    """
    user = store.user(user_id)
    handed = _handed(user_id, user, store, blobs)
    if not store.delete_user(user_id, at=at):
        raise ConflictError("switch off first, and wait until the session that runs has ended; then delete again")
    if queue is not None:
        queue.ask_refit(RefitRequest(user_id=user_id))
    objects = delete_handoffs(handed, blobs)
    records = store.delete_records(user_id)
    objects += sum(_delete(blobs, f"{top}/{user_id}/") for top in OF_USERS)
    removed = {"users": int(user is not None), "records": records, "objects": objects}
    return Receipt(what="account", at=at, removed=removed, stays=(MESSAGES_STAY, BACKUPS_STAY))


def settle_left_over(user_id: str, *, store: Store, queue: Queue, at: datetime) -> None:
    """Ask for a session that only settles what a killed one left in flight: until then nothing can be deleted."""
    user = store.user(user_id)
    if user is None or user.enabled or user.in_flight is None:
        return
    if user.lease is None or user.lease.until <= at:
        queue.send_session(SwipeSession(user_id=user_id, due_at=at))


def leave_nothing(user_id: str, *, store: Store, blobs: Blobs, handed: Set[str] = frozenset()) -> bool:
    """Called after writing: whether the user was deleted meanwhile; then all that was written is gone.

    `handed`: ids of the user's hand-offs, as far as the writer knows them.
    """
    if store.user(user_id) is not None:
        return False
    store.delete_records(user_id)
    for top in OF_USERS:
        _delete(blobs, f"{top}/{user_id}/")
    if handed:
        delete_handoffs(handed, blobs)
    return True


def _handed(user_id: str, user: User | None, store: Store, blobs: Blobs) -> set[str]:
    """Ids of hand-offs have no user in them."""
    if user is None:
        return handoff_ids_of_nobody(user_id, blobs)
    return handoff_ids(user_id, user, store.models(user_id, limit=_ALL_MODELS))


# --- one card ------------------------------------------------------------------------------------------


def _check(user_id: str, card_id: str, store: Store) -> None:
    try:
        TypeAdapter(CardId).validate_python(card_id)
    except ValidationError:
        raise NotFoundError("no card can have this id") from None
    if store.user(user_id) is None:
        raise NotFoundError("no such user")


def _forget_photos(user_id: str, card_id: str, store: Store, blobs: Blobs, at: datetime) -> int:
    """Before the decision goes, as only it knows where they lie: after a crash it is done again."""
    decision = store.decision(user_id, card_id, at=at)
    return _blank_all(decision, blobs) if decision else 0


def _forget_decision(
    user_id: str, card_id: str, store: Store, blobs: Blobs, forgotten_key: str | None
) -> Decision | None:
    """A session may have judged the card anew meanwhile; an expired decision may still be there."""
    gone = store.forget_card(user_id, card_id, forgotten_key=forgotten_key)
    if gone is not None:
        _blank_all(gone, blobs)
    return gone


def _blank_all(decision: Decision, blobs: Blobs) -> int:
    """How many photos had bytes to lose."""
    if decision.features is not None:
        blank([decision.features], blobs)
    return blank(decision.photos, blobs)


def _forget_matches(user_id: str, card_id: str, store: Store, at: datetime) -> int:
    own = [match.match_id for match in store.matches(user_id, at=at) if match.card_id == card_id]
    return sum(store.delete_match(user_id, match_id) for match_id in own)


def _withdraw_exports(user_id: str, blobs: Blobs, at: datetime) -> int:
    """Archives hold all that there was; first the word, then the bytes, so that one being written is not kept."""
    keys = blobs.keys(export_prefix(user_id))
    for key in keys:
        if key.endswith(".json") and (state := read_state(blobs, user_id, _name(key, ".json"))):
            changes = {"state": "withdrawn", "why": WITHDRAWN, "size": None, "at": at}
            write_state(blobs, user_id, state.model_copy(update=changes))
    return _delete_keys(blobs, [key for key in blobs.keys(export_prefix(user_id)) if key.endswith(".zip")])


def _forget_uploads(user_id: str, card_id: str, blobs: Blobs) -> int:
    """Files read to their end have served; one still being read is left to its lifecycle of days."""
    served = set()
    for key in blobs.keys(report_prefix(user_id)):
        report = read_report(blobs, user_id, _name(key, ".json"))
        if report is not None and report.state in ("done", "failed"):
            served.add(report.key)
            _redact(user_id, card_id, report, blobs)
    return _delete_keys(blobs, [key for key in blobs.keys(f"{UPLOADED}{user_id}/") if key in served])


def _forget_lines(user_id: str, card_id: str, store: Store, blobs: Blobs) -> int:
    """After the label went: whoever writes a dataset looks for its labels once more when it is written."""
    handed = handoff_ids(user_id, store.user(user_id), store.models(user_id, limit=_ALL_MODELS))
    return dataset.forget_card(card_id, handed, blobs)


def _forget_answers(user_id: str, blobs: Blobs) -> None:
    """What was refused still says which cards it learned from; what was not is gone already."""
    for report in candidate_report.newest_first(user_id, blobs, limit=_ALL_MODELS):
        if report.state == "refused":
            _delete(blobs, candidate.folder(report.candidate))


def _redact(user_id: str, card_id: str, report: UploadReport, blobs: Blobs) -> None:
    gone = {"card_id": None, "name": None}
    rows = tuple(row.model_copy(update=gone) if row.card_id == card_id else row for row in report.rows)
    if rows != report.rows:
        write_report(blobs, user_id, report.model_copy(update={"rows": rows}))


def _name(key: str, suffix: str) -> str:
    return key.rpartition("/")[2].removesuffix(suffix)


def _delete(blobs: Blobs, prefix: str) -> int:
    return _delete_keys(blobs, blobs.keys(prefix))


def _delete_keys(blobs: Blobs, keys: Iterable[str]) -> int:
    there = list(keys)
    if there:
        blobs.delete(there)
    return len(there)
