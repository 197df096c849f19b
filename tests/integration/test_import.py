"""Taking in an archive: twice is once, what is here stays, nothing is set going, and a hostile one can only fail."""

import base64
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swipr.errors import UnfinishedError
from swipr.forgetting import delete_everything
from swipr.models import User, UserSettings
from swipr.takeout.archive import MAX_DATA_BYTES
from swipr.uploads.report import GIVEN_UP, read_report
from swipr.uploads.uploads import TRIES
from tests.doubles import Clock, Crash, Crashes
from tests.moving import Home, Json, a_model, data_of, local_home, photo_of, settle, with_data


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Ann's archive."""
    with local_home(tmp_path_factory.mktemp("ann") / "home", Clock()) as home:
        settle(home)
        return home.exported()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty install, an hour later."""
    clock = Clock()
    clock.sleep(3600)
    with local_home(tmp_path / "home", clock, key=b"e" * 32) as home:
        yield home


def changed(body: bytes, change: Callable[[Json], object]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        data = json.loads(file.read("data.json"))
    change(data)
    return with_data(body, data)


# --- what it restores, and what it never does ---------------------------------------------------------------


def test_nothing_liked_elsewhere_is_liked_again(home: Home, body: bytes) -> None:
    home.imported(body)

    keys = {n: home.acted_key("ann", f"simulator:{n}") for n in range(6)}
    assert home.store.acted("ann", keys.values()) == {keys[0]: "sent", keys[1]: "sent", keys[2]: "unknown"}


def test_what_expired_on_the_way_is_not_liked_again_either(home: Home, body: bytes) -> None:
    home.clock.sleep(40 * 86_400)

    report = home.imported(body)

    assert report.restored == {"labels": 6, "decisions": 6, "matches": 0, "models": 3, "settings": 1}
    assert home.store.decisions("ann", at=home.clock.now(), limit=10) == []
    assert home.store.acted("ann", [home.acted_key("ann", "simulator:0")]) != {}


def test_an_import_sets_nothing_going(home: Home, body: bytes) -> None:
    home.imported(body)

    user = home.store.user("ann")
    assert user is not None
    assert (user.enabled, user.acting_on, user.deck_token, user.next_due_at) == (False, None, None, None)
    assert (user.deck, user.deck_connected_at) == ("simulator", None)
    assert home.queue.refits == ["ann"]


def test_photos_come_along_where_they_are_kept(home: Home, body: bytes) -> None:
    home.imported(body)

    kept = sorted(home.blobs.get(key) for key in home.blobs.keys("labelled/ann/"))
    assert kept == sorted(photo_of("ann", n) for n in range(6))


def test_photos_do_not_come_along_where_they_are_not(home: Home, body: bytes) -> None:
    home.imported(changed(body, lambda data: data["settings"].update(keep_photos=False)))

    assert home.blobs.keys("labelled/") == []


def test_twice_is_once(home: Home, body: bytes) -> None:
    first = home.imported(body)
    before = data_of(home.exported())

    again = home.imported(body)

    assert (again.taken, again.refused, again.restored) == (first.taken, 0, first.restored)
    assert data_of(home.exported()) == before


def test_one_event_delivered_twice_is_taken_once(home: Home, body: bytes) -> None:
    home.store.create_user(User(user_id="ann"))
    uploaded = home.put(body)

    assert home.take(uploaded) is not None
    assert home.take(uploaded) is None


# --- what is here stays ---------------------------------------------------------------------------------------


def test_a_later_label_stays(home: Home, body: bytes) -> None:
    home.imported(body)
    label = home.store.label("ann", "simulator:0")
    assert label is not None
    later = label.model_copy(update={"choice": "like", "labelled_at": label.labelled_at + timedelta(hours=1)})
    home.store.put_label(later.model_copy(update={"features": b"\0\0"}))

    report = home.imported(body)

    assert [row.why for row in report.rows] == ["you have labelled it later; that counts"]
    assert home.store.label("ann", "simulator:0").choice == "like"  # type: ignore[union-attr]


def test_features_of_a_newer_backbone_stay(home: Home, body: bytes) -> None:
    home.imported(body)
    label = home.store.label("ann", "simulator:0")
    assert label is not None
    home.store.refresh_label(label.model_copy(update={"backbone": "b" * 64, "features": b"\1\0"}))

    home.imported(body)

    assert home.store.label("ann", "simulator:0").backbone == "b" * 64  # type: ignore[union-attr]


def test_models_of_ones_own_stay(home: Home, body: bytes) -> None:
    home.store.create_user(User(user_id="ann"))
    own = a_model("ann", 7, home.clock.now()).model_copy(update={"version": 1})
    home.store.put_model(own)
    home.store.set_champion("ann", 1, expected=None)

    report = home.imported(body)

    assert {row.name for row in report.rows} == {"models[0]", "models[1]", "models[2]"}
    assert [model.sha256 for model in home.store.models("ann")] == [own.sha256]
    assert home.store.user("ann").champion == 1  # type: ignore[union-attr]


def test_settings_stay_while_swipr_may_act(home: Home, body: bytes) -> None:
    home.store.create_user(User(user_id="ann", deck="simulator", acting_on="simulator", enabled=True))

    report = home.imported(body)

    assert "turn acting off" in str(report.rows[-1].why)
    assert home.store.user("ann").settings == UserSettings()  # type: ignore[union-attr]


def test_a_connected_deck_stays(home: Home, body: bytes) -> None:
    home.store.create_user(User(user_id="ann"))
    home.store.connect_deck("ann", deck="tinder", sealed_token=b"x", at=home.clock.now())

    home.imported(body)

    user = home.store.user("ann")
    assert user is not None
    assert (user.deck, user.deck_token) == ("tinder", b"x")


def test_an_outcome_noted_here_later_stays(home: Home, body: bytes) -> None:
    home.imported(body)
    home.store.note_outcome("ann", "match-0", "met", at=home.clock.now())

    home.imported(body)

    assert home.store.match("ann", "match-0", at=home.clock.now()).outcome == "met"  # type: ignore[union-attr]


# --- cut short -------------------------------------------------------------------------------------------------


def test_an_import_goes_on_where_the_time_ran_out(home: Home, body: bytes) -> None:
    home.store.create_user(User(user_id="ann"))
    uploaded, looks = home.put(body), itertools.count()

    with pytest.raises(UnfinishedError):
        home.take(uploaded, time_left_s=lambda: 300.0 if next(looks) < 2 else 1.0)
    report = home.take(uploaded)

    assert report is not None
    assert (report.state, report.tries, report.refused) == ("done", 2, 0)


def test_an_import_tried_too_often_is_said_to_have_failed_and_still_goes_on(home: Home, body: bytes) -> None:
    home.store.create_user(User(user_id="ann"))
    uploaded = home.put(body)

    for _ in range(TRIES):
        with pytest.raises(UnfinishedError):
            home.take(uploaded, time_left_s=lambda: 1.0)
    said = read_report(home.blobs, "ann", uploaded.upload_id)

    assert said is not None
    assert (said.state, said.why) == ("failed", GIVEN_UP)
    assert home.take(uploaded).state == "done"  # type: ignore[union-attr]


def test_a_crash_at_any_point_and_another_delivery_restore_all(tmp_path: Path, body: bytes) -> None:
    at, total = 0, 10**6
    while at < total:
        at += 3
        for after in (False, True):
            clock = Clock()
            clock.sleep(3600)
            with local_home(tmp_path / f"{at}-{after}", clock, key=b"e" * 32) as home:
                home.store.create_user(User(user_id="ann"))
                uploaded, crashes = home.put(body), Crashes(at, after=after)
                watched = home.uploads()
                parts = {name: crashes.wrap(getattr(home, name)) for name in ("store", "blobs", "queue")}
                try:
                    home.take(uploaded, type(watched)(**(vars(watched) | parts)))
                except Crash:
                    home.take(uploaded)
                total = len(crashes.calls) if crashes.at and len(crashes.calls) < crashes.at else total
                assert data_of(home.exported()) == data_of(body), f"crash at {at}, after: {after}"


def test_a_user_deleted_meanwhile_leaves_nothing(home: Home, body: bytes) -> None:
    home.store.create_user(User(user_id="ann"))
    home.store.create_user(User(user_id="bob"))
    uploaded, put_model = home.put(body), home.store.put_model

    def deleting(model: Any) -> bool:
        delete_everything("ann", store=home.store, blobs=home.blobs, at=home.clock.now())
        return put_model(model)

    home.store.put_model = deleting  # type: ignore[method-assign]

    assert home.take(uploaded) is None
    assert home.store.user_ids() == ["bob"]
    assert home.blobs.keys("") == []
    assert home.store.delete_records("ann") == 0


# --- hostile ones ----------------------------------------------------------------------------------------------


def put(*path: str | int, to: Any) -> Callable[[Json], None]:
    """Change one place of `data.json`."""

    def change(data: Any) -> None:
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put("version", to=2), "format version 2"),
        (put("version", to=[[]]), "format version"),
        (put("labels", to={}), "labels: "),
        (put("deck", to="../../x"), "deck: "),
        (put("enabled", to=True), "enabled: "),
        (put("acting_on", to="tinder"), "acting_on: "),
        (put("deck_token", to="eA=="), "deck_token: "),
        (put("champion", to="x"), "champion: "),
        (put("exported_at", to="yesterday"), "exported_at: "),
    ],
)
def test_an_archive_that_cannot_be_used_is_refused_whole(
    home: Home, body: bytes, change: Callable[[Json], object], why: str
) -> None:
    report = home.imported(changed(body, change))

    assert report.state == "failed"
    assert why in str(report.why)
    assert home.store.labels("ann") == []


HEAD = base64.b64encode(b"SWHEAD1\0" + bytes(200)).decode()


@pytest.mark.parametrize(
    ("change", "name", "why"),
    [
        (put("labels", 0, to="nonsense"), "labels[0]", "valid dictionary"),
        (put("labels", 0, "choice", to="love"), "labels[0]", "choice: "),
        (put("labels", 0, "card_id", to="../x"), "labels[0]", "card_id: "),
        (put("labels", 0, "backbone", to="../../etc"), "labels[0]", "backbone: "),
        (put("labels", 0, "features", to="%%%"), "labels[0]", "features: is not base64"),
        (put("labels", 0, "features", to="eA=="), "labels[0]", "features: are not float16"),
        (put("labels", 0, "features", to="AHw="), "labels[0]", "features: a feature is not finite"),
        (put("labels", 0, "features", to="AAAA" * 30_000), "labels[0]", "larger than 64 kB"),
        (put("labels", 0, "labelled_at", to="2999-01-01T00:00:00Z"), "labels[0]", "the year 2999"),
        (put("labels", 0, "labelled_at", to="2027-01-01T00:00:00Z"), "labels[0]", "lies in the future"),
        (put("labels", 0, "labelled_at", to="0001-01-01T00:00:00+14:00"), "labels[0]", "year 1"),
        (put("labels", 0, "user_id", to="bob"), "labels[0]", "user_id: "),
        (put("labels", 0, "photos", to=["data.json"]), "labels[0]", "photos: are not in the archive"),
        (put("labels", 0, "photos", to=["../../x"]), "labels[0]", "photos: are not in the archive"),
        (put("decisions", 0, "user_id", to="bob"), "decisions[0]", "user_id: "),
        (put("decisions", 0, "photos", to=[{"key": "sessions/bob/x", "first": 0, "last": 9}]), "decisions[0]", "holds"),
        (put("decisions", 0, "state", to="pending"), "decisions[0]", "holds"),
        (put("decisions", 0, "name", to="\ud800"), "decisions[0]", "text that is none"),
        (put("decisions", 0, "reason", to="x" * 70_000), "decisions[0]", "larger than 64 kB"),
        (put("decisions", 0, "expires_at", to="2100-01-01T00:00:00Z"), "decisions[0]", "expires too late"),
        (put("matches", 0, "matched_at", to="2027-03-01T00:00:00Z"), "matches[0]", "lies in the future"),
        (put("matches", 0, "outcome", to="married"), "matches[0]", "outcome: "),
        (put("models", 0, "head", to=HEAD), "models[0]", "checksum"),
        (put("models", 0, "sha256", to="0" * 64), "models[0]", "not the one"),
        (put("models", 0, "backbone", to="f" * 64), "models[0]", "not the one"),
        (put("models", 0, "version", to=10**12), "models[0]", "no export of ours"),
        (put("models", 0, "user_id", to="bob"), "models[0]", "user_id: "),
        (put("models", 0, "kind", to="tuned"), "models[0]", "needs a tuned network"),
        (put("models", 0, "kind", to="magic"), "models[0]", "kind: "),
        (put("labels", 0, "earlier", to=[{"choice": "like"}]), "labels[0]", "earlier.0."),
        (put("labels", 0, "predicted", to=[{}] * 9), "labels[0]", "predicted"),
        (put("labels", 0, "network_logits", to={"../x": 1.0}), "labels[0]", "network_logits"),
        (put("settings", "likes_per_day", to=10**9), "settings[0]", "settings.likes_per_day: "),
        (put("settings", to={"nonsense": 1}), "settings[0]", "settings.nonsense: "),
    ],
)  # fmt: skip
def test_a_bad_item_costs_itself(
    home: Home, body: bytes, change: Callable[[Json], object], name: str, why: str
) -> None:
    report = home.imported(changed(body, change))

    assert report.state == "done"
    assert [row.name for row in report.rows] == [name]
    assert why in str(report.rows[0].why)
    assert (report.refused, report.taken) == (1, report.total - 1)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"format": "swipr-export"', "not JSON"),
        (b'{"format": "swipr-export", "x": ' + b"[" * 200_000, "not JSON"),
        (b'{"format": "swipr-export", "x": [' + b"[],"  * 2_000_000 + b"[]]}", "more values"),
        (b'{"format": "swipr-export", "champion": NaN}', "not JSON"),
        (b'{"format": "swipr-export", "champion": 1e999}', "not JSON"),
        (b'{"format": "swipr-export", "champion": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'["format", {"format": "swipr-export"}]', "file: "),
        (b"\xff" + b'{"format": "swipr-export"}', "not JSON"),
    ],
)  # fmt: skip
def test_no_data_is_believed(home: Home, body: bytes, text: bytes, why: str) -> None:
    report = home.imported(with_data(body, text))

    assert (report.state, report.taken, report.restored) == ("failed", 0, None)
    assert why in str(report.why)


@pytest.mark.parametrize("text", [b"", b"[" * 100_000, b'{"format": "other"}'])
def test_a_zip_without_our_mark_is_one_of_photos(home: Home, body: bytes, text: bytes) -> None:
    report = home.imported(with_data(body, text))

    assert (report.state, report.taken, report.restored) == ("done", 0, None)
    assert {"not a photo", "lies neither in like/ nor in pass/"} == {row.why for row in report.rows}


def test_data_that_unpacks_to_more_than_it_may_is_refused(home: Home, body: bytes) -> None:
    bomb = b'{"format": "swipr-export", "x": "' + b" " * MAX_DATA_BYTES + b'"}'

    report = home.imported(with_data(body, bomb))

    assert "unpacks to more than 150 MB" in str(report.why)


def test_two_sets_of_data_are_refused(home: Home, body: bytes) -> None:
    twice = io.BytesIO(body)
    with zipfile.ZipFile(twice, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("data.json", "{}")

    assert "data.json twice" in str(home.imported(twice.getvalue()).why)


def test_a_photo_that_is_none_costs_its_label(home: Home, body: bytes) -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"#!/bin/sh" if name.startswith("photos/like/") else old.read(name))

    report = home.imported(other.getvalue())

    assert report.restored is not None
    assert report.restored["labels"] == 3
    assert {row.why for row in report.rows} == {"photos: not a JPEG, PNG or WebP photo"}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_archive_only_fails(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, data: st.DataObject
) -> None:
    broken = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    clock = Clock()
    clock.sleep(3600)
    with local_home(tmp_path_factory.mktemp("home") / "home", clock) as home:
        report = home.imported(bytes(broken[: data.draw(st.integers(len(body) // 2, len(body)))]))
        user = home.store.user("ann")

    assert report.state in ("done", "failed")
    assert user is not None
    assert (user.enabled, user.acting_on, user.deck_token) == (False, None, None)


def test_an_archive_from_before_there_were_rechecks_and_networks_is_taken_in(home: Home, body: bytes) -> None:
    def old(data: Json) -> None:
        for label in data["labels"]:
            for name in ("predicted", "network_logits", "earlier"):
                del label[name]
        for decision in data["decisions"]:
            for name in ("shadow", "network_logits"):
                del decision[name]
        for model in data["models"]:
            for name in ("kind", "network", "candidate", "parent"):
                del model[name]
        del data["handoff"]["photos"]

    report = home.imported(changed(body, old))

    taken = data_of(home.exported())
    assert (report.state, report.refused, taken["handoff"].pop("photos")) == ("done", 0, 0)
    expected = data_of(body)
    del expected["handoff"]["photos"]
    assert taken == expected
