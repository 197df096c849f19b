"""Uploads whose photos are kept, uploads tried in vain, and uploads of users who are gone."""

import itertools
from datetime import timedelta

import pytest

from swipr import kept_photos
from swipr.api.upload_desk import UploadDesk
from swipr.errors import ModelError, UnfinishedError
from swipr.models import UserSettings
from swipr.uploads.report import DEAD_AFTER, GIVEN_UP
from swipr.uploads.uploads import TRIES
from tests.doubles import JPEG, Crash, Crashes
from tests.install import USER
from tests.integration.test_uploads import KEY, Desk, desk, photos, swiped
from tests.zips import zip_of

__all__ = ["desk", "swiped"]


def keep(desk: Desk, *, keeps: bool = True) -> None:
    user = desk.home.store.user(USER)
    assert user is not None
    wanted = UserSettings.model_validate(user.settings.model_dump() | {"keep_photos": keeps})
    desk.home.store.save_settings(USER, wanted, revision=user.settings_revision)


def kept(desk: Desk) -> dict[str, list[bytes]]:
    """The kept photos of each labelled card."""
    blobs = desk.home.blobs
    cards = {card: kept_photos.keys(blobs, USER, card) for card in desk.labels()}
    return {card: [blobs.get(key) for key in keys] for card, keys in cards.items()}


def test_photos_of_an_upload_are_kept_where_their_owner_wants_that(desk: Desk) -> None:
    keep(desk)
    entries = photos(3)

    desk.taken(zip_of(entries), f"{KEY}.zip")

    assert sorted(photo for photos in kept(desk).values() for photo in photos) == sorted(entries.values())


def test_photos_of_an_upload_are_not_kept_otherwise(desk: Desk) -> None:
    desk.taken(zip_of(photos(3)), f"{KEY}.zip")

    assert desk.home.blobs.keys("labelled/") == []


def test_photos_of_decided_cards_are_kept_too(swiped: Desk) -> None:
    keep(swiped)

    swiped.taken([{"card_id": "fake:0", "choice": "pass"}])

    assert kept(swiped) == {"fake:0": [JPEG + b"like/0/0"]}


def test_a_refused_row_keeps_no_photo(desk: Desk) -> None:
    keep(desk)

    desk.taken(zip_of({"like/broken.jpg": JPEG + b"broken/1"}), f"{KEY}.zip")

    assert desk.home.blobs.keys("labelled/") == []


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_point_and_another_delivery_keep_every_photo(desk: Desk, after: bool) -> None:
    keep(desk)
    entries = photos(2)
    for at in itertools.count(1):
        desk.home.store.delete_records(USER)
        kept_photos.forget_all(desk.home.blobs, USER)
        uploaded, crashed = desk.put(zip_of(entries), f"{KEY}.zip"), False
        try:
            desk.take(uploaded, Crashes(at, after=after))
        except Crash:
            crashed = True
        desk.take(uploaded)

        photos_kept = sorted(photo for photos in kept(desk).values() for photo in photos)
        assert photos_kept == sorted(entries.values()), f"crash at {at}"
        if not crashed:
            assert at > 20
            return


# --- tried in vain ---------------------------------------------------------------------------------------------


def test_an_upload_tried_three_times_is_not_read_for_ever(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(130)), f"{KEY}.zip")

    states = []
    for _ in range(TRIES):
        with pytest.raises(UnfinishedError):
            desk.take(uploaded, time_left_s=lambda: 1.0)
        states.append(desk.report(uploaded).state)

    assert states == ["reading", "reading", "failed"]
    assert desk.report(uploaded).why == GIVEN_UP


def test_a_judge_that_always_fails_is_reported_too(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(2)), f"{KEY}.zip")

    def broken(request: object) -> None:
        raise ModelError("no judge")

    desk.judge = broken  # type: ignore[assignment]
    for _ in range(TRIES):
        with pytest.raises(ModelError):
            desk.take(uploaded)

    assert desk.report(uploaded).state == "failed"


def test_one_that_was_given_up_is_finished_all_the_same_if_it_comes_again(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(2)), f"{KEY}.zip")
    for _ in range(TRIES):
        with pytest.raises(UnfinishedError):
            desk.take(uploaded, time_left_s=lambda: 1.0)

    desk.take(uploaded)

    assert (desk.report(uploaded).state, desk.report(uploaded).taken) == ("done", 2)


def test_one_whose_reader_was_killed_is_said_to_have_failed_later(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(130)), f"{KEY}.zip")
    with pytest.raises(UnfinishedError):
        desk.take(uploaded, time_left_s=lambda: 1.0)
    shown = UploadDesk(desk.home.blobs, desk.home.clock.now, lambda n: "0" * 2 * n)

    before = shown.report(USER, uploaded.upload_id)
    desk.home.clock.sleep((DEAD_AFTER + timedelta(seconds=1)).total_seconds())
    after = shown.report(USER, uploaded.upload_id)

    assert (before.state, after.state, after.why) == ("reading", "failed", GIVEN_UP)
    assert shown.newest(USER).uploads[0].state == "failed"


def test_an_upload_of_nobody_is_not_kept(desk: Desk) -> None:
    uploaded = desk.put([], "labels/nobody/x.json")

    assert desk.take(uploaded) is None
    assert desk.home.blobs.keys("") == []
