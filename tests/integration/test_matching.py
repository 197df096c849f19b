"""Matches: attributed to what led to them, kept while the deck lists them, and nothing orphaned on either side."""

import random
from datetime import timedelta

import pytest

from swipr.errors import DeckRefusedError, DeckUnavailableError
from swipr.models import Answer, Match, MatchList, MatchRecord
from swipr.sessions.matching import MATCHES_EVERY, read_matches
from tests.doubles import Crashes, card
from tests.install import USER, Install
from tests.looks import Make, decision_of, look, sent, settings, state_of, user_of

HOUR_S = MATCHES_EVERY.total_seconds()
OWN = Match(match_id="own", card_id="fake:own", name="Own")


def records(world: Install) -> dict[str, MatchRecord]:
    return {record.match_id: record for record in world.store.matches(USER, at=world.clock.now())}


def readings(world: Install) -> int:
    return world.deck.calls.count("matches")


def listing(world: Install, *matches: Match, complete: bool = True) -> None:
    world.deck.matches = lambda: MatchList(matches=matches, complete=complete)  # type: ignore[method-assign]


def read(world: Install, crashes: Crashes | None = None) -> int:
    parts = world.parts(crashes)
    return read_matches(user_of(world), parts.deck_of(user_of(world)), parts)


def put_writes(world: Install) -> int:
    crashes = Crashes()
    read(world, crashes)
    return crashes.calls.count("SqliteStore.put_match")


def test_a_match_in_a_likes_answer_is_kept_at_once_with_what_led_to_it(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="sent", match_id="m-fake:0")

    report = look(world)

    decision, (record,) = decision_of(world, "fake:0"), records(world).values()
    assert report.matches == 1
    assert (record.match_id, record.card_id, record.name) == ("m-fake:0", "fake:0", "Card 0")
    assert (record.decided_at, record.action) == (decision.decided_at, "like")
    assert (record.score, record.threshold, record.model_version) == (decision.score, 0.5, 1)


def test_a_later_match_is_attributed_at_the_next_reading(install: Make) -> None:
    world = sent(install, "like", "pass")
    look(world)
    assert records(world) == {}

    report = look(world, after_s=HOUR_S)

    record = records(world)["m-fake:0"]
    assert (report.matches, record.action, record.decided_at) == (1, "like", decision_of(world, "fake:0").decided_at)
    assert decision_of(world, "fake:0").match_id == "m-fake:0"
    assert look(world, after_s=HOUR_S).matches == 0


def test_a_match_of_the_users_own_swipe_has_no_decision(install: Make) -> None:
    world = sent(install, "pass")
    matched_at = world.clock.now() - timedelta(days=90)
    world.deck.own_matches = [
        OWN.model_copy(update={"matched_at": matched_at}),
        Match(match_id="m-passed", card_id="fake:0"),
    ]
    look(world)
    look(world, after_s=HOUR_S)

    for record in records(world).values():
        assert (record.action, record.decided_at, record.score) == (None, None, None)
    assert (records(world)["own"].matched_at, records(world)["own"].name) == (matched_at, "Own")


def test_matches_are_read_once_an_hour_at_the_most(install: Make) -> None:
    world = sent(install, *["pass"] * 30)

    for _ in range(13):
        look(world, after_s=610)

    assert readings(world) == 3  # after 610 s, 4,270 s and 7,930 s


def test_a_like_of_unknown_outcome_is_looked_for_at_once(install: Make) -> None:
    world = sent(install, "like", "pass")
    world.deck.answers = lambda choice, card: Answer(state="unknown", detail="timed out")
    look(world)
    world.deck.answers = lambda choice, card: Answer(state="sent")

    look(world)

    assert (readings(world), state_of(world, "fake:0")) == (2, "sent")
    assert records(world)["m-fake:0"].action == "like"
    look(world)
    assert readings(world) == 2, "nothing is unknown any more"


def test_a_super_like_of_unknown_outcome_is_proven_by_a_match(install: Make) -> None:
    world = sent(install, "like")
    settings(world, superlikes=({"when": "score_above", "score": 0.5},))
    world.deck.answers = lambda choice, card: Answer(state="unknown", detail="timed out")
    look(world)

    look(world)

    assert (state_of(world, "fake:0"), records(world)["m-fake:0"].action) == ("sent", "superlike")


def test_an_unknown_pass_is_proven_by_no_match(install: Make) -> None:
    world = sent(install, "pass")
    world.deck.answers = lambda choice, card: Answer(state="unknown", detail="timed out")
    world.deck.own_matches = [Match(match_id="m-fake:0", card_id="fake:0")]
    look(world)
    look(world, after_s=HOUR_S)

    assert (state_of(world, "fake:0"), records(world)["m-fake:0"].action) == ("unknown", None)


