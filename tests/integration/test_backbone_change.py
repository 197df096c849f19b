"""`swipr backbone`: photos of labels are embedded anew by the backbone chosen, and what cannot follow is named."""

import base64
import io
import json
from datetime import UTC, datetime

import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.main import app
from local import backbone_change, backbone_choice, backbone_folder, backbones, recommended
from local.backbone_choice import Sources
from local.backbones import BackboneError
from local.blobs import FileBlobs
from local.data_folder import DataFolderError, open_folder
from local.database import Database
from local.store import SqliteStore
from swipr import backbone, kept_photos, photos
from swipr.heads import unpack
from swipr.learning.refitting import refit
from swipr.models import Label, User
from tests import file_server
from tests.backbone_folders import BUILTIN_SHA256, another, tree
from tests.file_server import serving
from training.drawings import draw

NOWHERE = {"SWIPR_WEIGHTS": "", "SWIPR_BACKBONE_URL": "http://127.0.0.1:9/file"}


def now():
    return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def jpeg(pixels):
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()


PHOTOS = [jpeg(pixels) for pixels in draw(8, 96, seed=5)]


class Home:
    """A data folder whose user taught eight photos to the built-in backbone; those of `kept` are kept."""

    def __init__(self, path):
        self.path = path
        with open_folder(path) as folder:
            backbone_choice.choose(folder.path, "builtin", Sources(), now)
            with self.opened(folder) as (store, blobs):
                store.create_user(User(user_id="ann"))
                self.teach(store, blobs, kept=range(6))
                refit("ann", store, blobs, now=now(), code="tests", backbone=BUILTIN_SHA256)

    def opened(self, folder):
        return _Opened(folder)

    @staticmethod
    def teach(store, blobs, kept):
        network = backbone.load(backbones.SHIPPED / backbones.BUILT_IN)
        for number, photo in enumerate(PHOTOS):
            row = network.features(photos.to_input(photo, network.size_px)[None])[0].astype("<f2").tobytes()
            store.put_label(
                Label(
                    user_id="ann",
                    card_id=f"x:{number}",
                    choice="like" if number % 2 else "pass",
                    labelled_at=now(),
                    backbone=BUILTIN_SHA256,
                    features=row,
                )
            )
            if number in kept:
                kept_photos.keep(blobs, "ann", f"x:{number}", [photo])

    def look(self, question):
        with open_folder(self.path) as folder, self.opened(folder) as (store, blobs):
            return question(store, blobs)


class _Opened:
    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.database = Database(self.folder.database)
        blobs = FileBlobs(self.folder.blobs, sign_key=b"k" * 32, base_url=lambda: "http://x", now=now)
        return SqliteStore(self.database), blobs

    def __exit__(self, *error):
        self.database.close()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "data")


def test_labels_follow_by_their_photos_and_the_others_are_named(home, tmp_path):
    source = another(tmp_path / "source")
    told = []

    record, (changed,) = backbone_change.use(home.path, str(source), now, lambda *it: told.append(it))

    assert record == backbones.read_record(home.path)
    assert (record.name, record.changing_to) == ("another", None)
    assert sorted(label.card_id for label in changed.labels.left) == ["x:6", "x:7"]
    assert told[-1] == ("ann", 8, 8)
    network = backbone.load(source)
    expected = network.features(photos.to_input(PHOTOS[0], network.size_px)[None])[0].astype("<f2").tobytes()
    assert home.look(lambda store, _: store.label_features("ann", ["x:0"]))["x:0"] == expected
    assert (changed.model.backbone, changed.model.labels) == (record.sha256, 6)
    champion = home.look(lambda store, _: store.model("ann", store.user("ann").champion))
    assert unpack(champion.head).backbone == record.sha256
    derived = [f"features/ann/{record.sha256[:12]}.bin", "features/ann/evidence.json"]
    assert home.look(lambda _, blobs: blobs.keys("features/")) == derived


def test_going_back_brings_back_those_that_stayed(home, tmp_path):
    backbone_change.use(home.path, str(another(tmp_path / "source")), now)

    _, (changed,) = backbone_change.use(home.path, "builtin", now)

    assert (len(changed.labels.followed), changed.labels.left) == (6, [])
    assert changed.model.labels == 8


def test_doing_it_again_changes_nothing(home, tmp_path):
    backbone_change.use(home.path, str(another(tmp_path / "source")), now)

    _, (changed,) = backbone_change.use(home.path, "another", now)

    assert changed.labels.followed == []
    assert changed.model.version == 2


