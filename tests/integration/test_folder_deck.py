"""A folder as a deck: what is judged, what is left, what lies where afterwards."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swipr.decks.folder import BATCH, BATCH_BYTES
from swipr.decks.folder_places import _copy
from swipr.decks.folder_results import FILE_NAME, Results
from swipr.decks.folder_scan import MAX_BYTES
from swipr.errors import PhotoError
from swipr.models import Photo
from tests.doubles import JPEG, Crash
from tests.folder_install import Effects, FolderInstall, card_id_of_file, taste_of, watched
from tests.install import USER

Make = Callable[..., FolderInstall]
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="such names, links and modes are POSIX's")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    opened: list[FolderInstall] = []

    def folder_install(**options: Any) -> FolderInstall:
        opened.append(FolderInstall(tmp_path / str(len(opened)), **options))
        return opened[-1]

    yield folder_install
    for each in opened:
        each.database.close()


# --- verdicts and links --------------------------------------------------------------------------------


def test_photos_are_linked_by_verdict_and_stay_where_they_are(make: Make) -> None:
    home = make()
    for path, taste in (("a.jpg", "like"), ("sub/b.jpg", "pass"), ("sub/deep/c.jpg", "unsure")):
        home.add(path, taste)

    home.look_to_the_end()

    assert home.verdicts() == {"a.jpg": "like", "sub/b.jpg": "pass", "sub/deep/c.jpg": "unsure"}
    assert home.places() == {"like/a.jpg": "like", "pass/b.jpg": "pass", "unsure/c.jpg": "unsure"}
    link = home.out / "pass" / "b.jpg"
    assert os.readlink(link) == os.path.join("..", "..", "photos", "sub", "b.jpg")
    assert (home.photos / "sub" / "deep" / "c.jpg").is_file()


def test_a_row_says_score_reason_time_and_place(make: Make) -> None:
    home = make()
    home.add("a.jpg", "like")

    home.look_to_the_end()

    row = home.row("a.jpg")
    assert (float(row.score), row.place) == (pytest.approx(0.982, abs=0.001), "like/a.jpg")
    assert "on or above your line" in row.reason
    assert row.time.endswith("+00:00")
    assert row.card_id == card_id_of_file(home.photos / "a.jpg")


def test_same_names_of_different_folders_lose_nothing(make: Make) -> None:
    home = make()
    for folder in ("one", "two", "three"):
        home.add(f"{folder}/same.jpg", "like")

    home.look_to_the_end()

    linked = {(home.out / "like" / name).resolve() for name in os.listdir(home.out / "like")}
    assert linked == {(home.photos / folder / "same.jpg").resolve() for folder in ("one", "two", "three")}


def test_links_fall_back_to_hard_links_and_copies(make: Make) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError("not on this disk")

    for ways in ((refuse, os.link), (refuse, refuse, _copy)):
        home = make(ways=ways)
        photo = home.add("a.jpg", "like")
        home.add("sub/a.jpg", "like")
        home.look_to_the_end()

        lying = home.out / "like" / "a.jpg"
        assert not lying.is_symlink()
        assert lying.read_bytes() == photo.read_bytes()
        assert lying.samefile(photo) == (ways[-1] is os.link)
        assert len(os.listdir(home.out / "like")) == 2
        assert not list(home.out.glob(".draft*"))


def test_what_the_user_put_there_is_not_overwritten(make: Make) -> None:
    home = make()
    home.add("a.jpg", "like")
    (home.out / "like").mkdir(parents=True)
    (home.out / "like" / "a.jpg").write_bytes(b"my own notes")

    home.look_to_the_end()

    assert (home.out / "like" / "a.jpg").read_bytes() == b"my own notes"
    assert sorted(home.places().values()) == ["like", "my own notes"]


def test_a_dry_run_writes_nothing(make: Make) -> None:
    home = make()
    home.store.set_acting(USER, acting_on=None)
    home.set(swipes_per_session=2)
    for number in range(5):
        home.add(f"{number}.jpg", "like")
    home.add("6.gif", "like", b"GIF89a")

    home.look_to_the_end()

    decided = home.store.decisions(USER, at=home.clock.now(), limit=9)
    assert {d.state for d in decided} == {"dry_run"}
    assert len(decided) == 5, "it goes on to the photos that were not judged yet"
    assert not home.out.exists()
    home.store.set_acting(USER, acting_on="folder")
    home.look_to_the_end()
    assert len(os.listdir(home.out / "like")) == 5


# --- unsure ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moves", [False, True])
def test_unsure_photos_stop_nothing_and_leave_when_answered(make: Make, moves: bool) -> None:
    home = make(moves=moves)
    for number in range(15):
        home.add(f"{number}.jpg", "unsure")
    home.add("z.jpg", "like")
    home.look_to_the_end()
    assert len(os.listdir(home.out / "unsure")) == 15
    assert os.listdir(home.out / "like") == ["z.jpg"]

    home.answer("3.jpg", "like")
    home.answer("4.jpg", "pass")
    home.look_to_the_end()

    assert len(os.listdir(home.out / "unsure")) == 13
    assert (home.places()["like/3.jpg"], home.places()["pass/4.jpg"]) == ("unsure", "unsure")
    assert (home.row("3.jpg").verdict, home.row("3.jpg").reason) == ("like", "your own answer")


def test_an_unsure_photo_whose_decision_expired_is_judged_anew(make: Make) -> None:
    home = make()
    home.add("a.jpg", "unsure")
    home.look_to_the_end()

    home.clock.at += timedelta(days=31)
    home.store.delete_expired(home.clock.now())

    assert home.look().unsure == 1
    home.look_to_the_end()
    assert home.places() == {"unsure/a.jpg": "unsure"}


def test_a_look_that_finds_nothing_new_writes_nothing(make: Make) -> None:
    home = make()
    for path, taste in (("a.jpg", "unsure"), ("b.jpg", "garbage"), ("c.jpg", "like"), ("d.heic", "like")):
        home.add(path, taste)
    home.add("e.heic", "", b"no photo")
    home.look_to_the_end()
    before = (home.out / FILE_NAME).stat().st_mtime_ns, (home.out / FILE_NAME).read_bytes()

    home.look()

    assert ((home.out / FILE_NAME).stat().st_mtime_ns, (home.out / FILE_NAME).read_bytes()) == before


def test_the_next_session_follows_at_once_while_there_is_more(make: Make) -> None:
    home = make()
    for number in range(3):
        home.add(f"{number}.jpg", "like")
    home.set(swipes_per_session=1)

    home.look()

    due = home.user().next_due_at
    assert due is not None
    assert due <= home.clock.now()
    home.look_to_the_end()
    due = home.user().next_due_at
    assert due is not None
    assert due > home.clock.now() + timedelta(seconds=500), "at rest it looks as often as its user chose"


# --- which files ------------------------------------------------------------------------------------------


def test_a_renamed_photo_is_the_same_card_and_its_link_follows(make: Make) -> None:
    home = make()
    photo = home.add("a.jpg", "like")
    home.look_to_the_end()

    (home.photos / "later").mkdir()
    photo.rename(home.photos / "later" / "b.jpg")
    home.look_to_the_end()

    assert home.verdicts() == {"later/b.jpg": "like"}
    assert home.places() == {"like/b.jpg": "like"}
    assert len(home.store.decisions(USER, at=home.clock.now(), limit=9)) == 1


def test_a_duplicate_is_judged_once_and_reported(make: Make) -> None:
    home = make()
    home.add("a.jpg", "like", JPEG + b"like/x")
    home.add("b/copy.jpg", "like", JPEG + b"like/x")

    home.look_to_the_end()

    assert home.verdicts() == {"a.jpg": "like", "b/copy.jpg": "duplicate"}
    assert home.row("b/copy.jpg").reason == "the same photo as a.jpg"
    assert home.places() == {"like/a.jpg": "like"}

    (home.photos / "a.jpg").unlink()
    home.look_to_the_end()

    assert home.verdicts() == {"b/copy.jpg": "like"}
    assert home.places() == {"like/copy.jpg": "like"}


def test_an_edited_photo_is_another_card(make: Make) -> None:
    home = make()
    photo = home.add("a.jpg", "like")
    home.look_to_the_end()

    photo.write_bytes(JPEG + b"pass/edited")
    home.look()  # changed since the last look, so it waits
    home.look_to_the_end()

    assert home.places() == {"pass/a.jpg": "pass"}
    assert home.verdicts() == {"a.jpg": "pass"}


def test_new_files_are_picked_up_by_the_next_look(make: Make) -> None:
    home = make()
    home.add("a.jpg", "like")
    home.look_to_the_end()
    home.restart()

    home.add("new/b.jpg", "pass")
    report = home.look()

    assert (report.cards, report.passed) == (1, 1), "what was judged is not judged again, also after a restart"


def test_a_file_still_written_waits_and_the_deck_is_not_called_empty(make: Make) -> None:
    home = make()
    photo = home.add("a.jpg", "like")
    home.clock.sleep(601)
    now = home.clock.now().timestamp() + 601
    os.utime(photo, (now, now))

    assert home.look().outcome == "deck_unavailable"
    status = home.user().status
    assert status is not None
    assert "still being written" in status.text
    assert home.look().liked == 1


def test_a_file_that_grows_waits_even_with_an_old_time(make: Make) -> None:
    home = make()
    photo = home.add("a.jpg", "like", JPEG + b"like/1")
    os.utime(photo, (1, 1))
    home.scan.look()
    photo.write_bytes(JPEG + b"like/12")
    os.utime(photo, (1, 1))

    assert home.look().cards == 0
    assert home.look().cards == 1


def test_a_file_that_changes_between_look_and_verdict_is_judged_anew(make: Make) -> None:
    home = make()
    photo = home.add("a.jpg", "like")
    deck = home.deck_of(home.user())
    card = deck.cards().cards[0]

    photo.write_bytes(JPEG + b"pass/otherwise")

    assert deck.like(card).state == "failed"
    assert home.places() == {}


def test_broken_and_foreign_files_stop_nothing(make: Make) -> None:
    home = make()
    home.add("broken.jpg", "garbage")
    home.add("empty.jpg", "", b"")
    home.add("text.png", "", b"hello")
    home.add("raw.heic", "", b"\0\0\0\x18ftypheic")
    home.add("notes.txt", "", b"hello")
    home.add("huge.png", "", b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES))
    home.add(".hidden.jpg", "like")
    home.add(".cache/b.jpg", "like")
    home.add("named like nothing", "like")
    home.add("z.jpg", "pass")

    home.look_to_the_end()

    unreadable = {path for path, verdict in home.verdicts().items() if verdict == "unreadable"}
    assert unreadable == {"broken.jpg", "empty.jpg", "text.png", "raw.heic", "huge.png"}
    assert home.places() == {"like/named like nothing": "like", "pass/z.jpg": "pass"}
    assert "larger than 10 MB" in home.row("huge.png").reason
    assert home.look().cards == 0


@ON_POSIX
def test_odd_names_survive(make: Make) -> None:
    home = make()
    odd = [
        "ünï 写真 🦊.jpg",
        "new\nline.jpg",
        "tab\t.jpg",
        "=cmd().jpg",
        'quo"te,.jpg',
        "-rf",
        "x" * 251 + ".jpg",
        "a\\b.jpg",
    ]
    for name in odd:
        home.add(name, "like")
        home.add(f"again/{name}", "like")
    home.add(b"latin\xe9.jpg", "pass")

    home.look_to_the_end()

    assert len(os.listdir(home.out / "like")) == 2 * len(odd)
    assert home.verdicts()["latin\\xe9.jpg"] == "pass"
    assert home.places()["pass/latin_xe9.jpg"] == "pass"
    assert "gone" not in home.places().values()
    assert all(name.isprintable() for name in os.listdir(home.out / "like"))
    text = (home.out / FILE_NAME).read_text(encoding="utf-8")
    assert len(text.splitlines()) == 2 * len(odd) + 2


@ON_POSIX
def test_no_link_pipe_or_forbidden_file_is_followed(make: Make, tmp_path: Path) -> None:
    home = make()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(JPEG + b"like/secret")
    os.symlink(outside, home.photos / "folder")
    os.symlink(outside / "secret.jpg", home.photos / "link.jpg")
    os.symlink(".", home.photos / "loop")
    os.mkfifo(home.photos / "pipe.jpg")
    home.add("own.jpg", "like")

    home.look_to_the_end()

    assert home.verdicts() == {"own.jpg": "like"}
    assert home.scan.look().links == 3


@ON_POSIX
def test_a_link_put_in_a_photo_s_place_is_not_read(make: Make, tmp_path: Path) -> None:
    home = make()
    photo = home.add("a.jpg", "like")
    deck = home.deck_of(home.user())
    (card,) = deck.cards().cards
    as_found = photo.stat()
    photo.unlink()
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(JPEG + b"like/x.jpg")  # of the very size and time
    os.utime(secret, ns=(1, as_found.st_mtime_ns))
    os.symlink(secret, photo)
    assert (secret.stat().st_size, secret.stat().st_mtime_ns) == (as_found.st_size, as_found.st_mtime_ns)

    with pytest.raises(PhotoError, match=r"cannot be read: .*symbolic"):
        deck.photo(card.photos[0])
    with pytest.raises(PhotoError, match="not offered"):
        deck.photo(Photo(photo_id="/etc/hosts", url="/etc/hosts"))
    assert deck.like(card).state == "failed"


def test_results_inside_the_photos_are_not_judged(make: Make) -> None:
    home = make(ways=(os.link,))
    home.out = home.photos / "sorted"
    home.restart()
    home.add("a.jpg", "like")

    home.look_to_the_end()

    assert home.verdicts() == {"a.jpg": "like"}


def test_a_folder_that_went_away_is_said(make: Make) -> None:
    home = make()
    home.photos.rmdir()

    assert home.look().outcome == "deck_unavailable"
    status = home.user().status
    assert status is not None
    assert "The folder cannot be used" in status.text


# --- limits -----------------------------------------------------------------------------------------------


def test_an_offer_is_bounded_in_number_and_bytes(make: Make) -> None:
    home = make()
    for number in range(BATCH + 5):
        home.add(f"{number:03}.jpg", "like")
    assert len(home.deck_of(home.user()).cards().cards) == BATCH

    home.add("000.png", "like", b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES - 100))
    home.add("001.png", "like", b"\x89PNG\r\n\x1a\n1" + bytes(MAX_BYTES - 100))
    home.add("002.png", "like", b"\x89PNG\r\n\x1a\n2" + bytes(MAX_BYTES - 100))
    big = [found.size for found in home.scan.look().files.values() if found.path.endswith("png")]
    offered = home.deck_of(home.user()).cards().cards
    assert sum(big) > BATCH_BYTES
    assert len(offered) < BATCH
    home.look_to_the_end()
    assert len(os.listdir(home.out / "like")) == BATCH + 5


def test_a_look_that_takes_long_goes_on_later(make: Make) -> None:
    home = make()
    for number in range(5):
        home.add(f"{number}.jpg", "like")
    clock = iter(range(0, 1000, 3))
    deck = home.deck_of(home.user())
    deck._clock = lambda: float(next(clock))

    assert 0 < len(deck.cards().cards) < 5


def test_a_large_photo_is_made_smaller_upright_and_without_its_metadata(make: Make) -> None:
    import io

    home = make()
    noise = Image.effect_noise((3000, 1500), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "a camera's maker"
    noise.save(home.photos / "camera.jpg", quality=95, exif=exif)
    deck = home.deck_of(home.user())
    (card,) = deck.cards().cards

    small = deck.photo(card.photos[0])

    image = Image.open(io.BytesIO(small))
    assert image.size == (512, 1024)
    assert len(small) < 500_000 < (home.photos / "camera.jpg").stat().st_size
    assert b"a camera" not in small


# --- twice, and after a crash --------------------------------------------------------------------------------


def test_the_same_answer_twice_is_one_link_and_one_row(make: Make) -> None:
    home = make()
    home.add("a.jpg", "like")
    deck = home.deck_of(home.user())
    (card,) = deck.cards().cards

    assert [deck.like(card).state, deck.like(card).state] == ["sent", "sent"]

    assert list(home.places()) == ["like/a.jpg"]
    assert len(Results(home.out, kept=True).rows) == 1
    assert (home.out / FILE_NAME).read_text().count("a.jpg,folder:") == 1


def test_rows_torn_by_a_crash_are_written_again(make: Make) -> None:
    home = make()
    for number in range(3):
        home.add(f"{number}.jpg", "like")
    home.look_to_the_end()
    file = home.out / FILE_NAME
    whole = file.read_bytes()
    line = whole.splitlines(keepends=True)[-1]

    for cut in range(1, len(line)):
        file.write_bytes(whole[: len(whole) - cut])
        home.restart()
        home.look_to_the_end()
        assert home.verdicts() == {"0.jpg": "like", "1.jpg": "like", "2.jpg": "like"}, f"cut {cut}"
        assert sorted(home.places()) == ["like/0.jpg", "like/1.jpg", "like/2.jpg"]


def test_lost_results_are_made_again_from_the_decisions(make: Make) -> None:
    home = make()
    for path, taste in (("a.jpg", "like"), ("b.jpg", "pass"), ("c.jpg", "unsure"), ("d.jpg", "garbage")):
        home.add(path, taste)
    home.look_to_the_end()
    before, rows = home.places(), home.verdicts()

    shutil.rmtree(home.out)
    assert home.look().cards == 0

    assert (home.places(), home.verdicts()) == (before, rows)


def test_what_was_acted_on_long_ago_does_not_block_the_deck(make: Make) -> None:
    home = make()
    for number in range(BATCH + 1):
        home.add(f"{number:03}.jpg", "like")
    home.look_to_the_end()
    shutil.rmtree(home.out)
    home.clock.at += timedelta(days=31)
    home.store.delete_expired(home.clock.now())
    home.add("new.jpg", "pass")

    home.look_to_the_end()

    assert home.places() == {"pass/new.jpg": "pass"}
    assert set(home.verdicts().values()) == {"earlier", "pass"}


def fill(home: FolderInstall) -> dict[str, bytes]:
    """Photos of every kind; their bytes by path."""
    files = [
        home.add("a.jpg", "like"), home.add("sub/a.jpg", "like"), home.add("b.jpg", "pass"),
        home.add("c.jpg", "unsure"), home.add("sub/c.jpg", "unsure"), home.add("d.jpg", "garbage"),
    ]  # fmt: skip
    return {file.relative_to(home.photos).as_posix(): file.read_bytes() for file in files}


def live_once(home: FolderInstall) -> None:
    """Judge what is there, answer one photo, judge on; a session that dies does not come again."""
    for round_ in range(5):
        if round_ == 2 and home.verdicts().get("c.jpg") == "unsure":
            home.answer("c.jpg", "pass")
        home.clock.sleep(601)
        home.tick()
        while home.queued:
            home.deliver(home.queued.pop(0))


WAYS = {"links": {}, "copies": {"ways": (_copy,)}, "moves": {"moves": True}}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_a_crash_at_every_change_of_the_disk_ends_in_the_same_results(make: Make, options: dict[str, Any]) -> None:
    model = make(**options)
    fill(model)
    with watched(Effects(model.out.parent)) as effects:
        live_once(model)
    expected_rows, expected_places = model.verdicts(), model.places()
    assert effects.seen > 20

    for point in range(1, effects.seen + 1):
        home = make(**options)
        photos = fill(home)
        try:
            with watched(Effects(home.out.parent, die_at=point)):
                live_once(home)
        except Crash:
            pass
        home.restart()
        live_once(home)

        assert home.verdicts() == expected_rows, f"died before change {point}"
        assert home.places() == expected_places, f"died before change {point}"
        assert not list(home.out.glob("*.draft")), f"died before change {point}"
        check_nothing_lost(home, photos)
        home.database.close()


def check_nothing_lost(home: FolderInstall, photos: dict[str, bytes]) -> None:
    """Each photo is still there, exactly once if photos are moved, and in its place if not."""
    if not home.moves:
        assert {path: (home.photos / path).read_bytes() for path in photos} == photos
        return
    left = [file.read_bytes() for file in [*home.photos.rglob("*"), *home.out.glob("*/*")] if file.is_file()]
    assert sorted(left) == sorted(photos.values())


# --- moving -------------------------------------------------------------------------------------------------


def test_moving_empties_the_folder_of_what_was_judged(make: Make) -> None:
    home = make(moves=True)
    photos = fill(home)
    home.add("notes.txt", "", b"mine")

    home.look_to_the_end()

    left = {file.relative_to(home.photos).as_posix() for file in home.photos.rglob("*") if file.is_file()}
    assert left == {"notes.txt", "d.jpg"}, "what cannot be judged stays"
    assert sorted(taste_of(file) for file in (home.out / "like").iterdir()) == ["like", "like"]
    assert not any(file.is_symlink() for file in home.out.rglob("*"))
    (home.photos / "notes.txt").unlink()
    check_nothing_lost(home, photos)


def test_moving_after_linking_moves_and_loses_nothing(make: Make) -> None:
    home = make()
    photos = fill(home)
    home.look_to_the_end()

    home.moves = True
    home.look_to_the_end()

    assert not any(file.is_symlink() for file in home.out.rglob("*"))
    check_nothing_lost(home, photos)


def test_moving_across_disks_copies_first(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make(moves=True)
    photos = fill(home)

    def another_disk(source: object, target: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", another_disk)
    home.look_to_the_end()

    check_nothing_lost(home, photos)
