"""Sessions in SQLite: who may run one, what it may begin, and what became of it."""

from datetime import date, datetime
from typing import Literal

from local import records
from local.database import Database
from swipr import transitions
from swipr.models import Action, Decision, Lease, SessionReport, State, Status, SwipeSession
from swipr.ports import Begun, LeaseRefusal


class Sessions:
    """The part of `ports.Store` about leases and actions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_lease(self, session: SwipeSession, *, owner: str, at: datetime, until: datetime) -> Lease | LeaseRefusal:
        with self._database.transaction() as db:
            user = records.read_user(db, session.user_id)
            refusal = transitions.lease_refusal(user, session.session_id, at)
            if refusal or user is None:
                return refusal or LeaseRefusal.UNKNOWN_USER
            holder = transitions.leased(user, session, owner=owner, until=until)
            records.write_user(db, holder)
            return holder.lease or LeaseRefusal.UNKNOWN_USER

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
            over = transitions.ended(
                user,
                report=report,
                status=status,
                deck_wait_until=deck_wait_until,
                next_due_at=next_due_at,
                keep_due=keep_due,
                due_seen=due_seen,
                switch_off=switch_off,
            )
            records.write_user(db, over)
            return True

    def begin_action(
        self,
        decision: Decision,
        *,
        action: Action,
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
            begun = transitions.refusal(
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
            counted = transitions.with_action(
                user, decision, action=action, fence=fence, day=day, zone=zone, at=at, lease_until=lease_until
            )
            records.write_user(db, counted)
            records.write_decision(db, transitions.begun(decision, action, before))
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
        not_taken: bool = False,
        deck_wait_until: datetime | None = None,
        refused: str | None = None,
    ) -> bool:
        with self._database.transaction() as db:
            user = records.read_user(db, user_id)
            if user is None or not transitions.is_pending(user, card_id, fence):
                return False
            if records.read_acted(db, user_id, acted_key) != "pending":
                return False
            freed = transitions.settled(user, give_back=state == "failed", not_taken=not_taken)
            heard = transitions.stopped(freed, deck_wait_until=deck_wait_until, refused=refused, at=at)
            records.write_user(db, heard)
            records.write_acted(db, user_id, acted_key, state)
            # The decision may have expired or been forgotten meanwhile; what was acted on never is.
            if decision := records.read_decision(db, user_id, card_id):
                outcome = transitions.with_outcome(
                    decision, state=state, detail=detail, match_id=match_id, at=at, not_taken=not_taken
                )
                records.write_decision(db, outcome)
            return True

    def raise_unknown(self, user_id: str, card_id: str, *, acted_key: str, match_id: str) -> bool:
        with self._database.transaction() as db:
            if records.read_acted(db, user_id, acted_key) != "unknown":
                return False
            sent: State = "sent"
            records.write_acted(db, user_id, acted_key, sent)
            if decision := records.read_decision(db, user_id, card_id):
                records.write_decision(db, transitions.proven(decision, match_id))
            return True