def test_what_a_complete_list_has_no_more_is_gone_until_it_is_back(install: Make) -> None:
    world = sent(install, "pass")
    listing(world, OWN)
    read(world)
    world.store.note_outcome(USER, "own", "talked", at=world.clock.now())

    listing(world)
    read(world)
    gone_at = records(world)["own"].gone_at
    assert gone_at is not None
    assert put_writes(world) == 0, "it is gone already"
    listing(world, OWN)
    read(world)

    assert (records(world)["own"].gone_at, records(world)["own"].outcome) == (None, "talked")


def test_a_partial_list_marks_nobody_gone(install: Make) -> None:
    world = sent(install, "pass")
    listing(world, OWN)
    read(world)

    listing(world, Match(match_id="other", card_id="fake:other"), complete=False)
    read(world)

    assert {name: record.gone_at for name, record in records(world).items()} == {"own": None, "other": None}


def test_another_decks_matches_are_left_as_they_are(install: Make) -> None:
    world = sent(install, "pass")
    listing(world, Match(match_id="elsewhere", card_id="tinder:1"))
    read(world)

    listing(world, OWN)
    read(world)

    assert records(world)["elsewhere"].gone_at is None


def test_a_listed_match_lives_on_with_few_writes(install: Make) -> None:
    world = sent(install, "pass")
    listing(world, OWN)
    writes = []
    for _ in range(60):
        writes.append(put_writes(world))
        world.clock.sleep(86_400)

    assert sum(writes) == 4  # at the first reading, and each time less than half of 30 days was left
    assert records(world)["own"].gone_at is None
    listing(world)
    read(world)
    world.clock.sleep(31 * 86_400)
    assert records(world) == {}


def test_a_match_named_only_later_is_one_record(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="sent", match_id="0")  # it is a match, not which
    look(world)
    world.store.note_outcome(USER, "0", "met", at=world.clock.now())

    look(world, after_s=HOUR_S)
    look(world, after_s=HOUR_S)

    (record,) = records(world).values()
    assert (record.match_id, record.outcome, record.action) == ("m-fake:0", "met", "like")


def test_a_match_whose_record_a_crash_prevented_is_recorded_at_the_next_reading(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="sent", match_id="m-fake:0")
    put = world.store.put_match
    world.store.put_match = lambda match: None  # type: ignore[method-assign]
    look(world)
    world.store.put_match = put  # type: ignore[method-assign]
    assert records(world) == {}

    listing(world)
    read(world)

    record = records(world)["m-fake:0"]
    assert (record.action, record.gone_at is not None) == ("like", True)


def test_whom_the_user_had_forgotten_is_not_recorded_again(install: Make) -> None:
    world = sent(install, "like")
    look(world)
    matched_at = world.clock.now()
    listing(world, Match(match_id="m-fake:0", card_id="fake:0", matched_at=matched_at))
    look(world, after_s=HOUR_S)
    assert set(records(world)) == {"m-fake:0"}

    forgotten_key = world.parts().forgotten_key(USER, "fake:0")
    world.store.forget_card(USER, "fake:0", forgotten_key=forgotten_key)
    world.store.delete_match(USER, "m-fake:0")
    look(world, after_s=HOUR_S)

    assert records(world) == {}


def test_a_match_is_recorded_though_its_decision_expired_and_matches_were_read_meanwhile(install: Make) -> None:
    world = sent(install, "like")
    look(world)
    listing(world)
    matched_at = world.clock.now() + timedelta(days=30)
    world.clock.sleep(31 * 86_400)
    read(world)
    world.clock.sleep(HOUR_S)

    listing(world, Match(match_id="late", card_id="fake:0", matched_at=matched_at))
    read(world)

    assert set(records(world)) == {"late"}


def test_who_is_listed_without_a_person_is_not_gone(install: Make) -> None:
    world = sent(install, "pass")
    other = Match(match_id="m-other", card_id="fake:other")
    listing(world, OWN, other)
    read(world)

    world.deck.matches = lambda: MatchList(unnamed=("own",))  # type: ignore[method-assign]
    read(world)

    assert [(name, record.gone_at is None) for name, record in sorted(records(world).items())] == [
        ("m-other", False),
        ("own", True),
    ]


def test_a_match_known_by_its_stand_in_may_be_one_that_is_listed_without_a_person(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="sent", match_id="0")
    look(world)

    world.deck.matches = lambda: MatchList(unnamed=("some",))  # type: ignore[method-assign]
    read(world)

    assert records(world)["0"].gone_at is None


