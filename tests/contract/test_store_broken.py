"""What every Store does when its world fails: it raises, and never answers as if nothing were there."""

import pytest

from swipr.models import DueUser
from swipr.ports import Store
from tests.contract.values import (
    NOW,
    a_decision,
    a_handoff,
    a_label,
    a_match,
    a_model,
    a_report,
    a_session,
    a_status,
    a_user,
    action,
    later,
    outcome,
)

OPERATIONS = {
    "create_user": lambda s: s.create_user(a_user()),
    "user": lambda s: s.user("ann"),
    "user_ids": lambda s: s.user_ids(),
    "delete_user": lambda s: s.delete_user("ann", at=NOW),
    "delete_records": lambda s: s.delete_records("ann"),
    "switch": lambda s: s.switch("ann", enabled=True, at=NOW, status=a_status()),
    "save_settings": lambda s: s.save_settings("ann", a_user().settings, revision=0),
    "connect_deck": lambda s: s.connect_deck("ann", deck="tinder", sealed_token=b"t", at=NOW),
    "forget_deck": lambda s: s.forget_deck("ann"),
    "set_matches_read": lambda s: s.set_matches_read("ann", at=NOW),
    "set_handoff": lambda s: s.set_handoff("ann", a_handoff(), expected=None),
    "release_held": lambda s: s.release_held("ann", ["tinder:1"]),
    "hear_deck": lambda s: s.hear_deck(
        "ann", deck="tinder", connected_at=None, at=NOW, wait_until=later(60), refused=None
    ),
    "wake": lambda s: s.wake("ann", at=NOW),
    "claim_slot": lambda s: s.claim_slot(DueUser(user_id="ann", due_at=NOW), next_due_at=later(1)),
    "end_session": lambda s: s.end_session("ann", fence=1, report=a_report(), status=a_status()),
    "attribute_match": lambda s: s.attribute_match("ann", "tinder:1", match_id="m"),
    "forget_card": lambda s: s.forget_card("ann", "tinder:1", forgotten_key="k"),
    "restore_decision": lambda s: s.restore_decision(a_decision(state="sent"), acted_key="k"),
    "put_match": lambda s: s.put_match(a_match()),
    "match": lambda s: s.match("ann", "m1", at=NOW),
    "matches": lambda s: s.matches("ann", at=NOW),
    "note_outcome": lambda s: s.note_outcome("ann", "m1", "met", at=NOW),
    "delete_match": lambda s: s.delete_match("ann", "m1"),
    "begin_request": lambda s: s.begin_request(
        "ann", "k", digest="d", at=NOW, stale_before=later(-60), expires_at=later(60)
    ),
    "finish_request": lambda s: s.finish_request("ann", "k", digest="d", answer=None),
    "label": lambda s: s.label("ann", "tinder:1"),
    "set_acting": lambda s: s.set_acting("ann", acting_on=None),
    "set_champion": lambda s: s.set_champion("ann", 1, expected=None),
    "set_shadow": lambda s: s.set_shadow("ann", 2, expected=None),
    "due_users": lambda s: s.due_users(NOW, limit=1),
    "take_lease": lambda s: s.take_lease(a_session(), owner="me", at=NOW, until=later(1)),
    "begin_action": lambda s: s.begin_action(**action()),
    "finish_action": lambda s: s.finish_action(**outcome()),
    "raise_unknown": lambda s: s.raise_unknown("ann", "tinder:1", acted_key="k", match_id="m"),
    "record_decision": lambda s: s.record_decision(a_decision(), fence=1),
    "decision": lambda s: s.decision("ann", "tinder:1", at=NOW),
    "decisions": lambda s: s.decisions("ann", at=NOW, limit=1),
    "acted": lambda s: s.acted("ann", ["k"]),
    "put_label": lambda s: s.put_label(a_label()),
    "refresh_label": lambda s: s.refresh_label(a_label()),
    "note_logits": lambda s: s.note_logits("ann", "tinder:1", {"a" * 12: 0.5}, labelled_at=NOW),
    "delete_label": lambda s: s.delete_label("ann", "tinder:1"),
    "labels": lambda s: s.labels("ann"),
    "label_features": lambda s: s.label_features("ann", ["tinder:1"]),
    "put_model": lambda s: s.put_model(a_model()),
    "model": lambda s: s.model("ann", 1),
    "models": lambda s: s.models("ann"),
}


def test_every_operation_of_the_port_is_tried():
    operations = {name for name in vars(Store) if not name.startswith("_")}

    # DynamoDB deletes what has expired by itself, so that operation asks nobody there.
    assert operations - set(OPERATIONS) == {"delete_expired"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_broken_world_raises_instead_of_answering(broken_store, operation):
    with pytest.raises(OSError, match=r"closed|EndpointConnectionError"):
        OPERATIONS[operation](broken_store)


def test_a_broken_world_claims_to_have_deleted_nothing(broken_store):
    try:
        assert broken_store.delete_expired(NOW) == 0
    except OSError as error:
        assert "closed" in str(error)  # noqa: PT017 - a store that expires by itself asks nobody, and raises nothing
