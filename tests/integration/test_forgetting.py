"""Forgotten means gone: one person on a card, or a user with everything, in both worlds, and nobody else is touched."""

import io
import itertools
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swipr.errors import ConflictError, NotFoundError
from swipr.forgetting import ACTED_STAYS, FORGOTTEN_STAYS, Receipt, delete_everything, forget_card
from swipr.models import RefitRequest, Status, SwipeSession, User
from tests.doubles import Clock, Crash, Crashes
from tests.moto_world import moto_world
from tests.moving import Home, data_of, local_home, photo_of, settle

CARD = "simulator:2"


@pytest.fixture(params=["local", "aws"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """Ann and Bob, each with everything, in either world."""
    clock = Clock()
    if request.param == "local":
        with local_home(tmp_path / "home", clock) as home:
            yield _of_two(home)
    else:
        with moto_world() as aws:
            yield _of_two(Home(aws.store, aws.blobs, aws.secrets, clock))


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Home]:
    with local_home(tmp_path / "local", Clock()) as home:
        yield _of_two(home)


def _of_two(home: Home) -> Home:
    settle(home, "ann")
    settle(home, "bob")
    return home


def forget(home: Home, card_id: str = CARD, user_id: str = "ann") -> Receipt:
    return forget_card(
        user_id,
        card_id,
        store=home.store,
        blobs=home.blobs,
        queue=home.queue,
        acted_key=home.acted_key(user_id, card_id),
        forgotten_key=home.forgotten_key(user_id, card_id),
        at=home.clock.now(),
    )


def delete(home: Home, user_id: str = "ann") -> Receipt:
    return delete_everything(user_id, store=home.store, blobs=home.blobs, at=home.clock.now())


def objects(home: Home) -> dict[str, bytes]:
    return {key: home.blobs.get(key) for key in home.blobs.keys("")}


# --- one card ------------------------------------------------------------------------------------------------


def test_a_card_is_forgotten_everywhere_but_in_acted(home: Home) -> None:
    home.exported()

    receipt = forget(home)

    now = home.clock.now()
    assert receipt.removed == {
        "decisions": 1, "labels": 1, "photos": 1, "matches": 0, "kept_photos": 1, "exports": 1, "uploads": 0,
        "training_lines": 1,
    }  # fmt: skip
    assert home.store.decision("ann", CARD, at=now) is None
    assert home.store.label("ann", CARD) is None
    assert not [key for key, body in objects(home).items() if photo_of("ann", 2) in body]
    assert home.store.acted("ann", [home.acted_key("ann", CARD)]) != {}
    assert {ACTED_STAYS, FORGOTTEN_STAYS} <= set(receipt.stays)
    assert home.queue.refits == ["ann"]
    assert home.blobs.keys("features/ann/") == []


def test_a_match_is_forgotten_with_its_card(home: Home) -> None:
    receipt = forget(home, "simulator:0")

    assert receipt.removed["matches"] == 1
    assert home.store.matches("ann", at=home.clock.now()) == []


def test_the_cards_beside_it_are_as_they_were(home: Home) -> None:
    before = {d.card_id: d for d in home.store.decisions("ann", at=home.clock.now(), limit=10)}
    features = {card: home.blobs.get_range(d.features) for card, d in before.items() if d.features}

    forget(home)

    after = {d.card_id: d for d in home.store.decisions("ann", at=home.clock.now(), limit=10)}
    assert after == {card: d for card, d in before.items() if card != CARD}
    for number, card in ((n, f"simulator:{n}") for n in range(6) if n != 2):
        assert home.blobs.get_range(after[card].photos[0]) == photo_of("ann", number)
        assert home.blobs.get_range(after[card].features) == features[card]  # type: ignore[arg-type]
    assert not any(home.blobs.get_range(before[CARD].photos[0]))
    assert not any(home.blobs.get_range(before[CARD].features))  # type: ignore[arg-type]


def test_another_user_who_saw_the_same_card_keeps_it(home: Home) -> None:
    before = data_of(home.exported("bob")), {key: b for key, b in objects(home).items() if "/bob/" in key}

    forget(home)

    assert data_of(home.exported("bob")) == before[0]
    assert {key: objects(home)[key] for key in before[1]} == before[1]


def test_forgetting_twice_is_forgetting_once(home: Home) -> None:
    forget(home)
    before = objects(home)

    again = forget(home)

    assert set(again.removed.values()) == {0}
    assert ACTED_STAYS in again.stays
    assert objects(home) == before


def test_a_card_only_seen_can_be_forgotten(home: Home) -> None:
    receipt = forget(home, "simulator:never-decided")

    assert set(receipt.removed.values()) == {0}
    assert ACTED_STAYS not in receipt.stays


@pytest.mark.parametrize("card_id", ["", "no-deck", "deck:../x", "deck:a/b", "deck:" + "x" * 300, "Deck:1"])
def test_what_can_be_no_card_is_not_found(local: Home, card_id: str) -> None:
    with pytest.raises(NotFoundError):
        forget(local, card_id)


def test_nobodys_card_is_not_found(local: Home) -> None:
    with pytest.raises(NotFoundError):
        forget(local, CARD, "nobody")


def test_a_crash_at_any_point_and_another_try_forget_the_card(tmp_path: Path) -> None:
    for at in itertools.count(1):
        crashed = False
        for after in (False, True):
            with local_home(tmp_path / f"{at}-{after}", Clock()) as home:
                settle(home)
                home.exported()
                crashes = Crashes(at, after=after)
                watched = Home(crashes.wrap(home.store), crashes.wrap(home.blobs), home.secrets, home.clock)
                try:
                    forget(watched)
                except Crash:
                    crashed = True
                home.queue.refits.clear()
                forget(home)
                assert home.queue.refits == ["ann"]
                left = [key for key, body in objects(home).items() if photo_of("ann", 2) in body]
                assert (left, home.store.label("ann", CARD)) == ([], None), f"crash at {at}, after: {after}"
        if not crashed:
            assert at > 10
            return


def test_two_cards_of_one_session_forgotten_at_once_are_both_gone(tmp_path: Path) -> None:
    for turn in range(10):
        with local_home(tmp_path / str(turn), Clock()) as home:
            settle(home)
            cards = [f"simulator:{n}" for n in range(5)]
            threads = [threading.Thread(target=forget, args=(home, card)) for card in cards]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            left = b"".join(body for key, body in objects(home).items() if key.startswith("sessions/"))
            assert [n for n in range(6) if photo_of("ann", n) in left] == [5]


def test_an_upload_read_to_its_end_goes_and_its_report_no_longer_names_the_card(local: Home) -> None:
    rows = f'[{{"card_id": "{CARD}", "choice": "like"}}, {{"card_id": "simulator:99", "choice": "like"}}]'
    key = "labels/ann/mine.json"
    local.blobs.put(key, rows.encode())
    uploaded = local.put(b"", "ann").model_copy(update={"key": key, "size": len(rows)})
    local.take(uploaded)

    forget(local)

    report = local.blobs.get("reports/ann/mine.json.json")
    assert CARD.encode() not in report
    assert b"simulator:99" in report
    assert local.blobs.keys(key) == []


# --- a user with everything --------------------------------------------------------------------------------------


def remnants(home: Home, user_id: str) -> list[str]:
    """Everything of the user that either the tables or the bucket still hold."""
    found = [key for key, body in objects(home).items() if user_id in key or user_id.encode() in body]
    at = home.clock.now()
    if home.store.user(user_id) is not None or user_id in home.store.user_ids():
        found.append("user")
    found += ["decision"] * len(home.store.decisions(user_id, at=at, limit=100))
    found += ["label"] * len(home.store.labels(user_id)) + ["model"] * len(home.store.models(user_id))
    found += ["match"] * len(home.store.matches(user_id, at=at))
    keys = [key(user_id, f"simulator:{n}") for n in range(6) for key in (home.acted_key, home.forgotten_key)]
    return found + ["acted"] * len(home.store.acted(user_id, keys))


def test_of_a_deleted_user_it_is_not_even_known_whom_they_had_forgotten(home: Home) -> None:
    forget(home)

    delete(home)

    assert remnants(home, "ann") == []


def test_a_deleted_user_leaves_nothing_and_others_are_untouched(home: Home) -> None:
    home.exported("ann")
    bob = home.store.user("bob"), data_of(home.exported("bob"))

    receipt = delete(home)

    assert remnants(home, "ann") == []
    assert (home.store.user("bob"), data_of(home.exported("bob"))) == bob
    assert receipt.removed["users"] == 1
    assert receipt.removed["records"] == 6 + 6 + 3 + 3 + 1  # decisions, labels, models, acted, a match
    assert receipt.removed["objects"] > 10


def test_deleting_twice_is_deleting_once(home: Home) -> None:
    delete(home)

    assert delete(home).removed == {"users": 0, "records": 0, "objects": 0}


def test_a_name_that_another_begins_with_is_another(home: Home) -> None:
    settle(home, "ann2")
    before = data_of(home.exported("ann2"))

    delete(home)

    assert data_of(home.exported("ann2")) == before


def test_who_is_on_is_not_deleted(home: Home) -> None:
    status = Status(code="ready", text="-", at=home.clock.now())
    home.store.switch("ann", enabled=True, at=home.clock.now(), status=status)

    with pytest.raises(ConflictError, match="switch off first"):
        delete(home)

    assert home.store.user("ann") is not None
    assert len(home.store.labels("ann")) == 6


def test_whose_session_runs_is_not_deleted(home: Home) -> None:
    from datetime import timedelta

    at = home.clock.now()
    session = SwipeSession(user_id="ann", due_at=at)
    home.store.take_lease(session, owner="x", at=at, until=at + timedelta(seconds=60))

    with pytest.raises(ConflictError):
        delete(home)
    home.clock.sleep(61)
    delete(home)

    assert remnants(home, "ann") == []


def test_a_crash_at_any_point_and_another_try_delete_all(tmp_path: Path) -> None:
    for at in itertools.count(1):
        crashed = False
        for after in (False, True):
            with local_home(tmp_path / f"{at}-{after}", Clock()) as home:
                settle(home)
                crashes = Crashes(at, after=after)
                watched = Home(crashes.wrap(home.store), crashes.wrap(home.blobs), home.secrets, home.clock)
                try:
                    delete(watched)
                except Crash:
                    crashed = True
                delete(home)
                assert remnants(home, "ann") == [], f"crash at {at}, after: {after}"
        if not crashed:
            assert at > 10
            return


# --- what runs meanwhile -------------------------------------------------------------------------------------------


def feedback(home: Home) -> Any:
    from swipr.feedback import Feedback
    from tests.moving import sees_nothing

    return Feedback(
        store=home.store,
        blobs=home.blobs,
        queue=home.queue,
        secrets=home.secrets,
        judge=sees_nothing,
        code="tests",
        now=home.clock.now,
        token=home.token,
    )


def test_what_a_deletion_had_no_time_for_is_done_by_what_it_asked_for(tmp_path: Path) -> None:
    """However soon after the user's own record it is cut off."""
    left = []
    for at in itertools.count(1):
        with local_home(tmp_path / str(at), Clock()) as home:
            settle(home)
            home.queue.refits.clear()
            crashes = Crashes(at)
            watched = Home(crashes.wrap(home.store), crashes.wrap(home.blobs), home.secrets, home.clock)
            over = {"store": watched.store, "blobs": watched.blobs, "at": home.clock.now(), "queue": home.queue}
            try:
                delete_everything("ann", **over)
            except Crash:
                left.append(len(remnants(home, "ann")))
            else:
                break
            for user_id in home.queue.refits:
                feedback(home).refit(RefitRequest(user_id=user_id))
            assert home.store.user("ann") is not None or remnants(home, "ann") == [], f"cut off at {at}"
    assert len(left) > 10


@pytest.mark.parametrize("name", ["labels", "label_features", "put_model", "set_champion"])
def test_a_refit_under_way_leaves_nothing_of_a_deleted_user(local: Home, name: str) -> None:
    real = getattr(local.store, name)

    def deleting(*args: Any, **options: Any) -> Any:
        delete(local)
        return real(*args, **options)

    forget(local, "simulator:5")  # so that there is something to learn anew
    setattr(local.store, name, deleting)
    feedback(local).refit(RefitRequest(user_id="ann"))
    delattr(local.store, name)

    assert local.store.user("ann") is None
    assert remnants(local, "ann") == []


def test_a_label_of_a_deleted_user_is_not_stored(local: Home) -> None:
    label = local.store.label("ann", CARD)
    assert label is not None
    delete(local)

    with pytest.raises(NotFoundError):
        local.store.put_label(label)


def test_an_upload_that_comes_after_its_owner_went_is_not_kept(local: Home) -> None:
    delete(local)
    uploaded = local.put(b"[]")

    assert local.take(uploaded) is None
    assert remnants(local, "ann") == []


def test_the_file_of_the_database_holds_nothing_of_a_deleted_user(tmp_path: Path) -> None:
    with local_home(tmp_path / "home", Clock()) as home:
        settle(home, "anna-planted")
        home.store.create_user(User(user_id="bob"))

        delete(home, "anna-planted")

        files = {path.name: path.read_bytes() for path in (tmp_path / "home").glob("swipr.db*")}
        assert [name for name, body in files.items() if b"anna-planted" in body] == []


def test_the_file_of_the_database_holds_nothing_of_a_forgotten_card(tmp_path: Path) -> None:
    with local_home(tmp_path / "home", Clock()) as home:
        settle(home)

        forget(home, "simulator:4")

        files = {path.name: path.read_bytes() for path in (tmp_path / "home").glob("swipr.db*")}
        assert [name for name, body in files.items() if b"Card 4 of ann" in body] == []


def test_a_blanked_archive_of_photos_can_still_be_opened(local: Home) -> None:
    key = next(key for key in local.blobs.keys("sessions/ann/") if key.endswith(".zip"))

    forget(local)

    with zipfile.ZipFile(io.BytesIO(local.blobs.get(key))) as file:
        assert file.read("0001.jpg") == photo_of("ann", 1)
        assert len(file.namelist()) == 6
