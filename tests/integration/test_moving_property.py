"""Whatever is kept for a user: export, import into an empty install, export again, and it is the same."""

import struct
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swipr.models import Decision, Earlier, Label, MatchRecord, Network, Prediction, User, UserSettings
from tests.doubles import START, Clock
from tests.moving import BACKBONE, Home, a_model, data_of, local_home

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SHARE = st.none() | st.floats(0, 1)
IDS = st.text("abcXYZ019._-~é漢", min_size=1, max_size=20).map(lambda text: f"simulator:{text}")
PAST = st.integers(1, 29 * 86_400 * 10**6).map(lambda us: START - timedelta(microseconds=us))

PREDICTIONS = st.builds(
    Prediction, version=st.integers(1, 12), score=st.floats(0, 1), verdict=st.sampled_from(["like", "pass", "unsure"])
)
NETWORK_LOGITS = st.dictionaries(st.text("0123456789abcdef", min_size=12, max_size=12), st.floats(-9, 9), max_size=2)
CHOSEN_BY = st.sampled_from(["person", "diverse", "uncertain", "random", "recheck"])
EARLIER = st.builds(Earlier, choice=st.sampled_from(["like", "pass"]), chosen_by=CHOSEN_BY, labelled_at=PAST)
DECISIONS = st.builds(
    lambda at, sent, **values: Decision(
        user_id="ann",
        decided_at=at,
        expires_at=at + timedelta(days=31),
        acted_at=at + timedelta(seconds=1) if sent else None,
        action=sent,
        **values,
    ),
    at=PAST,
    sent=st.sampled_from([None, "like", "pass", "superlike"]),
    card_id=IDS,
    session_id=st.just("20260201T000000.000000"),
    name=TEXT,
    verdict=st.sampled_from(["like", "pass", "unsure"]),
    reason=TEXT,
    state=st.sampled_from(["dry_run", "unsure", "failed", "pending", "sent", "unknown"]),
    score=SHARE,
    photo_scores=st.lists(SHARE, max_size=9).map(tuple),
    threshold=SHARE,
    model_version=st.none() | st.integers(1, 9),
    backbone=st.none() | st.just(BACKBONE),
    filtered=st.booleans(),
    match_id=st.none() | TEXT,
    detail=TEXT,
    shadow=st.none() | PREDICTIONS,
    network_logits=NETWORK_LOGITS,
)
LABELS = st.builds(
    lambda numbers, **values: Label(user_id="ann", backbone=BACKBONE, features=struct.pack("<4e", *numbers), **values),
    numbers=st.lists(st.floats(-100, 100, width=16), min_size=4, max_size=4),
    card_id=IDS,
    choice=st.sampled_from(["like", "pass"]),
    source=st.sampled_from(["correction", "taught", "asked", "upload"]),
    chosen_by=CHOSEN_BY,
    labelled_at=PAST,
    predicted=st.lists(PREDICTIONS, max_size=2).map(tuple),
    network_logits=NETWORK_LOGITS,
    earlier=st.lists(EARLIER, max_size=3).map(tuple),
)
MATCHES = st.builds(
    lambda at, noted, **values: MatchRecord(
        user_id="ann", matched_at=at, expires_at=at + timedelta(days=40), outcome_at=at if noted else None,
        outcome=noted, **values,
    ),
    at=PAST,
    noted=st.sampled_from([None, "no_reply", "talked", "met", "not_for_me"]),
    match_id=st.text("abc019", min_size=1, max_size=20),
    card_id=IDS,
    name=TEXT,
    decided_at=st.none() | PAST,
    score=SHARE,
    gone_at=st.none() | PAST,
)  # fmt: skip
SETTINGS = st.builds(
    UserSettings,
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Ushuaia"]),
    likes_per_day=st.integers(0, 10_000),
    pacing_s=st.floats(0, 30),
    keep_photos=st.booleans(),
    unsure=st.sampled_from(["ask", "pass", "act"]),
)


NETWORK = Network(key="models/ann/n.onnx", sha256="ab" * 32, size_bytes=9, size_px=96)


def fill(home: Home, draw: st.DataObject) -> None:
    home.store.create_user(User(user_id="ann", deck="simulator", settings=draw.draw(SETTINGS)))
    for label in draw.draw(st.lists(LABELS, max_size=6)):
        home.store.put_label(label)
    for decision in draw.draw(st.lists(DECISIONS, max_size=6)):
        home.store.restore_decision(decision, acted_key=home.acted_key("ann", decision.card_id))
    for match in draw.draw(st.lists(MATCHES, max_size=4)):
        home.store.put_match(match)
        if match.outcome_at is not None:
            home.store.note_outcome("ann", match.match_id, match.outcome, at=match.outcome_at)
    versions = draw.draw(st.lists(st.integers(1, 9), max_size=4, unique=True))
    tuned = draw.draw(st.sets(st.sampled_from(versions))) if versions else set()
    for version in versions:
        kind = {"kind": "tuned", "network": NETWORK} if version in tuned else {}
        home.store.put_model(a_model("ann", version, START - timedelta(days=1)).model_copy(update=kind))
    for version in draw.draw(st.lists(st.sampled_from(versions), max_size=3)) if versions else []:
        home.store.set_champion("ann", version, expected=home.store.user("ann").champion)  # type: ignore[union-attr]


@settings(max_examples=25, deadline=None)
@given(draw=st.data())
def test_export_import_export_is_equal(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    clock, folder = Clock(), tmp_path_factory.mktemp("moving")
    with local_home(folder / "a", clock) as home, local_home(folder / "b", clock, key=b"e" * 32) as empty:
        fill(home, draw)
        body = home.exported()

        report = empty.imported(body, "bob")

        assert (report.state, report.refused) == ("done", 0), report.rows
        assert data_of(empty.exported("bob")) == data_of(body)
