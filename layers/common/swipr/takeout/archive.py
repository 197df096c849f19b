"""What an export archive holds, and how what somebody else wrote into one is read: whole, bounded, or not at all.

`data.json` is what an import restores; user and times of the export aside, export, import and export give the same one.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from swipr.errors import LabelError
from swipr.models import (
    CardId,
    Choice,
    Decision,
    Earlier,
    Handoff,
    Label,
    MatchRecord,
    ModelVersion,
    Prediction,
    User,
    Value,
)
from swipr.takeout.leaving import Roles

FORMAT = "swipr-export"
VERSION = 1
DATA = "data.json"
#: `data.json` unpacked. Of labels alone that is more than 40,000.
MAX_DATA_BYTES = 150_000_000
#: One label, decision, match or model.
MAX_ITEM_BYTES = 64_000
#: A value costs up to 70 bytes of memory, however short it is written.
_MAX_VALUES = 3_000_000
#: Numbers and times beyond these are nobody's, and some store cannot keep them.
_MOST = 1e15
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_MARK = re.compile(rb'"format"\s*:\s*"' + FORMAT.encode() + rb'"')

_SHA256 = r"^[0-9a-f]{64}$"
_DECK = r"^[a-z][a-z0-9_-]{0,31}$"
#: Where photos and features lay, on the install that wrote it.
_PLACES = {"user_id", "photos", "features", "photos_expire_at"}
#: Of a hand-off, what follows from user and labels, and the object that no archive holds.
_DERIVED = {"schema_version", "handoff_id", "user_id", "split_seed", "wanted", "dataset"}
Json = dict[str, Any]
Kind = TypeVar("Kind", bound=Value)


class Data(Value):
    """`data.json`. Labels, decisions, matches and models are looked at one by one, so that a bad one costs itself."""

    format: Literal["swipr-export"]
    version: Literal[1]
    exported_at: AwareDatetime
    user_id: str
    deck: Annotated[str, Field(pattern=_DECK)]
    settings: Json
    champion: int | None = None
    previous: int | None = None
    highest_champion: int = 0
    handoff: Json | None = None
    labels: list[Any]
    decisions: list[Any]
    matches: list[Any]
    models: list[Any]


class ArchivedEarlier(Earlier):
    chosen_by: Literal["person", "diverse", "uncertain", "random", "recheck"]


class ArchivedLabel(Value):
    card_id: CardId
    choice: Choice
    source: Literal["correction", "taught", "asked", "upload"]
    chosen_by: Literal["person", "diverse", "uncertain", "random", "recheck"]
    labelled_at: AwareDatetime
    backbone: Annotated[str, Field(pattern=_SHA256)]
    features: str = Field(repr=False)
    predicted: tuple[Prediction, ...] = Field(default=(), max_length=4)
    network_logits: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")], float] = Field({}, max_length=20)
    earlier: tuple[ArchivedEarlier, ...] = Field(default=(), max_length=5)
    photos: tuple[str, ...] = Field(default=(), max_length=9)
    """Names in the archive, in order."""


class ArchivedHandoff(Value):
    """The last request to train; the rest of it follows from user and labels."""

    labels_hash: Annotated[str, Field(pattern=_SHA256)]
    labels: int = Field(ge=0)
    likes: int = Field(ge=0)
    passes: int = Field(ge=0)
    model_version: int = Field(ge=1)
    base_backbone: Annotated[str, Field(pattern=_SHA256)]
    code: str = Field(max_length=200)
    photos: int = Field(default=0, ge=0)
    created_at: AwareDatetime
    deadline_at: AwareDatetime


# --- writing -------------------------------------------------------------------------------------------


def head_of(user: User, roles: Roles, at: AwareDatetime) -> Json:
    """All of `data.json` but its lists; `roles` of the versions that go along."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": at.isoformat(),
        "user_id": user.user_id,
        "deck": user.deck,
        "settings": user.settings.model_dump(mode="json"),
        "champion": roles.champion,
        "previous": roles.previous,
        "highest_champion": roles.highest_champion,
        "handoff": user.handoff.model_dump(mode="json", exclude=_DERIVED) if user.handoff else None,
    }


def label_json(label: Label, photos: list[str]) -> Json:
    features = base64.b64encode(label.features).decode()
    return label.model_dump(mode="json", exclude={"user_id", "features"}) | {"features": features, "photos": photos}


