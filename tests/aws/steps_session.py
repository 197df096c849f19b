"""What ticks and sessions do, as steps over the deck simulator; see `steps`."""

from datetime import timedelta

from swipr import bootstrap
from swipr.models import (
    Decision,
    InFlight,
    MatchRecord,
    Status,
    SwipeSession,
    User,
    UserSettings,
)
from swipr.sessions.planning import acted_key, forgotten_key
from tests.aws.living import taught, with_network
from tests.aws.quiet_home import QuietHome
from tests.aws.steps import step

_DAY = timedelta(days=1)
_QUICK = {"pacing_s": 0.0, "swipes_per_session": 2, "likes_per_day": 1000}


# --- the schedule


@step("SwipeTick", "*")
def due_user_is_queued(home: QuietHome) -> None:
    user_id, at = home.somebody("due"), bootstrap.now()
    home.store.create_user(User(user_id=user_id, enabled=True, next_due_at=at - timedelta(seconds=5)))
    home.messages("SwipeSessions")

    home.tick()

    queued = [SwipeSession.model_validate_json(body).user_id for body in home.messages("SwipeSessions")]
    user = home.store.user(user_id)
    assert user is not None
    assert user.next_due_at is not None
    assert user_id in queued  # beside whoever else is due by now
    assert user.next_due_at > at
    home.store.switch(user_id, enabled=False, at=at, status=Status(code="off", text="Off.", at=at))


# --- sessions


def on_deck(home: QuietHome, user_id: str, *, acting: bool, cards: int = 2) -> str:
    """Connect the user to the simulator as somebody new there, and switch them on; the deck's token."""
    token, at = f"token-of-{user_id}", bootstrap.now()
    home.deck.post("/sim/users", {"token": token, "cards": cards})
    sealed = home.secrets.seal(token.encode(), context={"user": user_id, "deck": "simulator"})
    home.store.connect_deck(user_id, deck="simulator", sealed_token=sealed, at=at)
    home.store.set_acting(user_id, acting_on="simulator" if acting else None)
    home.store.switch(user_id, enabled=True, at=at, status=Status(code="ready", text="-", at=at))
    return token


def run(home: QuietHome, user_id: str) -> str:
    """A session of now; how it ended."""
    session = SwipeSession(user_id=user_id, due_at=bootstrap.now())
    home.message("SwipeSession", "SwipeSessions", session.model_dump_json())
    user = home.store.user(user_id)
    assert user is not None
    assert user.recent_sessions, user.status
    assert user.recent_sessions[0].session_id == session.session_id, "it did not run to its end"
    outcome: str = user.recent_sessions[0].outcome
    return outcome


def decisions(home: QuietHome, user_id: str) -> list[Decision]:
    return list(home.store.decisions(user_id, at=bootstrap.now(), limit=100))


@step(
    "SwipeSession",
    "dynamodb:*Item Users",
    "dynamodb:GetItem *",
    "dynamodb:PutItem *",
    "dynamodb:BatchGetItem Acted",
    "s3:*Object Bucket/sessions/*",
    "kms:Decrypt *",
    "lambda:*",
    "dynamodb:Query Matches",
    "dynamodb:Query Decisions/index/ByTime",
)
def cards_are_judged_and_swiped(home: QuietHome) -> None:
    user_id = taught(home, "swiper", **_QUICK)
    token = on_deck(home, user_id, acting=True)

    assert run(home, user_id) == "done"

    assert [decision.state for decision in decisions(home, user_id)] == ["sent", "sent"], decisions(home, user_id)
    counters = home.deck.get("/sim/counters", token=token)
    assert counters["likes"] + counters["passes"] == 2, counters
    keys = [acted_key(home.secrets, user_id, each.card_id) for each in decisions(home, user_id)]
    assert len(home.store.acted(user_id, keys)) == 2


@step("SwipeSession", "dynamodb:ConditionCheckItem Users")
def dry_run_is_recorded(home: QuietHome) -> None:
    user_id = taught(home, "dry", **_QUICK)
    on_deck(home, user_id, acting=False)

    assert run(home, user_id) == "done"

    assert [decision.state for decision in decisions(home, user_id)] == ["dry_run", "dry_run"]