def test_a_change_cut_short_is_seen_and_can_be_finished(home, tmp_path):
    class Cut(Exception):
        pass

    def cut(user_id, done, total):
        if done == 3:
            raise Cut

    with pytest.raises(Cut):
        backbone_change.use(home.path, str(another(tmp_path / "source")), now, cut)
    with open_folder(home.path) as folder, pytest.raises(BackboneError, match="swipr backbone use another"):
        backbone_choice.choose(folder.path, None, Sources(), now)
    _, (changed,) = backbone_change.use(home.path, "another", now)

    assert changed.model.labels == 6
    with open_folder(home.path) as folder:
        assert backbone_choice.choose(folder.path, None, Sources(), now).record.name == "another"


def test_a_folder_in_use_is_left_alone(home, tmp_path):
    with open_folder(home.path):
        before = tree(home.path)
        with pytest.raises(DataFolderError, match="is in use"):
            backbone_change.use(home.path, str(another(tmp_path / "source")), now)

        assert tree(home.path) == before


def test_an_unsound_backbone_is_not_changed_to(home, tmp_path):
    source = another(tmp_path / "source")
    backbones.keep(home.path, source)
    reference = home.path / "backbones" / "another" / "reference.f32"
    reference.write_bytes(reference.read_bytes()[::-1])

    with pytest.raises(BackboneError, match="cannot be used"):
        backbone_change.use(home.path, "another", now)

    assert backbones.read_record(home.path).name == "swipr-builtin-2"


# --- on the command line


def swipr(*arguments, **environment):
    return CliRunner().invoke(app, ["backbone", *map(str, arguments)], env=NOWHERE | environment)


def test_the_list_says_what_there_is_and_who_uses_it(home, tmp_path):
    swipr("use", another(tmp_path / "source"), "--data", home.path)

    said = swipr("list", "--data", home.path).output

    assert "swipr-builtin-2 MIT, 1.65 MB, 660 dimensions" in said
    assert "in use by ann: 2 labels" in said
    assert "in use by this data folder, ann: 6 labels" in said


def test_use_names_each_label_that_cannot_follow(home, tmp_path):
    answer = swipr("use", another(tmp_path / "source"), "--data", home.path)

    assert answer.exit_code == 0
    assert "6 labels followed; model v2" in answer.output
    assert [line.split()[0] for line in answer.output.splitlines() if line.strip().startswith("x:")] == ["x:6", "x:7"]


@pytest.mark.parametrize("file", ["backbone.onnx", "reference.f32", "backbone.json"])
def test_check_finds_a_flipped_byte(home, file):
    assert swipr("check", "--data", home.path).exit_code == 0
    path = home.path / "backbones" / "swipr-builtin-2" / file
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)

    answer = swipr("check", "--data", home.path)

    assert answer.exit_code == 1
    assert "builtin: sound" in answer.output
    assert "not sound: swipr-builtin-2" in answer.output


@pytest.mark.parametrize(
    ("serve", "why"),
    [
        (file_server.cut, "broke off"),
        (file_server.whole, "sha256 differs"),
        (file_server.moved, "points elsewhere"),
        (file_server.too_long, "offers"),
        (file_server.missing, "answers 404"),
    ],
)
def test_a_pull_that_fails_says_why_and_leaves_nothing_behind(home, serve, why):
    before = tree(home.path)
    with serving(serve, b"x" * recommended.PINNED.size) as (url, _):
        answer = swipr("pull", "--data", home.path, "--from", url)

    assert answer.exit_code == 1
    assert why in answer.output
    assert tree(home.path) == before


def test_a_pull_into_a_new_folder_makes_it_ours_first(tmp_path):
    answer = swipr("pull", "--data", tmp_path / "new")

    assert "no connection" in answer.output
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"key", "lock"}


def test_a_pull_into_somebody_elses_folder_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")

    answer = swipr("pull", "--data", tmp_path)

    assert "holds other things (letter.txt)" in answer.output
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_shipped_reference_and_card_fit_together():
    reference = recommended.shipped_reference()
    card = json.loads((recommended.SHIPPED / "reference.json").read_text())

    assert reference.mean.shape == (2704,)
    assert card["network_sha256"] == recommended.PINNED.sha256
    assert sum(card["sources"].values()) == 6382
    assert len(base64.b64decode(card["golden_units"])) == 2 * 2704
    assert backbone_folder.golden_picture(32).dtype == "uint8"
