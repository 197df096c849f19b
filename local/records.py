"""Stored records as rows: the whole value as JSON, its bytes and what is searched for in columns beside it."""

import json
import sqlite3
from typing import Any

from pydantic import BaseModel

from local.database import micros
from swipr.errors import NotFoundError
from swipr.models import Decision, Label, ModelVersion, State, User


def read_user(db: sqlite3.Connection, user_id: str) -> User | None:
    row = db.execute("SELECT record, deck_token FROM users WHERE user_id = ?", (user_id,)).fetchone()
    return User.model_validate_json(row[0]).model_copy(update={"deck_token": row[1]}) if row else None


def known_user(db: sqlite3.Connection, user_id: str) -> User:
    """Raises NotFoundError."""
    user = read_user(db, user_id)
    if user is None:
        raise NotFoundError(f"no user {user_id}")
    return user


def add_user(db: sqlite3.Connection, user: User) -> bool:
    """False if the id is taken."""
    statement = "INSERT INTO users VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO NOTHING"
    return db.execute(statement, (user.user_id, *_user_columns(user))).rowcount == 1


def write_user(db: sqlite3.Connection, user: User) -> None:
    statement = "UPDATE users SET due_at = ?, deck_token = ?, record = ? WHERE user_id = ?"
    db.execute(statement, (*_user_columns(user), user.user_id))


def _user_columns(user: User) -> tuple[int | None, bytes | None, str]:
    due = micros(user.next_due_at) if user.enabled and user.next_due_at else None
    return due, user.deck_token, _encode(user, "deck_token")


def read_decision(db: sqlite3.Connection, user_id: str, card_id: str) -> Decision | None:
    row = db.execute("SELECT record FROM decisions WHERE user_id = ? AND card_id = ?", (user_id, card_id)).fetchone()
    return Decision.model_validate_json(row[0]) if row else None


def write_decision(db: sqlite3.Connection, decision: Decision) -> None:
    times = micros(decision.decided_at), micros(decision.expires_at)
    row = (decision.user_id, decision.card_id, *times, _encode(decision))
    db.execute("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?)", row)


def read_acted(db: sqlite3.Connection, user_id: str, acted_key: str) -> State | None:
    row = db.execute("SELECT state FROM acted WHERE user_id = ? AND acted_key = ?", (user_id, acted_key)).fetchone()
    return row[0] if row else None


def write_acted(db: sqlite3.Connection, user_id: str, acted_key: str, state: State) -> None:
    db.execute("INSERT OR REPLACE INTO acted VALUES (?, ?, ?)", (user_id, acted_key, state))


def read_label(db: sqlite3.Connection, user_id: str, card_id: str) -> Label | None:
    row = db.execute(
        "SELECT record, features FROM labels WHERE user_id = ? AND card_id = ?", (user_id, card_id)
    ).fetchone()
    return label_of(*row) if row else None


def write_label(db: sqlite3.Connection, label: Label) -> None:
    row = (label.user_id, label.card_id, _encode(label, "features"), label.features)
    db.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)", row)


def label_of(record: str, features: bytes = b"") -> Label:
    label = Label.model_validate_json(record)  # its features lie beside it
    return label.model_copy(update={"features": features}) if features else label


def add_model(db: sqlite3.Connection, model: ModelVersion) -> bool:
    """False if the version exists."""
    statement = "INSERT INTO models VALUES (?, ?, ?, ?) ON CONFLICT (user_id, version) DO NOTHING"
    row = (model.user_id, model.version, _encode(model, "head"), model.head)
    return db.execute(statement, row).rowcount == 1


def model_of(record: str, head: bytes) -> ModelVersion:
    return ModelVersion.model_validate(json.loads(record) | {"head": head})


def _encode(value: BaseModel, *without: str) -> str:
    """Raises ValueError for a number that is not finite: JSON could not give it back."""
    fields: dict[str, Any] = value.model_dump(mode="json", exclude=set(without))
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)