@step("SwipeSession", "dynamodb:Query Labels")
def cards_are_gathered_before_there_is_a_model(home: QuietHome) -> None:
    user_id = home.somebody("untaught")
    home.store.create_user(User(user_id=user_id, settings=UserSettings.model_validate(_QUICK)))
    on_deck(home, user_id, acting=False)

    assert run(home, user_id) == "untaught"

    assert len(decisions(home, user_id)) == 2


@step("SwipeSession", "dynamodb:ConditionCheckItem Decisions")
def left_over_action_is_settled_after_its_decision_expired(home: QuietHome) -> None:
    user_id = home.somebody("left-over")
    card_id, at = "simulator:expired", bootstrap.now()
    left = InFlight(card_id=card_id, action="like", fence=0, begun_at=at)
    home.store.create_user(User(user_id=user_id, in_flight=left))
    key = acted_key(home.secrets, user_id, card_id)
    acted = {"user_id": {"S": user_id}, "acted_key": {"S": key}, "state": {"S": "pending"}, "rev": {"S": "r"}}
    home.stack.emulator.client("dynamodb").put_item(TableName=home.settings.acted_table, Item=acted)

    assert run(home, user_id) == "off"

    user = home.store.user(user_id)
    assert user is not None
    assert (user.in_flight, home.store.acted(user_id, [key])) == (None, {key: "unknown"})


@step(
    "SwipeSession",
    "dynamodb:DeleteItem *",
    "s3:ListBucket *",
    "s3:*Object Bucket/sessions/*",
    "dynamodb:GetItem Matches",
)
def card_forgotten_meanwhile_is_taken_away(home: QuietHome) -> None:
    user_id = taught(home, "forgetter", **_QUICK)
    on_deck(home, user_id, acting=False, cards=4)
    run(home, user_id)
    seen = next(each for each in decisions(home, user_id) if each.features is not None)
    at = bootstrap.now()
    home.store.put_match(
        MatchRecord(user_id=user_id, match_id="m", card_id=seen.card_id, name="-", matched_at=at, expires_at=at + _DAY)
    )
    mark = {
        "user_id": {"S": user_id},
        "acted_key": {"S": forgotten_key(home.secrets, user_id, seen.card_id)},
        "state": {"S": "unknown"},
        "rev": {"S": "r"},
    }
    home.stack.emulator.client("dynamodb").put_item(TableName=home.settings.acted_table, Item=mark)

    run(home, user_id)

    assert home.store.decision(user_id, seen.card_id, at=at) is None
    assert home.store.matches(user_id, at=at) == []
    assert seen.features is not None
    for part in (*seen.photos, seen.features):
        assert not any(home.blobs.get_range(part)), "its bytes are blanked"


@step("SwipeSession", "dynamodb:*Item Matches", "dynamodb:Query Matches")
def match_is_read_and_kept(home: QuietHome) -> None:
    user_id = taught(home, "matched", **_QUICK)
    on_deck(home, user_id, acting=True, cards=6)
    for _ in range(3):
        run(home, user_id)
    at = bootstrap.now()
    stale = MatchRecord(
        user_id=user_id, match_id="stale", card_id="simulator:gone", matched_at=at, expires_at=at + _DAY
    )
    home.store.put_match(stale)
    home.store.set_matches_read(user_id, at=at - _DAY)

    run(home, user_id)

    kept = home.store.match(user_id, "stale", at=at)
    assert kept is not None
    assert kept.gone_at is not None


@step("SwipeSession", "s3:GetObject Bucket/models/*")
def tuned_network_is_read_by_address(home: QuietHome) -> None:
    user_id = taught(home, "tuned", **_QUICK)
    with_network(home, user_id)
    on_deck(home, user_id, acting=False)

    assert run(home, user_id) == "done"


@step("SwipeSession", "kms:Encrypt *")
def first_session_of_an_install_makes_the_hash_key(home: QuietHome) -> None:
    home.forget_install()
    user_id = taught(home, "first", **_QUICK)
    on_deck(home, user_id, acting=False)

    try:
        assert run(home, user_id) == "done"
    finally:
        home.forget_install()
