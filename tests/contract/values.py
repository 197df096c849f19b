"""Stored values for the contract suites, with one fixed clock."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

from swipr.models import (
    Decision,
    Handoff,
    Label,
    Lease,
    MatchRecord,
    ModelVersion,
    SessionReport,
    Status,
    SwipeSession,
    User,
    UserSettings,
)
from swipr.ports import Store

NOW = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
TODAY = date(2026, 3, 1)
NOT_TEXT = b"\xff\x00\xfe not utf-8 \x80"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_user(user_id: str = "ann", **changes: Any) -> User:
    settings = UserSettings(likes_per_day=3, swipes_per_session=5)
    known = {"user_id": user_id, "enabled": True, "acting_on": "tinder", "settings": settings, "next_due_at": NOW}
    return User(**(known | changes))


def a_status(text: str = "fine") -> Status:
    return Status(code="ready", text=text, at=NOW)


def a_session(user_id: str = "ann", due_at: datetime = NOW) -> SwipeSession:
    return SwipeSession(user_id=user_id, due_at=due_at)


def a_report(session_id: str = "s", ended_at: datetime = NOW) -> SessionReport:
    return SessionReport(
        session_id=session_id, started_at=NOW, ended_at=ended_at, outcome="done", deck="tinder", acting=True
    )


def a_decision(card_id: str = "tinder:1", **changes: Any) -> Decision:
    known = {
        "user_id": "ann",
        "card_id": card_id,
        "session_id": a_session().session_id,
        "verdict": "like",
        "reason": "score 0.91 is on or above your line 0.50",
        "state": "dry_run",
        "score": 0.91,
        "photo_scores": (0.9, None),
        "decided_at": NOW,
        "expires_at": later(86_400),
    }
    return Decision(**(known | changes))


def a_label(card_id: str = "tinder:1", **changes: Any) -> Label:
    known = {
        "user_id": "ann",
        "card_id": card_id,
        "choice": "like",
        "labelled_at": NOW,
        "backbone": "ab" * 32,
        "features": NOT_TEXT,
    }
    return Label(**(known | changes))


def a_model(version: int = 1, **changes: Any) -> ModelVersion:
    known = {
        "user_id": "ann",
        "version": version,
        "head": NOT_TEXT,
        "sha256": hashlib.sha256(NOT_TEXT).hexdigest(),
        "backbone": "ab" * 32,
        "labels": 20,
        "likes": 8,
        "labels_hash": "cd" * 32,
        "penalty": 0.1,
        "metrics": {"auc": 0.8125},
        "code": "1",
        "created_at": NOW,
    }
    return ModelVersion(**(known | changes))


def a_match(match_id: str = "m1", **changes: Any) -> MatchRecord:
    known = {
        "user_id": "ann",
        "match_id": match_id,
        "card_id": "tinder:1",
        "matched_at": NOW,
        "expires_at": later(86_400),
    }
    return MatchRecord(**(known | changes))


def a_handoff(handoff_id: str = "h1", **changes: Any) -> Handoff:
    known = {
        "handoff_id": handoff_id,
        "user_id": "ann",
        "labels_hash": "cd" * 32,
        "labels": 200,
        "likes": 80,
        "passes": 120,
        "model_version": 7,
        "split_seed": 5,
        "base_backbone": "ab" * 32,
        "code": "1",
        "wanted": ("inbox/h1/backbone.onnx",),
        "created_at": NOW,
        "deadline_at": later(86_400),
    }
    return Handoff(**(known | changes))


def lease_of(store: Store, user_id: str = "ann", due_at: datetime = NOW, until: datetime | None = None) -> Lease:
    """The lease of the user's session, taken NOW for a minute."""
    session = a_session(user_id, due_at)
    lease = store.take_lease(session, owner="me", at=NOW, until=until or later(60))
    assert isinstance(lease, Lease), lease
    return lease


def action(card_id: str = "tinder:1", **changes: Any) -> dict[str, Any]:
    """What `begin_action` is told for a like of the card under the first lease."""
    decision = changes.pop("decision", None) or a_decision(card_id)
    return {
        "decision": decision,
        "action": "like",
        "acted_key": f"key of {decision.card_id}",
        "fence": 1,
        "session_id": decision.session_id,
        "deck": "tinder",
        "day": TODAY,
        "zone": "UTC",
        "at": NOW,
        "lease_until": later(60),
    } | changes


def outcome(card_id: str = "tinder:1", **changes: Any) -> dict[str, Any]:
    """What `finish_action` is told of that like: sent."""
    return {
        "user_id": "ann",
        "card_id": card_id,
        "acted_key": f"key of {card_id}",
        "fence": 1,
        "state": "sent",
        "detail": "",
        "match_id": None,
        "at": later(1),
    } | changes
