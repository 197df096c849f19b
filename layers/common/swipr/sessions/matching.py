"""Matches: read from the deck, attributed to the decision that led to them, kept as long as the deck lists them."""

from datetime import datetime, timedelta

from swipr.models import Action, Decision, Match, MatchList, MatchRecord, User, stand_in
from swipr.ports import Store
from swipr.sessions.planning import Parts
from swipr.swiping import Deck

#: A match hurries nobody, and each reading is several calls of the deck.
MATCHES_EVERY = timedelta(hours=1)
#: How many of the newest decisions are looked through for likes of unknown outcome and for matches without a record.
RECENT = 100


def is_due(user: User, parts: Parts, *, unknown_now: bool) -> bool:
    """Whether to read the deck's matches: once an hour, or while a like's outcome is unknown, which a match proves.

    `unknown_now`: this session itself has just found an interrupted action.
    """
    at = parts.now()
    if user.matches_read_at is None or not timedelta(0) <= at - user.matches_read_at < MATCHES_EVERY:
        return True
    if not unknown_now and not any(report.unknown for report in user.recent_sessions):
        return False
    recent = parts.store.decisions(user.user_id, at=at, limit=RECENT)
    return any(decision.state == "unknown" and is_like(decision) for decision in recent)


def is_like(decision: Decision) -> bool:
    """Whether a like or a super like was sent or begun; records made before there were super likes name no action."""
    return decision.action in ("like", "superlike") or (decision.action is None and decision.verdict == "like")


def keep_new_match(decision: Decision, action: Action, match_id: str, parts: Parts) -> None:
    """Keep the match that a like's own answer brought; a crash before is made good at the next reading."""
    at = parts.now()
    match = Match(match_id=match_id, card_id=decision.card_id, name=decision.name)
    sent = decision.model_copy(update={"action": action})
    parts.store.put_match(_record(decision.user_id, match, sent, at=at, keep_for=_keep_for(parts)))


def read_matches(user: User, deck: Deck, parts: Parts) -> int:
    """Bring the records and what the deck lists together; how many matches are new and came of our own likes.

    Safe to do twice and to break off anywhere: the next reading finds what is missing. Raises DeckUnavailableError or
    DeckRefusedError.
    """
    listed = deck.matches()
    reading = _Reading(user, deck, parts, listed)
    new = sum(reading.take(match) for match in listed.matches)
    if listed.complete:
        reading.mark_gone()
    reading.record_missing()
    parts.store.set_matches_read(user.user_id, at=reading.at)
    return new


