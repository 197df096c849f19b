"""Sessions in DynamoDB: who may run one, what it may begin, and what became of it."""

from datetime import date, datetime
from typing import Literal

from swipr import transitions
from swipr.aws import items
from swipr.aws.atomic import Changes
from swipr.aws.store_part import Part, user_change
from swipr.aws.tables import Item, Key
from swipr.models import Action, Decision, Lease, SessionReport, Status, SwipeSession
from swipr.ports import Begun, LeaseRefusal


class Sessions(Part):
    """The part of `ports.Store` about leases and actions."""

    def take_lease(self, session: SwipeSession, *, owner: str, at: datetime, until: datetime) -> Lease | LeaseRefusal:
        key = self._user(session.user_id)

        def decide(item: Item | None) -> tuple[Lease | LeaseRefusal, Changes]:
            user = items.user_of(item)
            refusal = transitions.lease_refusal(user, session.session_id, at)
            if refusal or user is None:
                return refusal or LeaseRefusal.UNKNOWN_USER, {}
            holder = transitions.leased(user, session, owner=owner, until=until)
            return holder.lease or LeaseRefusal.UNKNOWN_USER, {key: items.user_item(holder)}

        return self._atomic.change((key,), decide)

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
        key = self._user(user_id)

        def decide(item: Item | None) -> tuple[bool, Changes]:
            user = items.user_of(item)
            if user is None or user.fence != fence:
                return False, {}
            if user.session_ended:  # done before, and the caller did not hear of it
                return True, {}
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
            return True, {key: items.user_item(over)}

        return self._atomic.change((key,), decide)

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
        keys = self._action_keys(decision.user_id, decision.card_id, acted_key)

        def decide(*found: Item | None) -> tuple[Begun, Changes]:
            user, before = items.user_of(found[0]), items.decision_of(found[1])
            begun = transitions.refusal(
                user,
                action=action,
                fence=fence,
                session_id=session_id,
                deck=deck,
                day=day,
                at=at,
                stored=(items.acted_of(found[2]), before.state if before else None),
            )
            if begun is not Begun.YES or user is None:
                return begun, {}
            counted = transitions.with_action(
                user, decision, action=action, fence=fence, day=day, zone=zone, at=at, lease_until=lease_until
            )
            pending = items.decision_item(transitions.begun(decision, action, before))
            written = items.user_item(counted), pending, items.acted_item("pending")
            return begun, dict(zip(keys, written, strict=True))

        return self._atomic.change(keys, decide)

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
        keys = self._action_keys(user_id, card_id, acted_key)

        def decide(*found: Item | None) -> tuple[bool, Changes]:
            user, decision = items.user_of(found[0]), items.decision_of(found[1])
            if user is None or not transitions.is_pending(user, card_id, fence):
                return False, {}
            if items.acted_of(found[2]) != "pending":
                return False, {}
            freed = transitions.settled(user, give_back=state == "failed", not_taken=not_taken)
            heard = transitions.stopped(freed, deck_wait_until=deck_wait_until, refused=refused, at=at)
            changes = {**user_change(user, heard, keys[0]), keys[2]: items.acted_item(state)}
            # The decision may have expired or been forgotten meanwhile; what was acted on never is.
            if decision:
                outcome = transitions.with_outcome(
                    decision, state=state, detail=detail, match_id=match_id, at=at, not_taken=not_taken
                )
                changes[keys[1]] = items.decision_item(outcome)
            return True, changes

        return self._atomic.change(keys, decide)

    def raise_unknown(self, user_id: str, card_id: str, *, acted_key: str, match_id: str) -> bool:
        keys = self._action_keys(user_id, card_id, acted_key)[1:]

        def decide(*found: Item | None) -> tuple[bool, Changes]:
            decision = items.decision_of(found[0])
            if items.acted_of(found[1]) != "unknown":
                return False, {}
            proven = items.decision_item(transitions.proven(decision, match_id)) if decision else None
            acted: Changes = {keys[1]: items.acted_item("sent")}
            return True, {**acted, keys[0]: proven} if proven else acted

        return self._atomic.change(keys, decide)

    def _action_keys(self, user_id: str, card_id: str, acted_key: str) -> tuple[Key, Key, Key]:
        decision = Key(self._tables.decisions, user_id, card_id)
        return self._user(user_id), decision, Key(self._tables.acted, user_id, acted_key)
