"""What a session does about each kind of card, and how it ends."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from swipr.errors import DeckRefusedError, DeckUnavailableError, ModelError, SessionBusyError
from swipr.models import Answer, Offer, Photo, SwipeSession
from swipr.sessions import judged_cards
from swipr.sessions.session import FRESH_S, LEASE_S, MAX_HELD, run_session
from tests.doubles import card
from tests.install import USER, Install
from tests.looks import Make, answer, deal, look, sent, settings, state_of, swipes_of


def test_likes_what_is_above_the_line_and_passes_what_is_below(install: Make) -> None:
    world = sent(install, "like", "pass", "like")

    report = look(world)

    assert world.deck.calls == ["matches", "cards", "like fake:0", "pass fake:1", "like fake:2"]
    assert (report.cards, report.liked, report.passed, report.unsure) == (3, 2, 1, 0)
    decision = world.store.decision(USER, "fake:0", at=world.clock.now())
    assert decision is not None
    assert (decision.state, decision.score, decision.model_version) == ("sent", pytest.approx(0.982, abs=1e-3), 1)
    assert decision.reason == "score 0.98 is on or above your line 0.50"
    assert len(world.blobs.get_range(decision.photos[0])) > 0


def test_no_dry_run_sends_anything(install: Make) -> None:
    world = sent(install, "like", "pass", "unsure")
    world.store.set_acting(USER, acting_on=None)

    report = look(world)

    assert swipes_of(world) == []
    assert (report.liked, report.passed, report.unsure, report.acting) == (1, 1, 1, False)
    assert state_of(world, "fake:0") == "dry_run"
    user = world.store.user(USER)
    assert user is not None
    assert user.held == ()


def test_a_dry_run_over_an_unchanged_deck_says_so(install: Make) -> None:
    world = sent(install, "like", "pass")
    world.store.set_acting(USER, acting_on=None)
    look(world)

    assert look(world).outcome == "dry_run_unchanged"


def test_a_dry_run_is_acted_on_once_acting_is_allowed(install: Make) -> None:
    world = sent(install, "like")
    world.store.set_acting(USER, acting_on=None)
    look(world)
    world.store.set_acting(USER, acting_on="fake")

    look(world)

    assert world.deck.likes == {"fake:0": 1}


def test_allowing_another_deck_is_a_dry_run(install: Make) -> None:
    world = sent(install, "like")
    world.store.set_acting(USER, acting_on="tinder")

    assert look(world).acting is False
    assert world.deck.swipes() == 0


def test_cards_without_an_adult_age_cost_no_download(install: Make) -> None:
    world = install(1, cards=[card(0, "like", age=17), card(1, "like", age=None), card(2, "like", photos=0)], budget=9)
    world.deck.answers = lambda choice, card: Answer(state="sent")

    report = look(world)

    assert (report.filtered, report.photos, report.passed) == (3, 0, 0)
    assert world.deck.passes == {"fake:0": 1, "fake:1": 1, "fake:2": 1}
    assert world.store.decision(USER, "fake:0", at=world.clock.now()).reason == "filtered: the stated age is under 18"


def test_an_unsure_card_is_held_and_the_answer_becomes_the_action(install: Make) -> None:
    world = sent(install, "unsure", "like")
    assert look(world).unsure == 1
    assert state_of(world, "fake:0") == "unsure"

    assert look(world).outcome == "held_cards"
    assert world.store.user(USER).held == ("fake:0",)
    answer(world, "fake:0", "like")
    world.store.wake(USER, at=world.clock.now())
    look(world)

    assert world.deck.likes == {"fake:1": 1, "fake:0": 1}
    decision = world.store.decision(USER, "fake:0", at=world.clock.now())
    assert (decision.reason, decision.state) == ("your own answer", "sent")
    assert decision.photos, "what was seen of it is kept"


def test_a_deck_of_held_cards_pauses_until_one_is_answered(install: Make) -> None:
    world = sent(install, "unsure")
    look(world)
    look(world)

    user = world.store.user(USER)
    assert user is not None
    assert user.status.code == "held_cards"
    assert user.next_due_at > world.clock.now() + timedelta(hours=23), "it looks again within a day all the same"
    world.clock.sleep(10_000)
    world.tick()
    assert world.queued == []
    assert world.store.wake(USER, at=world.clock.now())
    world.tick()
    assert len(world.queued) == 1


def test_more_than_ten_held_cards_pause_before_the_deck_is_asked(install: Make) -> None:
    world = sent(install, *["unsure"] * (MAX_HELD + 1), "like")
    settings(world, swipes_per_session=100)
    world.deck.batch = 100
    look(world)
    world.deck.calls.clear()

    assert look(world).outcome == "held_cards"
    assert world.deck.calls == []


@pytest.mark.parametrize(("policy", "likes", "passes"), [("pass", 0, 1), ("act", 1, 0)])
def test_the_user_may_have_unsure_cards_passed_or_acted_on(install: Make, policy: str, likes: int, passes: int) -> None:
    world = sent(install, "unsure")
    settings(world, unsure=policy)

    look(world)

    assert (sum(world.deck.likes.values()), sum(world.deck.passes.values())) == (likes, passes)


def test_a_spent_budget_ends_the_session_until_the_next_day(install: Make) -> None:
    world = sent(install, "like", "like", "like", budget=2)

    report = look(world)

    assert (report.outcome, report.liked) == ("budget_spent", 2)
    user = world.store.user(USER)
    assert user is not None
    assert user.next_due_at.isoformat() == "2026-03-02T00:00:00+00:00"
    world.clock.sleep(12 * 3600)
    assert look(world).liked == 1


def test_a_change_of_zone_opens_no_second_budget(install: Make) -> None:
    world = sent(install, *["like"] * 6, budget=2)
    assert look(world).liked == 2

    settings(world, time_zone="Pacific/Kiritimati")  # 14 hours ahead: there it is the next day already
    world.switch(True)
    assert look(world).outcome == "budget_spent"
    settings(world, time_zone="Pacific/Pago_Pago")
    world.switch(True)
    assert look(world).outcome == "budget_spent"

    world.clock.sleep(13 * 3600)  # the next day in UTC, where the day was counted; still the same one in Pago Pago
    world.switch(True)
    assert look(world).outcome == "budget_spent"
    world.clock.sleep(11 * 3600)
    world.switch(True)
    assert look(world).liked == 2


def test_swipes_of_a_session_are_limited(install: Make) -> None:
    world = sent(install, *["pass"] * 9)

    assert look(world).passed == 4
    assert look(world).passed == 4
    assert look(world).passed == 1


def test_a_swipe_waits_the_pacing_time(install: Make) -> None:
    world = sent(install, "pass", "pass", "pass")
    slept: list[int] = []
    world.on_sleep = lambda: slept.append(1)

    look(world)

    assert len(slept) == 2


def test_a_refusal_switches_off_and_nothing_follows(install: Make) -> None:
    world = install(1, cards=deal("like", "like"), budget=9)
    world.deck.answers = lambda choice, card: Answer(state="failed", refused="Your token has ended: paste a new one.")

    report = look(world)

    user = world.store.user(USER)
    assert user is not None
    assert (report.outcome, user.enabled, world.deck.swipes()) == ("refused", False, 0)
    assert user.status.text == "Your token has ended: paste a new one."
    assert swipes_of(world) == ["like fake:0"]


def test_a_deck_that_waits_is_left_alone_until_then(install: Make) -> None:
    world = install(1, cards=deal("like", "like"), budget=9)
    until = world.clock.now() + timedelta(hours=12)
    world.deck.answers = lambda choice, card: Answer(state="failed", detail="out of likes", wait_until=until)

    assert look(world).outcome == "deck_waits"
    user = world.store.user(USER)
    assert user is not None
    assert (user.next_due_at, user.likes_today) == (until, 0)
    world.switch(False)
    world.switch(True)
    assert world.store.user(USER).next_due_at == until, "switching off and on does not shorten the deck's word"


def test_an_unknown_answer_is_never_repeated_but_a_match_proves_it(install: Make) -> None:
    world = sent(install, "like")
    world.deck.answers = lambda choice, card: Answer(state="unknown", detail="timed out")
    assert look(world).unknown == 1

    look(world)

    assert world.deck.likes == {"fake:0": 1}
    decision = world.store.decision(USER, "fake:0", at=world.clock.now())
    assert (decision.state, decision.match_id) == ("sent", "m-fake:0")


def test_what_failed_gives_its_budget_back_and_may_be_tried_again(install: Make) -> None:
    world = sent(install, "like", budget=1)
    world.deck.answers = lambda choice, card: Answer(state="failed", detail="did not count")
    look(world)
    assert world.store.user(USER).likes_today == 0
    world.deck.answers = lambda choice, card: Answer(state="sent")

    look(world)

    assert world.deck.likes == {"fake:0": 1}


def test_an_owner_who_slept_sends_nothing_stale(install: Make) -> None:
    world = sent(install, "like", "pass")
    begin = world.store.begin_action

    def slow(*args: object, **kwargs: object) -> object:
        begun = begin(*args, **kwargs)  # type: ignore[arg-type]
        world.clock.sleep(FRESH_S + 1)
        return begun

    world.store.begin_action = slow  # type: ignore[method-assign, assignment]
    report = look(world)

    assert (world.deck.swipes(), report.failed) == (0, 2)


def test_a_session_without_time_left_stops_before_the_next_action(install: Make) -> None:
    world = sent(install, "like", "like")
    world.tick()

    report = run_session(world.queued.pop(), world.parts(), owner="test", time_left_s=lambda: 3.0)

    assert report is not None
    assert world.deck.swipes() == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DeckUnavailableError("not now"), "deck_unavailable"),
        (DeckRefusedError("banned"), "refused"),
    ],
)
def test_a_deck_that_cannot_be_read_ends_the_session(install: Make, error: Exception, outcome: str) -> None:
    world = sent(install, "like")

    def fail() -> Offer:
        raise error

    world.deck.cards = fail  # type: ignore[method-assign]

    assert look(world).outcome == outcome
    assert world.store.user(USER).enabled is (outcome != "refused")


def test_the_deck_says_when_to_look_again(install: Make) -> None:
    world = sent(install)
    until = world.clock.now() + timedelta(hours=3)
    world.deck.cards = lambda: Offer(wait_until=until)  # type: ignore[method-assign]

    assert look(world).outcome == "deck_empty"
    assert world.store.user(USER).next_due_at == until


def test_a_judge_that_fails_sends_nothing(install: Make) -> None:
    world = sent(install, "like")
    whole = world.parts()

    def broken(request: object) -> None:
        raise ModelError("out of memory")

    world.tick()
    parts = replace(whole, judge=broken)  # type: ignore[arg-type]
    report = run_session(world.queued.pop(), parts, owner="test", time_left_s=lambda: 300.0)

    assert report is not None
    assert (report.outcome, world.deck.swipes()) == ("judge_failed", 0)


def test_one_bad_photo_costs_one_photo(install: Make) -> None:
    own = card(0, "like", photos=2)
    broken = own.photos[1].model_copy(update={"url": "broken/0/1"})
    world = install(1, cards=[own.model_copy(update={"photos": (own.photos[0], broken)})], budget=9)
    world.deck.answers = lambda choice, card: Answer(state="sent")

    report = look(world)

    assert (report.liked, report.photos, report.photo_errors) == (1, 2, 1)


@pytest.mark.parametrize("fault", ["broken", "removed"])
def test_a_card_none_of_whose_photos_can_be_read_is_asked_about(install: Make, fault: str) -> None:
    world = sent(install, fault)

    assert look(world).unsure == 1
    assert world.deck.swipes() == 0
    settings(world, unsure="pass")
    look(world)
    assert world.deck.passes == {"fake:0": 1}


def test_a_slow_photo_host_costs_photos_and_not_the_session(install: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_cards, "FETCH_ALL_S", 0.2)
    world = sent(install, "like", "slow")
    fetch, late = world.deck.photo, threading.Event()

    def slow(photo: Photo) -> bytes:
        if photo.url.startswith("slow"):
            late.wait(5)
        return fetch(photo)

    world.deck.photo = slow  # type: ignore[method-assign]
    report = look(world)
    late.set()

    assert (report.liked, report.photos, report.photo_errors) == (1, 1, 1)


def test_photos_beyond_the_functions_memory_are_left_out(install: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_cards, "MAX_SESSION_BYTES", 20)
    world = sent(install, "like", "like", "like")

    assert look(world).photos == 1


def test_what_no_longer_fits_is_not_even_fetched(install: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_cards, "MAX_SESSION_BYTES", 1)
    monkeypatch.setattr(judged_cards, "FETCHES_AT_ONCE", 1)
    world = sent(install, "like", "like", "like")
    fetch, fetched = world.deck.photo, []
    world.deck.photo = lambda photo: (fetched.append(photo.photo_id), fetch(photo))[1]  # type: ignore[method-assign]

    look(world)

    assert len(fetched) == 1


def test_a_held_card_that_expired_is_held_no_longer(install: Make) -> None:
    world = sent(install, "unsure")
    look(world)
    assert held(world) == ("fake:0",)

    world.clock.sleep(40 * 86_400)
    world.deck.left = []
    look(world)

    assert held(world) == ()


def held(world: Install) -> tuple[str, ...]:
    user = world.store.user(USER)
    assert user is not None
    return user.held


def test_a_label_allows_no_card_that_a_rule_drops(install: Make) -> None:
    world = install(1, cards=[card(0, "like", age=17)], budget=9)
    world.deck.answers = lambda choice, card: Answer(state="sent")
    answer(world, "fake:0", "like")

    look(world)

    assert (world.deck.likes, world.deck.passes) == ({}, {"fake:0": 1})


def test_an_answer_given_while_a_session_ends_is_not_lost(install: Make) -> None:
    world = sent(install, "unsure")
    look(world)
    end = world.store.end_session

    def late(*args: object, **kwargs: object) -> bool:
        answer(world, "fake:0", "like")
        world.store.wake(USER, at=world.clock.now())
        return end(*args, **kwargs)  # type: ignore[arg-type]

    world.store.end_session = late  # type: ignore[method-assign, assignment]
    look(world)

    assert world.store.user(USER).next_due_at <= world.clock.now()


def test_a_clock_set_back_stops_nothing(install: Make) -> None:
    world = sent(install, "like", "pass")
    settings(world, swipes_per_session=1)
    look(world)
    world.clock.sleep(-7200)
    world.switch(True)

    world.tick()
    report = world.run(world.queued.pop())

    assert report is not None
    assert report.passed == 1


def test_what_nobody_foresaw_ends_the_session_in_plain_words(install: Make) -> None:
    world = sent(install, "like")

    def fail() -> Offer:
        raise OverflowError("a number too large")

    world.deck.cards = fail  # type: ignore[method-assign]
    world.tick()
    with pytest.raises(OverflowError):
        world.run(world.queued.pop())

    user = world.store.user(USER)
    assert user is not None
    assert (user.status.code, user.lease) == ("failed", None)


def test_a_card_none_of_whose_photos_can_be_fetched_is_left(install: Make) -> None:
    world = sent(install, "gone")

    assert look(world).outcome == "deck_unavailable"
    assert world.deck.swipes() == 0


def test_the_same_session_at_once_comes_again_and_another_is_dropped(install: Make) -> None:
    world = sent(install, "like")
    world.tick()
    session = world.queued.pop()
    until = world.clock.now() + timedelta(seconds=LEASE_S)
    world.store.take_lease(session, owner="first", at=world.clock.now(), until=until)

    with pytest.raises(SessionBusyError):
        world.run(session)
    later = SwipeSession(user_id=USER, due_at=world.clock.now())
    assert world.run(later) is None
    assert world.deck.calls == []


def test_a_disabled_user_is_not_queued(install: Make) -> None:
    world = sent(install, "like")
    world.switch(False)
    world.clock.sleep(601)

    world.tick()

    assert world.queued == []


def test_a_session_queued_before_the_switch_does_nothing(install: Make) -> None:
    world = sent(install, "like")
    world.tick()
    world.switch(False)

    report = world.run(world.queued.pop())

    assert report is not None
    assert (report.outcome, world.deck.calls) == ("off", [])
    assert world.store.user(USER).enabled is False


def test_a_tick_that_fires_twice_queues_once(install: Make) -> None:
    world = sent(install, "like")
    world.tick()
    world.tick()

    assert len(world.queued) == 1
