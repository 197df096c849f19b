"""A card that its user has forgotten does not come back, whenever in a session they did so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swipr.forgetting import forget_card
from swipr.models import Answer
from swipr.sessions.session import LEASE_S
from tests.doubles import Crashes
from tests.folder_install import FolderInstall
from tests.install import USER, Install
from tests.looks import Make, deal, look, sent, swipes_of, user_of


class Refits:
    def ask_refit(self, request: object) -> None:
        pass


def forget(world: Install, card_id: str) -> None:
    parts = world.parts()
    forget_card(
        USER,
        card_id,
        store=world.store,
        blobs=world.blobs,
        queue=Refits(),  # type: ignore[arg-type]
        acted_key=parts.acted_key(USER, card_id),
        forgotten_key=parts.forgotten_key(USER, card_id),
        at=world.clock.now(),
    )


def nothing_of(world: Install, card_id: str) -> bool:
    """Neither a decision nor a match, nor a byte of its photos; the deck's fake photos say whose they are."""
    held = [world.blobs.get(key) for key in world.blobs.keys("sessions/") if key.endswith(".zip")]
    number = card_id.partition(":")[2]
    bare = not any(f"{taste}/{number}/".encode() in body for body in held for taste in ("like", "pass", "unsure"))
    now = world.clock.now()
    matches = [match for match in world.store.matches(USER, at=now) if match.card_id == card_id]
    return world.store.decision(USER, card_id, at=now) is None and not matches and bare


def test_a_forgotten_card_is_not_judged_again(install: Make) -> None:
    world = sent(install, "like", "pass")
    forget(world, "fake:0")

    report = look(world)

    assert (report.cards, report.photos) == (1, 1)
    assert swipes_of(world) == ["pass fake:1"]
    assert nothing_of(world, "fake:0")


def test_a_forgotten_card_is_not_kept_for_labels_either(install: Make) -> None:
    world = sent(install, "like", "pass")
    user = user_of(world)
    world.store.create_user(user.model_copy(update={"user_id": "ben", "champion": None}))
    world.store.forget_card("ben", "fake:0", forgotten_key=world.parts().forgotten_key("ben", "fake:0"))
    world.clock.sleep(601)
    world.tick()

    for session in world.queued:
        world.run(session)

    now = world.clock.now()
    assert world.store.decision("ben", "fake:0", at=now) is None
    assert world.store.decision("ben", "fake:1", at=now) is not None


def test_a_card_forgotten_while_it_waits_for_its_turn_is_not_swiped(install: Make) -> None:
    world = sent(install, "like", "like", "like")
    world.deck.on_swipe = lambda: forget(world, "fake:2") if world.deck.swipes() == 0 else None

    report = look(world)

    assert swipes_of(world) == ["like fake:0", "like fake:1"]
    assert report.liked == 2
    assert world.store.decision(USER, "fake:2", at=world.clock.now()) is None


@pytest.mark.parametrize("state", ["sent", "failed", "unknown"])
def test_a_card_forgotten_while_its_like_is_under_way_leaves_nothing(install: Make, state: str) -> None:
    world = sent(install, "like", "pass")
    world.deck.answers = lambda choice, card: Answer(
        state=state,  # type: ignore[arg-type]
        match_id="m-1" if state == "sent" and choice == "like" else None,
    )
    world.deck.on_swipe = lambda: forget(world, "fake:0") if not world.deck.swipes() else None

    look(world)

    assert nothing_of(world, "fake:0")
    acted = world.store.acted(USER, [world.parts().acted_key(USER, "fake:0")])
    assert list(acted.values()) == [state]


@pytest.mark.parametrize("taste", ["like", "pass", "unsure"])
@pytest.mark.parametrize("acting", [True, False])
def test_wherever_in_a_session_a_card_is_forgotten_nothing_of_it_stays(install: Make, taste: str, acting: bool) -> None:
    """Before each call the session makes, in turn."""

    def world_of() -> Install:
        world = sent(install, "pass", taste, "unsure")
        if not acting:
            world.store.set_acting(USER, acting_on=None)
        world.clock.sleep(601)
        world.tick()
        return world

    whole = Crashes()
    world_of_all = world_of()
    world_of_all.run(world_of_all.queued.pop(), whole)

    for at in range(1, len(whole.calls) + 1):
        world, watch = world_of(), Crashes()
        watch.on_call = _at(watch, at, lambda world=world: forget(world, "fake:1"))  # type: ignore[misc]
        world.run(world.queued.pop(), watch)
        _last_word(world)
        assert nothing_of(world, "fake:1"), whole.calls[at - 1]
        assert sum(world.deck.likes[card] > 1 for card in world.deck.likes) == 0


def test_what_a_killed_session_wrote_of_a_forgotten_card_goes_at_the_next_look(install: Make) -> None:
    """It died between writing the decision and looking for the mark."""
    for after in (False, True):
        whole = Crashes()
        sent_once = _with_a_card_forgotten_in_mid_session(install, whole)
        sent_once.run(sent_once.queued.pop(), whole)
        for at in range(1, len(whole.calls) + 1):
            crashes = Crashes(at, after=after)
            world = _with_a_card_forgotten_in_mid_session(install, crashes)
            session = world.queued.pop()
            world.deliver(session, crashes)
            forget(world, "fake:0")
            world.clock.sleep(LEASE_S + 1)
            world.deliver(session)
            _last_word(world)
            # Photos that were stored and never written down go with their session, after days.
            assert world.store.decision(USER, "fake:0", at=world.clock.now()) is None, f"{whole.calls[at - 1]} {after}"


def _with_a_card_forgotten_in_mid_session(install: Make, crashes: Crashes) -> Install:
    world = install(1, cards=deal("unsure"), budget=9)
    world.store.set_acting(USER, acting_on=None)
    world.clock.sleep(601)
    world.tick()
    crashes.on_call = lambda name: forget(world, "fake:0") if name == "SqliteStore.record_decision" else None
    return world


def _at(watch: Crashes, at: int, do: Callable[[], Any]) -> Callable[[str], None]:
    def called(name: str) -> None:
        if len(watch.calls) == at:
            do()

    return called


def _last_word(world: Install) -> None:
    """A look that finds whatever an earlier one left."""
    world.clock.sleep(3601)
    world.store.wake(USER, at=world.clock.now())
    world.tick()
    while world.queued:
        world.deliver(world.queued.pop())


@pytest.mark.parametrize("acting", [True, False])
def test_a_folder_goes_on_past_a_forgotten_photo(tmp_path: Path, acting: bool) -> None:
    world = FolderInstall(tmp_path / "install")
    try:
        for number in range(3):
            world.add(f"{number}.jpg", "like")
        gone = world.card("0.jpg").card_id
        forget(world, gone)
        if not acting:
            world.store.set_acting(USER, acting_on=None)

        world.look_to_the_end()

        now = world.clock.now()
        decided = [decision.card_id for decision in world.store.decisions(USER, at=now, limit=9)]
        assert sorted(decided) == sorted(world.card(f"{number}.jpg").card_id for number in (1, 2))
    finally:
        world.database.close()
