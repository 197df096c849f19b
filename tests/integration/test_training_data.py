"""What training finds to learn from: open hand-offs in a folder or a bucket, labels, photos, splits. No PyTorch."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto import mock_aws

from local import durable
from local.training_home import TrainingHome, drafts
from swipr.candidates.candidate import mark
from swipr.errors import InputError, LabelError, NotFoundError
from tests.handed import AT, DIMENSIONS, hand_over, picture, put
from training import data
from training.data import Bucket, folds, open_handoffs, place_of, read_lesson, read_photos


@pytest.fixture
def home(tmp_path: Path) -> TrainingHome:
    (tmp_path / "handoffs").mkdir()
    return TrainingHome(tmp_path)


def test_open_handoffs_are_listed_newest_first(home: TrainingHome) -> None:
    older, newer = hand_over(home.folder, seed=1), hand_over(home.folder, seed=2)

    found = open_handoffs(home, AT + timedelta(days=15, hours=12))

    assert [each.handoff for each in found] == [newer, older]
    assert [each.late for each in found] == [False, True]
    assert [each.lacking for each in found] == ["", ""]


def test_an_answered_one_is_not_open_but_a_half_answered_one_is(home: TrainingHome) -> None:
    answered, half = hand_over(home.folder, seed=1), hand_over(home.folder, seed=2)
    home.put(f"inbox/{answered.handoff_id}-r1/sums.json", b"{}")
    home.put(f"inbox/{half.handoff_id}-r1/card.json", b"{}")

    assert [each.handoff for each in open_handoffs(home, AT)] == [half]


def test_one_whose_answer_was_refused_is_open_again_until_another_comes(home: TrainingHome) -> None:
    handoff = hand_over(home.folder)
    home.put(f"inbox/{handoff.handoff_id}-r1/sums.json", b"{}")
    put(home.folder, mark(f"{handoff.handoff_id}-r1", "refused"), b"")

    assert [each.handoff for each in open_handoffs(home, AT)] == [handoff]
    home.put(f"inbox/{handoff.handoff_id}-r2/sums.json", b"{}")
    assert open_handoffs(home, AT) == []


def test_one_whose_answer_was_registered_is_not_open_nor_an_older_one(home: TrainingHome) -> None:
    hand_over(home.folder, seed=1)
    newer = hand_over(home.folder, seed=2)
    put(home.folder, mark(f"{newer.handoff_id}-r1", "registered"), b"")

    assert open_handoffs(home, AT) == []


def test_what_is_put_while_the_inbox_is_taken_away_arrives(home: TrainingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    real, taken = durable.write_file, []

    def write(path: Path, body: bytes, *, temp: Path) -> None:
        if not taken:
            taken.append(path.parent)
            path.parent.rmdir()
        real(path, body, temp=temp)

    monkeypatch.setattr(durable, "write_file", write)
    home.put("inbox/a-1/card.json", b"{}")

    assert (len(taken), home.get("inbox/a-1/card.json")) == (1, b"{}")


def test_one_without_labels_of_its_own_is_not_open(home: TrainingHome) -> None:
    handoff = hand_over(home.folder)
    old = handoff.model_copy(update={"dataset": "", "schema_version": 1})
    put(home.folder, f"handoffs/{handoff.handoff_id}.json", old.model_dump_json().encode())
    put(home.folder, "handoffs/broken.json", b"{")

    assert open_handoffs(home, AT) == []
    with pytest.raises(InputError, match="no labels with it"):
        data.handoff_of(home, handoff.handoff_id[:6])


@pytest.mark.parametrize("name", ["ffff", ""])
def test_a_handoff_is_named_by_what_only_it_begins_with(home: TrainingHome, name: str) -> None:
    one = hand_over(home.folder, seed=1)
    hand_over(home.folder, seed=2)

    assert data.handoff_of(home, one.handoff_id[:8]) == one
    with pytest.raises(InputError, match="hand-offs begin with"):
        data.handoff_of(home, name)


def test_labels_and_photos_are_read_as_the_judge_reads_them(home: TrainingHome) -> None:
    from swipr import photos

    handoff = hand_over(home.folder, 20, photos_of=2, with_photos=15)

    lesson = read_lesson(home, handoff)
    pictures = read_photos(home, lesson, 32)

    assert lesson.features.shape == (20, DIMENSIONS)
    assert lesson.liked.tolist() == [bool(number % 2) for number in range(20)]
    assert pictures.card_of.tolist() == [number for number in range(15) for _ in range(2)]
    assert (pictures.pixels[3] == photos.to_input(picture(True, 11), 32)).all()


def test_photos_that_are_gone_or_damaged_are_counted_and_left_out(home: TrainingHome) -> None:
    handoff = hand_over(home.folder, 20)
    (home.folder / "labelled/ann/0003/00.png").unlink()
    put(home.folder, "labelled/ann/0004/00.png", b"no photo")

    pictures = read_photos(home, read_lesson(home, handoff), 32)

    assert len(pictures.card_of) == 18
    assert pictures.missing == {"deleted since": 1, "not a JPEG, PNG or WebP photo": 1}


def test_a_forgotten_labels_file_is_told(home: TrainingHome) -> None:
    handoff = hand_over(home.folder, 20)
    (home.folder / handoff.dataset).unlink()

    with pytest.raises(InputError, match="is not there"):
        read_lesson(home, handoff)


@pytest.mark.parametrize("body", [b"", b"{}\n", b"no json\n"])
def test_a_damaged_labels_file_is_told(home: TrainingHome, body: bytes) -> None:
    handoff = hand_over(home.folder, 20)
    put(home.folder, handoff.dataset, body)

    with pytest.raises((InputError, LabelError), match="labels"):
        read_lesson(home, handoff)


def test_what_is_missing_for_a_network_is_said_with_the_next_step(home: TrainingHome) -> None:
    some, none = hand_over(home.folder, 60, seed=1), hand_over(home.folder, 60, with_photos=12, seed=2)
    enough, few = (read_lesson(home, handoff) for handoff in (some, none))

    assert data.too_little(enough, read_photos(home, enough, 32)) == ""
    assert data.too_little(few, read_photos(home, few, 32)).startswith("6 likes and 6 passes have kept photos")
    assert [each.lacking[:10] for each in open_handoffs(home, AT)] == ["12 of the ", ""]


# --- splits --------------------------------------------------------------------------------------------------


def test_splits_are_by_card_and_hold_both_kinds() -> None:
    card_of = np.repeat(np.arange(60), 3)
    liked = np.repeat(np.arange(60) % 4 == 0, 3)

    fold = folds(card_of, liked, 5, 1)

    assert all(len(set(fold[card_of == card])) == 1 for card in range(60))
    assert all(set(liked[fold == number]) == {True, False} for number in range(5))
    assert np.bincount(fold).tolist() == [36] * 5


def test_splits_follow_from_the_seed() -> None:
    card_of, liked = np.arange(50), np.arange(50) % 2 == 0

    first, again, other = (folds(card_of, liked, 5, seed) for seed in (1, 1, 2))

    assert (first == again).all()
    assert (first != other).any()


# --- places --------------------------------------------------------------------------------------------------


def test_training_writes_to_the_inbox_only(home: TrainingHome) -> None:
    home.put("inbox/a-b/card.json", b"{}")

    assert home.get("inbox/a-b/card.json") == b"{}"
    assert list(drafts(home.folder).iterdir()) == []
    for key in ("handoffs/x.json", "labelled/ann/x", "inbox/../x"):
        with pytest.raises(InputError):
            home.put(key, b"x")
    with pytest.raises(NotFoundError):
        home.get("inbox/none")


def test_the_objects_of_a_data_folder_are_those_of_its_blobs(tmp_path: Path) -> None:
    put(tmp_path, "blobs/objects/handoffs/x.json", b"{}")

    assert TrainingHome(tmp_path).keys("handoffs/") == ["handoffs/x.json"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data folder of Swipr"):
        place_of(tmp_path, None)
    with pytest.raises(InputError, match="one of the two"):
        place_of(tmp_path, "bucket")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    with mock_aws():
        client = boto3.client("s3", region_name="eu-central-1")
        client.create_bucket(Bucket="swipr", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield Bucket(client, "swipr")


def test_a_bucket_is_read_and_answered_the_same(bucket: Bucket, tmp_path: Path) -> None:
    handoff = hand_over(tmp_path, 20)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        bucket.put(path.relative_to(tmp_path).as_posix(), path.read_bytes())

    lesson = read_lesson(bucket, data.handoff_of(bucket, handoff.handoff_id))

    assert len(read_photos(bucket, lesson, 32).card_of) == 20
    assert [each.handoff for each in open_handoffs(bucket, AT)] == [handoff]
    bucket.put(f"inbox/{handoff.handoff_id}-1/sums.json", b"{}")
    assert open_handoffs(bucket, AT) == []
    with pytest.raises(NotFoundError):
        bucket.get("inbox/none")


def test_what_the_command_line_imports_needs_no_pytorch() -> None:
    script = "import sys, cli.train, training.data, training.runs, training.evaluate; print('torch' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"
