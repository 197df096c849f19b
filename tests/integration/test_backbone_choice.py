"""The first start chooses a backbone, later ones keep it, and labels fix it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local import backbone_choice, backbone_folder, backbones, recommended
from local.backbone_choice import Sources
from local.backbones import BackboneError
from local.data_folder import open_folder
from local.database import Database
from local.store import SqliteStore
from swipr.models import Label, User
from tests import file_server
from tests.backbone_folders import BUILTIN_SHA256, another, tree
from tests.file_server import serving

SHARED = Path(os.environ.get("SWIPR_SHARED", Path(__file__).resolve().parents[3] / "shared"))
WEIGHTS = Path(os.environ.get("SWIPR_WEIGHTS") or SHARED / "weights")
NOBODY = Sources(url="http://127.0.0.1:9/file")  # the discard port: nobody answers
needs_weights = pytest.mark.skipif(
    not (WEIGHTS / recommended.FILE).is_file(), reason="SWIPR_WEIGHTS names no folder with the network's file"
)


def now():
    return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def data(tmp_path):
    with open_folder(tmp_path / "data") as folder:
        yield folder


def choose(folder, named=None, sources=NOBODY):
    return backbone_choice.choose(folder.path, named, sources, now)


def teach(folder, backbone, count=3):
    database = Database(folder.database)
    store = SqliteStore(database)
    store.create_user(User(user_id="ann"))
    for number in range(count):
        store.put_label(
            Label(
                user_id="ann", card_id=f"x:{backbone[:4]}{number}", choice="like", labelled_at=now(), backbone=backbone
            )
        )
    database.close()


def test_without_network_it_is_the_built_in_one_and_says_why_and_what_it_means(data):
    choice = choose(data)

    said = "\n".join(choice.says)
    assert choice.record.sha256 == BUILTIN_SHA256
    assert "weaker" in said
    assert "`swipr backbone pull`" in said
    assert "no connection" in said
    assert backbone_folder.check(choice.folder)["sha256"] == BUILTIN_SHA256


def test_a_failed_pull_leaves_nothing_behind(data):
    body = b"x" * recommended.PINNED.size
    before = tree(data.path)
    for serve in (file_server.whole, file_server.cut, file_server.moved, file_server.too_long):
        with serving(serve, body) as (url, _), pytest.raises(backbone_choice.DownloadError):
            backbone_choice.install(data.path, Sources(url=url))

        assert tree(data.path) == before
        assert not backbones.home(data.path).exists()


@needs_weights
def test_the_network_is_used_where_there_is_one(data):
    body = (WEIGHTS / recommended.FILE).read_bytes()
    with serving(file_server.whole, body) as (url, asked):
        choice = choose(data, sources=Sources(url=url))

        assert len(asked) == 1
    card = backbone_folder.check(choice.folder)
    assert (card["name"], card["licence"]) == (recommended.NAME, "Apache-2.0")
    assert [output["dimensions"] for output in card["outputs"]] == [1280, 1424]
    assert card["reference"] == recommended.shipped_reference().words


@needs_weights
def test_a_folder_of_weights_goes_before_the_network(data):
    with serving(file_server.whole, b"") as (url, asked):
        choice = choose(data, sources=Sources(weights=WEIGHTS, url=url))

        assert asked == []
    assert choice.record.name == recommended.NAME


@needs_weights
def test_reference_statistics_may_be_measured_on_photos_of_ones_own(data, tmp_path):
    from PIL import Image

    from training.drawings import draw

    for number, pixels in enumerate(draw(recommended.MIN_PHOTOS, 64)):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")

    folder, _ = backbone_choice.install(data.path, Sources(weights=WEIGHTS, photos=tmp_path))

    card = backbone_folder.check(folder)
    assert card["reference"] == f"{recommended.MIN_PHOTOS} photos named by the user"


def test_wrong_weights_are_told_and_the_built_in_one_is_taken(data, tmp_path):
    (tmp_path / recommended.FILE).write_bytes(b"something else")

    choice = choose(data, sources=Sources(weights=tmp_path))

    assert choice.record.sha256 == BUILTIN_SHA256
    assert "not the pinned file" in choice.says[-1]


def test_the_choice_is_kept_when_there_would_be_a_better_one(data):
    choose(data)
    with serving(file_server.whole, b"") as (url, asked):
        again = choose(data, sources=Sources(url=url))

        assert asked == []
    assert again.record == backbones.read_record(data.path)


def test_one_named_is_copied_so_that_it_cannot_go_away(data, tmp_path):
    source = another(tmp_path / "source")
    choose(data, str(source))
    (source / "backbone.onnx").unlink()

    assert backbone_folder.check(choose(data).folder)["name"] == "another"


def test_without_labels_another_may_be_named(data, tmp_path):
    choose(data)

    choice = choose(data, str(another(tmp_path / "source")))

    assert choice.record.name == backbones.read_record(data.path).name == "another"


def test_labels_fix_it(data, tmp_path):
    first = choose(data)
    teach(data, first.record.sha256)

    with pytest.raises(BackboneError, match="swipr backbone use"):
        choose(data, str(another(tmp_path / "source")))

    assert choose(data, "builtin").record == first.record


def test_a_folder_older_than_the_record_goes_by_its_labels(data):
    teach(data, BUILTIN_SHA256)

    assert choose(data).record.sha256 == BUILTIN_SHA256


def test_labels_of_a_backbone_that_is_gone_stop_the_start(data):
    teach(data, "f" * 64)

    with pytest.raises(BackboneError, match="not installed"):
        choose(data)


def test_what_does_not_exist_is_refused_with_what_does(data):
    with pytest.raises(BackboneError, match="there are builtin"):
        choose(data, "resnet")


def test_a_backbone_that_went_missing_is_told(data):
    choice = choose(data)
    (choice.folder / "backbone.json").unlink()

    with pytest.raises(BackboneError, match="missing or damaged"):
        choose(data)


def test_a_change_cut_short_stops_the_start(data):
    record = choose(data).record
    backbones.write_record(data.path, record._replace(changing_to="another"))

    for named in (None, "builtin"):
        with pytest.raises(BackboneError, match="cut short: finish it with `swipr backbone use another`"):
            choose(data, named)