def decision_json(decision: Decision) -> Json:
    """What was under way may have been sent: elsewhere nobody can tell any more."""
    if decision.state == "pending":
        decision = decision.model_copy(update={"state": "unknown", "detail": "under way when it was exported"})
    return decision.model_dump(mode="json", exclude=_PLACES)


def match_json(match: MatchRecord) -> Json:
    return match.model_dump(mode="json", exclude={"user_id"})


def model_json(model: ModelVersion) -> Json:
    head = base64.b64encode(model.head).decode()
    return model.model_dump(mode="json", exclude={"user_id", "head"}) | {"head": head}


# --- reading -------------------------------------------------------------------------------------------


def is_marked(body: bytes) -> bool:
    """Whether this `data.json` says it is ours."""
    return _MARK.search(body) is not None


def read_data(body: bytes) -> Data:
    """Raises LabelError, in plain words, when the whole cannot be used."""
    if body.count(b",") + body.count(b"[") + body.count(b"{") > _MAX_VALUES:
        raise LabelError(f"{DATA}: holds more values than an export of ours")
    try:
        found = json.loads(body, parse_float=_number, parse_int=_whole, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise LabelError(f"{DATA}: is not JSON as an export has it") from None
    if isinstance(found, dict) and found.get("version") not in (None, VERSION):
        raise LabelError(f"{DATA}: is of format version {str(found['version'])[:20]}; this Swipr reads {VERSION}")
    try:
        return Data.model_validate(found)
    except ValidationError as error:
        raise LabelError(f"{DATA}: {_first(error)}") from None


def label_of(item: object, user_id: str) -> tuple[Label, tuple[str, ...]]:
    """The label, and the names of its photos. Raises LabelError."""
    archived = _validated(ArchivedLabel, item)
    features = _bytes("features", archived.features)
    if not features or len(features) % 2:
        raise LabelError("features: are not float16 numbers")
    values = archived.model_dump(exclude={"features", "photos"})
    return Label(user_id=user_id, features=features, **values), archived.photos


def decision_of(item: object, user_id: str) -> Decision:
    """Raises LabelError; also for one that says where photos lie, which is for its own install to know."""
    decision = _validated(Decision, _of_user(item, user_id))
    if decision.photos or decision.features or decision.state == "pending":
        raise LabelError("decision: holds what no export does")
    return decision


def match_of(item: object, user_id: str) -> MatchRecord:
    return _validated(MatchRecord, _of_user(item, user_id))


def model_of(item: object, user_id: str) -> ModelVersion:
    """Raises LabelError; the head itself is for `heads` to check."""
    values = _of_user(item, user_id)
    return _validated(ModelVersion, values | {"head": _bytes("head", values.get("head"))}, as_sent=item)


def handoff_of(item: Mapping[str, Any]) -> ArchivedHandoff:
    return _validated(ArchivedHandoff, dict(item))


def handoff_json(handoff: Handoff) -> Json:
    return handoff.model_dump(mode="json", exclude=_DERIVED)


def _of_user(item: object, user_id: str) -> Json:
    if not isinstance(item, dict):
        raise LabelError("is no object")
    if "user_id" in item:
        raise LabelError("user_id: no export says it here")
    return item | {"user_id": user_id}


def _validated(kind: type[Kind], item: object, *, as_sent: object = None) -> Kind:
    """`as_sent`: the item before its bytes were decoded."""
    _refuse_unstorable(item if as_sent is None else as_sent)
    try:
        value = kind.model_validate(item)
    except ValidationError as error:
        raise LabelError(_first(error)) from None
    for name, at in value:
        if isinstance(at, datetime) and not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            raise LabelError(f"{name}: lies in the year {at.year}")
    return value


def _refuse_unstorable(item: object) -> None:
    try:
        size = len(json.dumps(item, ensure_ascii=False).encode())
    except UnicodeEncodeError:  # JSON may hold halves of characters
        raise LabelError("holds text that is none") from None
    if size > MAX_ITEM_BYTES:
        raise LabelError(f"is larger than {MAX_ITEM_BYTES // 1000} kB")


def _bytes(field: str, text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "-", validate=True)
    except (binascii.Error, ValueError):
        raise LabelError(f"{field}: is not base64") from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))[:100] or "file"
    return f"{field}: {first['msg']}".encode(errors="replace").decode()


def _number(text: str) -> float:
    """No number that a store could not keep."""
    value = float(text)
    if not math.isfinite(value) or abs(value) > _MOST:
        raise ValueError(text)
    return value


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) > _MOST:
        raise ValueError(text[:20])
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)