class _Reading:
    """One reading of one deck's matches; records of the user's other decks are left as they are."""

    def __init__(self, user: User, deck: Deck, parts: Parts, listed: MatchList) -> None:
        self._user, self._parts, self._listed = user, parts, listed
        ids = {match.match_id for match in listed.matches} | set(listed.unnamed)
        self._prefix = f"{deck.name}:"
        self._keep_for = _keep_for(parts)
        self.at = parts.now()
        own = [each for each in self._store.matches(user.user_id, at=self.at) if each.card_id.startswith(self._prefix)]
        self._records = {record.match_id: record for record in own}
        self._unlisted = {record.match_id: record for record in own if record.match_id not in ids}

    @property
    def _store(self) -> Store:
        return self._parts.store

    def take(self, match: Match) -> bool:
        """Keep one listed match; whether it is new and came of a like of ours."""
        record = self._records.get(match.match_id)
        is_new = record is None and self._keep_new(match)
        if record is not None:
            self._keep_on(record)
        earlier = [each for each in self._unlisted.values() if each.card_id == match.card_id]
        for each in earlier:
            del self._unlisted[each.match_id]
            if match.match_id in self._records:
                self._replace(each, self._records[match.match_id])
        return is_new and not earlier

    def mark_gone(self) -> None:
        """Only after a complete list: what it leaves out is no match any more."""
        for record in self._unlisted.values():
            if record.gone_at is None and not self._may_be_unnamed(record.match_id, record.card_id):
                self._put(record.model_copy(update={"gone_at": self.at}))

    def _may_be_unnamed(self, match_id: str, card_id: str) -> bool:
        """A match known by its stand-in's id only may be any of those listed without a person."""
        return bool(self._listed.unnamed) and match_id == stand_in(card_id)

    def record_missing(self) -> None:
        """A decision may know of a match that a crash kept from being recorded and the deck lists no more."""
        known = {record.card_id for record in self._records.values()}
        for decision in self._store.decisions(self._user.user_id, at=self.at, limit=RECENT):
            if decision.match_id and decision.card_id not in known and decision.card_id.startswith(self._prefix):
                match = Match(
                    match_id=decision.match_id, card_id=decision.card_id, name=decision.name,
                    matched_at=decision.acted_at,
                )  # fmt: skip
                record = _record(self._user.user_id, match, decision, at=self.at, keep_for=self._keep_for)
                self._put(record.model_copy(update={"gone_at": self.at if self._is_gone(decision) else None}))

    def _is_gone(self, decision: Decision) -> bool:
        """Whether a complete list leaves out the decision's match."""
        match_id = decision.match_id or ""
        is_there = match_id in self._listed.unnamed or self._may_be_unnamed(match_id, decision.card_id)
        return self._listed.complete and not is_there

    def _keep_new(self, match: Match) -> bool:
        decision = self._store.decision(self._user.user_id, match.card_id, at=self.at)
        if decision is None and self._was_forgotten(match.card_id):
            return False
        if decision is not None and not self._led_to(decision, match):
            decision = None
        self._put(_record(self._user.user_id, match, decision, at=self.at, keep_for=self._keep_for))
        return decision is not None

    def _keep_on(self, record: MatchRecord) -> None:
        """Written again only when it is back, or when less than half of its time is left."""
        if record.gone_at is not None or record.expires_at - self.at < self._keep_for / 2:
            self._put(record.model_copy(update={"gone_at": None, "expires_at": self.at + self._keep_for}))

    def _led_to(self, decision: Decision, match: Match) -> bool:
        """Whether the match came of the decision, which is told so: a like of unknown outcome was sent, then."""
        if not is_like(decision) or decision.state not in ("sent", "unknown"):
            return False
        user_id, card_id, match_id = decision.user_id, decision.card_id, match.match_id
        if decision.state == "unknown":
            key = self._parts.acted_key(user_id, card_id)
            return self._store.raise_unknown(user_id, card_id, acted_key=key, match_id=match_id)
        if decision.match_id != match_id:
            self._store.attribute_match(user_id, card_id, match_id=match_id)
        return True

    def _replace(self, earlier: MatchRecord, record: MatchRecord) -> None:
        """One person, one record: a like's answer may say that it is a match before the list says which."""
        if earlier.outcome is not None and record.outcome is None:
            noted_at = earlier.outcome_at or self.at
            self._store.note_outcome(self._user.user_id, record.match_id, earlier.outcome, at=noted_at)
        self._store.delete_match(self._user.user_id, earlier.match_id)
        del self._records[earlier.match_id]

    def _was_forgotten(self, card_id: str) -> bool:
        """Whether its user had it forgotten, which holds for good; a decision that has only expired leaves no mark."""
        key = self._parts.forgotten_key(self._user.user_id, card_id)
        return key in self._store.acted(self._user.user_id, [key])

    def _put(self, record: MatchRecord) -> None:
        self._store.put_match(record)
        self._records[record.match_id] = record


def _record(user_id: str, match: Match, decision: Decision | None, *, at: datetime, keep_for: timedelta) -> MatchRecord:
    """The match with what led to it, which outlives the decision; nothing if the user swiped by themselves."""
    record = MatchRecord(
        user_id=user_id,
        match_id=match.match_id,
        card_id=match.card_id,
        name=match.name,
        matched_at=match.matched_at or at,
        expires_at=at + keep_for,
    )
    if decision is None:
        return record
    kept = ("decided_at", "score", "threshold", "model_version")
    action = decision.action or "like"
    return record.model_copy(update={name: getattr(decision, name) for name in kept} | {"action": action})


def _keep_for(parts: Parts) -> timedelta:
    return timedelta(days=parts.decision_days)
