"""Matches, and requests that carry an Idempotency-Key, in DynamoDB."""

from collections.abc import Sequence
from datetime import datetime

from swipr import transitions
from swipr.aws import bulk, items
from swipr.aws.atomic import Changes
from swipr.aws.store_part import Part, known
from swipr.aws.tables import Item, Key
from swipr.errors import NotFoundError
from swipr.models import EarlierRequest, MatchRecord, StoredAnswer

#: An item may take 400 KB; a longer answer is not remembered.
_ANSWER_BYTES = 300_000


class Matches(Part):
    """The part of `ports.Store` about matches."""

    def put_match(self, match: MatchRecord) -> None:
        keys = self._user(match.user_id), self._match(match.user_id, match.match_id)

        def decide(user: Item | None, item: Item | None) -> tuple[None, Changes]:
            known(user, match.user_id)
            stored = items.match_of(item)
            kept = transitions.with_kept_outcome(match, stored)
            return None, {keys[1]: items.match_item(kept)} if kept != stored else {}

        self._atomic.change(keys, decide)

    def match(self, user_id: str, match_id: str, *, at: datetime) -> MatchRecord | None:
        stored = items.match_of(self._atomic.read(self._match(user_id, match_id))[0])
        return stored if stored and stored.expires_at > at else None

    def matches(self, user_id: str, *, at: datetime) -> Sequence[MatchRecord]:
        found = bulk.of_user(self._client, self._tables.matches, user_id)
        matches = [match for item in found if (match := items.match_of(item)) and match.expires_at > at]
        return sorted(matches, key=lambda match: (match.matched_at, match.match_id), reverse=True)

    def note_outcome(self, user_id: str, match_id: str, outcome: str | None, *, at: datetime) -> MatchRecord:
        key = self._match(user_id, match_id)

        def decide(item: Item | None) -> tuple[MatchRecord, Changes]:
            stored = items.match_of(item)
            if stored is None or stored.expires_at <= at:
                raise NotFoundError("no such match")
            noted = MatchRecord.model_validate(stored.model_dump() | {"outcome": outcome, "outcome_at": at})
            return noted, {key: items.match_item(noted)}

        return self._atomic.change((key,), decide)

    def delete_match(self, user_id: str, match_id: str) -> bool:
        key = self._match(user_id, match_id)

        def decide(item: Item | None) -> tuple[bool, Changes]:
            return (True, {key: None}) if item else (False, {})

        return self._atomic.change((key,), decide)

    def _match(self, user_id: str, match_id: str) -> Key:
        return Key(self._tables.matches, user_id, match_id)


class Requests(Part):
    """The part of `ports.Store` about requests that may come twice."""

    def begin_request(
        self, user_id: str, key: str, *, digest: str, at: datetime, stale_before: datetime, expires_at: datetime
    ) -> EarlierRequest | None:
        place = self._request(user_id, key)

        def decide(item: Item | None) -> tuple[EarlierRequest | None, Changes]:
            earlier = items.request_of(item) if item and items.moment(item["until"]["S"]) > at else None
            if earlier and (earlier.answer or earlier.begun_at > stale_before):
                return earlier, {}
            return None, {place: items.request_item(EarlierRequest(digest=digest, begun_at=at), expires_at)}

        return self._atomic.change((place,), decide)

    def finish_request(self, user_id: str, key: str, *, digest: str, answer: StoredAnswer | None) -> None:
        place = self._request(user_id, key)
        kept = answer if answer and len(answer.model_dump_json().encode()) <= _ANSWER_BYTES else None

        def decide(item: Item | None) -> tuple[None, Changes]:
            begun = items.request_of(item)
            if item is None or begun is None or begun.digest != digest:
                return None, {}
            if kept is None:
                return None, {place: None}
            until = items.moment(item["until"]["S"])
            return None, {place: items.request_item(begun.model_copy(update={"answer": kept}), until)}

        self._atomic.change((place,), decide)

    def _request(self, user_id: str, key: str) -> Key:
        return Key(self._tables.requests, user_id, key)