def test_two_records_of_one_person_are_gone_together(install: Make) -> None:
    world = sent(install, "pass")
    listing(world, OWN, OWN.model_copy(update={"match_id": "again"}))
    read(world)

    listing(world)
    read(world)

    assert [record.gone_at is not None for record in records(world).values()] == [True, True]


def test_the_decision_learns_the_matchs_own_id_in_place_of_the_stand_in(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="sent", match_id="0")  # it is a match, not which
    look(world)

    look(world, after_s=HOUR_S)

    assert decision_of(world, "fake:0").match_id == "m-fake:0"


def test_a_match_that_comes_after_its_decision_expired_is_recorded(install: Make) -> None:
    world = sent(install, "like")
    listing(world)
    look(world)
    world.clock.sleep(31 * 86_400)
    read(world)
    world.clock.sleep(HOUR_S)
    listing(world, Match(match_id="late", card_id="fake:0", matched_at=world.clock.now()))

    read(world)

    assert (records(world)["late"].action, records(world)["late"].gone_at) == (None, None)


def test_a_deck_that_fails_at_matches_for_a_moment_is_swiped_all_the_same(install: Make) -> None:
    world = sent(install, "like")

    def fail() -> MatchList:
        raise DeckUnavailableError("not now")

    world.deck.matches = fail  # type: ignore[method-assign]

    assert look(world).liked == 1
    assert user_of(world).matches_read_at is None


def test_a_wait_or_a_refusal_at_matches_ends_the_session(install: Make) -> None:
    world = sent(install, "like")
    until = world.clock.now() + timedelta(hours=2)
    errors = [DeckUnavailableError("slower", until), DeckRefusedError("banned")]

    def fail() -> MatchList:
        raise errors.pop(0)

    world.deck.matches = fail  # type: ignore[method-assign]

    assert (look(world).outcome, user_of(world).next_due_at) == ("deck_waits", until)
    assert look(world, after_s=7200).outcome == "refused"
    assert (world.deck.calls, user_of(world).enabled) == ([], False)


def test_a_folder_is_not_asked_for_matches(install: Make) -> None:
    world = sent(install, "like")
    world.deck.is_service = False  # type: ignore[misc]

    look(world)

    assert readings(world) == 0


@pytest.mark.parametrize("seed", range(12))
def test_after_any_course_of_events_both_sides_agree(install: Make, seed: int) -> None:
    """Likes, matches that come, go and come back, unknown answers, partial lists, crashes at any call."""
    world, dice = install(seed, cards=[], budget=10_000), random.Random(seed)
    settings(world, superlikes=({"when": "score_above", "score": 0.5},), superlikes_per_day=2)
    matched: dict[str, str] = {}
    dealt = 0
    listed = world.deck.own_matches
    world.deck.matches = (
        lambda: MatchList(  # type: ignore[method-assign]
            matches=tuple(dice.sample(listed, len(listed))) if whole else tuple(listed[:1]), complete=whole
        )
    )
    for _ in range(60):
        whole = dice.random() < 0.8
        event = dice.choice(["deal", "match", "own", "unmatch", "back", "note", "pause"])
        if event == "deal":
            world.deck.left = [card(dealt + number, dice.choice(["like", "like", "pass"])) for number in range(3)]
            dealt += 3
        elif event == "match" and set(world.deck.likes) - set(matched):
            liked = dice.choice(sorted(set(world.deck.likes) - set(matched)))
            matched[liked] = f"m-{liked}"
        elif event == "own":
            matched[f"fake:own{len(matched)}"] = f"own{len(matched)}"
        elif event == "unmatch" and listed:
            listed.remove(dice.choice(listed))
        elif event == "note" and records(world):
            noted = dice.choice(sorted(records(world)))
            world.store.note_outcome(USER, noted, dice.choice(["met", "talked"]), at=world.clock.now())
        elif event == "pause":
            world.clock.sleep(dice.choice([HOUR_S, 86_400.0]))
        if event in ("match", "own", "back"):
            known = {match.match_id for match in listed}
            listed += [Match(match_id=name, card_id=who) for who, name in matched.items() if name not in known]
        world.switch(True)
        world.clock.sleep(601)
        world.tick()
        crashes = Crashes(dice.randrange(1, 60), after=dice.random() < 0.5) if dice.random() < 0.5 else None
        session = world.queued.pop()
        if not world.deliver(session, crashes):
            world.clock.sleep(241)
            assert world.deliver(session)
    whole = True
    world.deck.left = []
    world.check_matches()
    assert matched
    assert world.deck.likes
