"""What an action costs in units of DynamoDB, measured on records of the size they have in use."""

import math
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from swipr.aws.dynamo import DynamoStore
from swipr.aws.tables import Tables
from swipr.models import BlobRange, Prediction, SessionReport, SwitchEvent
from swipr.sessions import costs
from tests.contract.values import NOW, a_decision, a_handoff, a_session, a_status, a_user, action, later, lease_of
from tests.moto_world import moto_world

CARD = "tinder:5f0000000000000000000001"
ACTED = "0" * 64


def size_of(item: dict[str, Any]) -> int:
    """Bytes as DynamoDB counts them, numbers as ten."""
    values = ((name, *value.popitem()) for name, value in ((name, dict(value)) for name, value in item.items()))
    return sum(
        len(name) + (10 if kind == "N" else len(value.encode() if kind == "S" else value))
        for name, kind, value in values
    )


class Metered:
    """A client that counts the units of what the store asks for."""

    def __init__(self, client: Any) -> None:
        self.client, self.units = client, Counter[str]()
        self.meta, self.exceptions = client.meta, client.exceptions

    def get_item(self, **asked: Any) -> Any:
        answer = self.client.get_item(**asked)
        self.units["reads"] += reads_of(answer)
        return answer

    def transact_get_items(self, **asked: Any) -> Any:
        answer = self.client.transact_get_items(**asked)
        self.units["reads"] += sum(2 * reads_of(each) for each in answer["Responses"])
        return answer

    def put_item(self, **asked: Any) -> Any:
        self.units["writes"] += writes_of(asked["Item"])
        return self.client.put_item(**asked)

    def transact_write_items(self, **asked: Any) -> Any:
        for each in asked["TransactItems"]:
            writes = writes_of(each["Put"]["Item"])
            self.units["writes"] += 2 * writes + (writes if "decided_at" in each["Put"]["Item"] else 0)  # its index
        return self.client.transact_write_items(**asked)


def reads_of(answer: dict[str, Any]) -> int:
    return max(1, math.ceil(size_of(answer.get("Item") or {}) / 4096))


def writes_of(item: dict[str, Any]) -> int:
    return math.ceil(size_of(item) / 1024)


@pytest.fixture
def meter():
    with moto_world() as world:
        from swipr.aws import clients

        yield Metered(clients.dynamodb()), world


def a_full_user():
    """Of somebody who uses it for a week."""
    report = SessionReport(
        session_id=a_session().session_id, started_at=NOW, ended_at=later(40), outcome="done", deck="tinder",
        acting=True, cards=12, liked=4, passed=8, photos=72, judge_ms=2211.25, cost_microusd=301.5,
    )  # fmt: skip
    turns = tuple(SwitchEvent(at=NOW, enabled=bool(number % 2), by="you") for number in range(4))
    text = "Done; it goes on at the next look."
    return a_user(
        recent_sessions=(report,) * 8, switch_history=turns, deck_token=b"x" * 300, champion=3, handoff=a_handoff(),
        status=a_status(text),
    )  # fmt: skip


def a_full_decision():
    key = "sessions/0b9b6f4e-2f6e-4b62-9d0f-0e4b4a4c1a11/20260301T120000.000250-17.zip"
    photos = tuple(BlobRange(key=key, first=100_000 * n, last=100_000 * n + 99_999) for n in range(6))
    scores = tuple(0.123456789 + number / 10 for number in range(6))
    return a_decision(
        CARD, name="Ann", photo_scores=scores, photos=photos, features=photos[0], backbone="ab" * 32, model_version=3,
        threshold=0.5, photos_expire_at=NOW + timedelta(days=7),
        network_logits={"ab" * 6: 0.123456, "cd" * 6: -0.123456},
        shadow=Prediction(version=4, score=0.123456, verdict="unsure"),
    )  # fmt: skip


def test_an_action_costs_as_many_units_as_are_counted_for_it(meter):
    client, world = meter
    store = DynamoStore(client, Tables.of(world.settings))
    store.create_user(a_full_user())
    lease_of(store)
    client.units.clear()

    store.user("ann")
    begun = store.begin_action(**(action() | {"decision": a_full_decision(), "acted_key": ACTED}))
    finished = store.finish_action(
        "ann", CARD, acted_key=ACTED, fence=1, state="sent", detail="liked, no match yet", match_id=None, at=NOW
    )

    assert (begun, finished) == ("begun", True)
    assert client.units == {"writes": costs.WRITES_PER_ACTION, "reads": costs.READS_PER_ACTION}


def test_a_session_writes_its_users_record_no_more_often_than_is_counted(meter):
    client, world = meter
    store = DynamoStore(client, Tables.of(world.settings))
    store.create_user(a_full_user())
    (due,) = world.store.due_users(NOW, limit=1)
    client.units.clear()

    store.claim_slot(due, next_due_at=later(900))
    lease_of(store)
    store.set_matches_read("ann", at=NOW)
    store.end_session("ann", fence=1, report=a_full_user().recent_sessions[0], status=a_status())

    index, matches = 2, 2
    assert client.units["writes"] + index + matches == costs.WRITES_PER_SESSION
    assert client.units["reads"] <= costs.READS_PER_SESSION


def test_what_is_written_and_read_is_part_of_the_cost():
    quiet = {"session_s": 0, "judge_ms": 0, "judge_calls": 0, "photos": 0, "cards": 0}

    more = costs.session_microusd(**quiet, actions=1) - costs.session_microusd(**quiet, actions=0)

    assert more == pytest.approx(40 * 0.625 + (18 + 2) * 0.125)
