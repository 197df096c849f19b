"""Decisions, labels and models in SQLite."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from local import records
from local.database import Database, micros
from swipr import transitions
from swipr.models import Decision, Label, ModelVersion, State, is_final

_EXPIRING = ("decisions", "matches", "requests")
_OF_A_USER = ("decisions", "acted", "labels", "models", "matches", "requests")
_END_OF_TIME = 2**63 - 1  # the largest integer SQLite knows


class Records:
    """The part of `ports.Store` about what was decided, taught and learned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # decisions

    def record_decision(self, decision: Decision, *, fence: int) -> bool:
        if decision.state not in ("dry_run", "unsure"):
            raise ValueError(f"a {decision.state} decision is recorded by begin_action")
        with self._database.transaction() as db:
            user = records.read_user(db, decision.user_id)
            stored = records.read_decision(db, decision.user_id, decision.card_id)
            if user is None or not transitions.may_be_recorded(user, stored, fence=fence):
                return False
            records.write_user(db, transitions.holding(user, decision))
            records.write_decision(db, decision)
            return True

    def decision(self, user_id: str, card_id: str, *, at: datetime) -> Decision | None:
        with self._database.reading() as db:
            decision = records.read_decision(db, user_id, card_id)
        return decision if decision and decision.expires_at > at else None

    def decisions(
        self, user_id: str, *, at: datetime, limit: int, before: tuple[datetime, str] | None = None
    ) -> Sequence[Decision]:
        statement = """SELECT record FROM decisions WHERE user_id = ? AND expires_at > ?
                       AND (decided_at, card_id) < (?, ?) ORDER BY decided_at DESC, card_id DESC LIMIT max(0, ?)"""
        place = (micros(before[0]), before[1]) if before else (_END_OF_TIME, "")
        with self._database.reading() as db:
            rows = db.execute(statement, (user_id, micros(at), *place, limit)).fetchall()
        return [Decision.model_validate_json(record) for (record,) in rows]

    def acted(self, user_id: str, acted_keys: Iterable[str]) -> Mapping[str, State]:
        statement = """SELECT acted_key, state FROM acted
                       WHERE user_id = ? AND acted_key IN (SELECT value FROM json_each(?))"""
        with self._database.reading() as db:
            return dict(db.execute(statement, (user_id, json.dumps(list(acted_keys)))).fetchall())

    def attribute_match(self, user_id: str, card_id: str, *, match_id: str) -> bool:
        with self._database.transaction() as db:
            decision = transitions.attributed(records.read_decision(db, user_id, card_id), match_id)
            if decision is None:
                return False
            records.write_decision(db, decision)
            return True

    def forget_card(self, user_id: str, card_id: str, *, forgotten_key: str | None = None) -> Decision | None:
        with self._database.transaction() as db:
            user, decision = records.read_user(db, user_id), records.read_decision(db, user_id, card_id)
            if user is None:
                return None
            db.execute("DELETE FROM decisions WHERE user_id = ? AND card_id = ?", (user_id, card_id))
            records.write_user(db, transitions.not_holding(user, card_id))
            if forgotten_key is not None:
                records.write_acted(db, user_id, forgotten_key, "unknown")
        self._database.scrub()
        return decision

    def restore_decision(self, decision: Decision, *, acted_key: str) -> bool:
        user_id, card_id = decision.user_id, decision.card_id
        with self._database.transaction() as db:
            records.known_user(db, user_id)
            if records.read_decision(db, user_id, card_id) or records.read_acted(db, user_id, acted_key):
                return False
            records.write_decision(db, decision)
            if is_final(decision.state):
                records.write_acted(db, user_id, acted_key, decision.state)
            return True

    # labels

    def put_label(self, label: Label) -> bool:
        with self._database.transaction() as db:
            user = records.known_user(db, label.user_id)
            stored = records.read_label(db, label.user_id, label.card_id)
            if stored and stored.labelled_at > label.labelled_at:
                return False
            records.write_label(db, transitions.succeeding(label, stored))
            records.write_user(db, transitions.labelled(user, label.card_id, anew=stored is None))
            return True

    def refresh_label(self, label: Label) -> bool:
        with self._database.transaction() as db:
            stored = records.read_label(db, label.user_id, label.card_id)
            if stored is None or (stored.labelled_at, stored.choice) != (label.labelled_at, label.choice):
                return False
            seen = {"backbone": label.backbone, "features": label.features}
            records.write_label(db, stored.model_copy(update=seen))
            return True

    def note_logits(self, user_id: str, card_id: str, logits: Mapping[str, float], *, labelled_at: datetime) -> bool:
        with self._database.transaction() as db:
            stored = records.read_label(db, user_id, card_id)
            label = transitions.with_logits(stored, logits, labelled_at=labelled_at)
            if label is None:
                return False
            records.write_label(db, label)
            return True

    def delete_label(self, user_id: str, card_id: str) -> Label | None:
        with self._database.transaction() as db:
            label = records.read_label(db, user_id, card_id)
            db.execute("DELETE FROM labels WHERE user_id = ? AND card_id = ?", (user_id, card_id))
            if label is not None and (user := records.read_user(db, user_id)):
                records.write_user(db, transitions.without_label(user))
            return label

    def label(self, user_id: str, card_id: str) -> Label | None:
        with self._database.reading() as db:
            return records.read_label(db, user_id, card_id)

    def labels(self, user_id: str) -> Sequence[Label]:
        statement = "SELECT record FROM labels WHERE user_id = ? ORDER BY card_id"
        with self._database.reading() as db:
            rows = db.execute(statement, (user_id,)).fetchall()
        return [records.label_of(record) for (record,) in rows]

    def label_features(self, user_id: str, card_ids: Sequence[str]) -> Mapping[str, bytes]:
        statement = """SELECT card_id, features FROM labels
                       WHERE user_id = ? AND card_id IN (SELECT value FROM json_each(?))"""
        with self._database.reading() as db:
            return dict(db.execute(statement, (user_id, json.dumps(list(card_ids)))).fetchall())

    # models

    def put_model(self, model: ModelVersion) -> bool:
        with self._database.transaction() as db:
            records.known_user(db, model.user_id)
            return records.add_model(db, model)

    def model(self, user_id: str, version: int) -> ModelVersion | None:
        statement = "SELECT record, head FROM models WHERE user_id = ? AND version = ?"
        with self._database.reading() as db:
            row = db.execute(statement, (user_id, version)).fetchone()
        return records.model_of(*row) if row else None

    def models(self, user_id: str, *, limit: int = 50) -> Sequence[ModelVersion]:
        statement = "SELECT record, head FROM models WHERE user_id = ? ORDER BY version DESC LIMIT max(0, ?)"
        with self._database.reading() as db:
            rows = db.execute(statement, (user_id, limit)).fetchall()
        return [records.model_of(*row) for row in rows]

    # housekeeping

    def delete_expired(self, at: datetime) -> int:
        with self._database.transaction() as db:
            rows = (db.execute(f"DELETE FROM {table} WHERE expires_at <= ?", (micros(at),)) for table in _EXPIRING)  # noqa: S608
            return sum(gone.rowcount for gone in rows)

    def delete_records(self, user_id: str) -> int:
        with self._database.transaction() as db:
            rows = (db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,)) for table in _OF_A_USER)  # noqa: S608
            gone = sum(each.rowcount for each in rows)
        self._database.scrub()
        return gone

    def keys_of_decisions(self) -> set[str]:
        """The objects that any decision leads to; not in the port."""
        statement = """SELECT json_extract(photo.value, '$.key')
                       FROM decisions, json_each(decisions.record, '$.photos') AS photo
                       UNION SELECT json_extract(record, '$.features.key') FROM decisions"""
        with self._database.reading() as db:
            return {key for (key,) in db.execute(statement) if key is not None}
