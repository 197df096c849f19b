"""Sessions in SQLite: who may run one, what it may begin, and what became of it."""

from datetime import date, datetime
from typing import Literal

from local import acting, records
from local.database import Database
from swipr.models import Choice, Decision, Lease, SessionReport, State, Status, SwipeSession, User
from swipr.ports import Begun, LeaseRefusal

_SESSIONS_KEPT = 8


class Sessions:
    """The part of `ports.Store` about leases and actions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_lease(self, session: SwipeSession, *, owner: str, at: datetime, until: datetime) -> Lease | LeaseRefusal:
        with self._database.transaction() as db:
            user = records.read_user(db, session.user_id)
            refusal = _lease_refusal(user, session.session_id, at)
            if refusal or user is None:
                return refusal or LeaseRefusal.UNKNOWN_USER
            lease = Lease(owner=owner, until=until, fence=user.fence + 1)
            records.write_user(db, _with_lease(user, lease, session.session_id))
            return lease

    def release_all_leases(self) -> int:
        """End every lease, returning how many; not in the port.

        Only at start: the folder's lock proves that whoever held one is dead. Fences stay, so it stays fenced out.
        """
        with self._database.transaction() as db:
            ids = [user_id for (user_id,) in db.execute("SELECT user_id FROM users")]
            users = [user for user_id in ids if (user := records.read_user(db, user_id)) and user.lease]
            for user in users:
                records.write_user(db, user.model_copy(update={"lease": None}))
            return len(users)

    def end_session(
        self,
        user_id: str,
        *,
        fence: int,
        report: SessionReport,
        status: Status,
        deck_wait_until: datetime | None = None,
        next_due_at: datetime | None = None,
        keep_due: bool = True,
        due_seen: datetime | None = None,
        switch_off: bool = False,
    ) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None or user.fence != fence:
                return False
            if user.session_ended:  # done before, and the caller did not hear of it
                return True
            wait = deck_wait_until or user.deck_wait_until
            ended = _ended(user, report, status).model_copy(update={"deck_wait_until": wait})
            moved = due_seen is not None and user.next_due_at != due_seen
            due = user.next_due_at if keep_due or moved else next_due_at
            records.write_user(db, _off(ended, report) if switch_off else _due(ended, due, deck_wait_until))
            return True

    def begin_action(
        self,
        decision: Decision,
        *,
        action: Choice,
        acted_key: str,
        fence: int,
        session_id: str,
        deck: str,
        day: date,
        zone: str,
        at: datetime,
        lease_until: datetime,
    ) -> Begun:
        user_id, card_id = decision.user_id, decision.card_id
        with self._database.transaction() as db:
            user, before = records.read_user(db, user_id), records.read_decision(db, user_id, card_id)
            stored = records.read_acted(db, user_id, acted_key), before.state if before else None
            begun = acting.refusal(
                user,
                action=action,
                fence=fence,
                session_id=session_id,
                deck=deck,
                day=day,
                at=at,
                stored=stored,
            )
            if begun is not Begun.YES or user is None:
                return begun
            counted = acting.with_action(
                user, decision, action=action, fence=fence, day=day, zone=zone, at=at, lease_until=lease_until
            )
            records.write_user(db, counted)
            records.write_decision(db, decision.model_copy(update={"state": "pending"}))
            records.write_acted(db, user_id, acted_key, "pending")
            return begun

    def finish_action(
        self,
        user_id: str,
        card_id: str,
        *,
        acted_key: str,
        fence: int,
        state: Literal["sent", "failed", "unknown"],
        detail: str,
        match_id: str | None,
        at: datetime,
    ) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None or not _pending(user, card_id, fence):
                return False
            if records.read_acted(db, user_id, acted_key) != "pending":
                return False
            records.write_user(db, acting.settled(user, give_back=state == "failed"))
            records.write_acted(db, user_id, acted_key, state)
            # The decision may have expired or been forgotten meanwhile; what was acted on never is.
            if decision := records.read_decision(db, user_id, card_id):
                outcome = {"state": state, "detail": detail, "match_id": match_id, "acted_at": at}
                records.write_decision(db, decision.model_copy(update=outcome))
            return True

    def raise_unknown(self, user_id: str, card_id: str, *, acted_key: str, match_id: str) -> bool:
        with self._database.transaction() as db:
            if records.read_acted(db, user_id, acted_key) != "unknown":
                return False
            sent: State = "sent"
            records.write_acted(db, user_id, acted_key, sent)
            if decision := records.read_decision(db, user_id, card_id):
                proven = {"state": sent, "match_id": match_id}
                records.write_decision(db, decision.model_copy(update=proven))
            return True


def _lease_refusal(user: User | None, session_id: str, at: datetime) -> LeaseRefusal | None:
    if user is None:
        return LeaseRefusal.UNKNOWN_USER
    if user.session_id is not None and session_id < user.session_id:
        return LeaseRefusal.STALE
    same = session_id == user.session_id
    if same and user.session_ended:
        return LeaseRefusal.ENDED
    if user.lease is None or user.lease.until <= at:
        return None
    return LeaseRefusal.SAME_SESSION_RUNS if same else LeaseRefusal.OTHER_SESSION_RUNS


def _with_lease(user: User, lease: Lease, session_id: str) -> User:
    swipes = user.session_swipes if session_id == user.session_id else 0
    changes = {"session_id": session_id, "session_swipes": swipes, "session_ended": False}
    return user.model_copy(update=changes | {"lease": lease, "fence": lease.fence})


def _pending(user: User, card_id: str, fence: int) -> bool:
    in_flight = user.in_flight
    return in_flight is not None and (in_flight.card_id, in_flight.fence) == (card_id, fence)


def _ended(user: User, report: SessionReport, status: Status) -> User:
    recent = (report, *user.recent_sessions)[:_SESSIONS_KEPT]
    changes = {"session_ended": True, "lease": None, "status": status, "recent_sessions": recent}
    return user.model_copy(update=changes)


def _off(user: User, report: SessionReport) -> User:
    return user.model_copy(update={"enabled": False, "next_due_at": None, "switched_at": report.ended_at})


def _due(user: User, due: datetime | None, wait_until: datetime | None) -> User:
    """Due then, not before the deck allows, and not at all when off."""
    if not user.enabled:
        due = None
    elif due and wait_until:
        due = max(due, wait_until)
    return user.model_copy(update={"next_due_at": due})
