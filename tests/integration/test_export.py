"""Everything of a user as a file: whole, theirs alone, and the same again after it was taken in elsewhere."""

import csv
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swipr import kept_photos
from swipr.errors import NotFoundError
from swipr.forgetting import delete_everything, forget_card
from swipr.models import ExportRequest, Network, Prediction, User
from swipr.takeout.exports import KEPT_FOR, PATIENCE, archive_key, export_prefix
from swipr.takeout.writer import ExportWriter
from tests.doubles import Clock
from tests.moto_world import moto_world
from tests.moving import Home, a_model, data_of, local_home, photo_of, photos_of, settle


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with local_home(tmp_path / "home", Clock()) as home:
        settle(home)
        yield home


@pytest.fixture
def empty(tmp_path: Path, home: Home) -> Iterator[Home]:
    """Another install, with a key of its own."""
    with local_home(tmp_path / "empty", home.clock, key=b"e" * 32) as empty:
        yield empty


# --- asking ------------------------------------------------------------------------------------------------


def test_an_export_is_asked_for_written_and_fetched(home: Home) -> None:
    asked = home.desk().ask("ann")

    assert (asked.state, asked.url) == ("waiting", None)
    assert home.desk().state("ann", asked.export_id).state == "waiting"

    home.write(home.queue.exports[0])

    ready = home.desk().state("ann", asked.export_id)
    assert (ready.state, ready.photos_left_out) == ("ready", 0)
    assert ready.size == len(home.blobs.get(archive_key("ann", asked.export_id)))
    assert "/blobs/exports/ann/" in str(ready.url)


def test_one_on_its_way_is_not_asked_for_again(home: Home) -> None:
    first = home.desk().ask("ann")

    assert home.desk().ask("ann").export_id == first.export_id
    assert len(home.queue.exports) == 1

    home.clock.sleep(PATIENCE.total_seconds())

    assert home.desk().ask("ann").export_id != first.export_id


@pytest.mark.parametrize("export_id", ["", "../ann", "20260301T120000-0000000000000009", "x" * 300, "nul\0"])
def test_an_unknown_export_does_not_exist(home: Home, export_id: str) -> None:
    with pytest.raises(NotFoundError):
        home.desk().state("ann", export_id)


def test_an_export_of_somebody_else_does_not_exist(home: Home) -> None:
    home.store.create_user(User(user_id="bob"))
    asked = home.desk().ask("ann")

    with pytest.raises(NotFoundError):
        home.desk().state("bob", asked.export_id)


def test_nobody_exports_nothing(home: Home) -> None:
    with pytest.raises(NotFoundError):
        home.desk().ask("nobody")


def test_an_export_expires(home: Home) -> None:
    asked = home.desk().ask("ann")
    home.write(home.queue.exports[0])
    home.clock.sleep(KEPT_FOR.total_seconds())

    with pytest.raises(NotFoundError):
        home.desk().state("ann", asked.export_id)


# --- the archive ---------------------------------------------------------------------------------------------


def test_the_archive_holds_everything_but_the_token(home: Home) -> None:
    body = home.exported()
    data = data_of(body)

    assert data["settings"]["time_zone"] == "Europe/Berlin"
    assert (data["deck"], data["champion"], data["previous"], data["highest_champion"]) == ("simulator", 2, 3, 3)
    assert [len(data[kind]) for kind in ("labels", "decisions", "matches", "models")] == [6, 6, 1, 3]
    assert data["matches"][0]["outcome"] == "talked"
    assert data["handoff"]["model_version"] == 3
    assert photos_of(body) == {
        f"photos/{'like' if n % 2 else 'pass'}/"
        f"{kept_photos.card_folder('ann', f'simulator:{n}').split('/')[-2]}-00.jpg": photo_of("ann", n)
        for n in range(6)
    }
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        rows = list(csv.DictReader(io.StringIO(file.read("labels.csv").decode())))
        account = json.loads(file.read("account.json"))
        everything = b"".join(file.read(name) for name in file.namelist())
    assert [row["choice"] for row in rows] == ["pass", "like"] * 3
    assert account["user_id"] == "ann"
    assert b"sealed token" not in everything
    assert b"sessions/ann" not in everything


def test_an_archive_says_of_what_was_under_way_that_nobody_can_tell(home: Home) -> None:
    stored = home.store.decision("ann", "simulator:1", at=home.clock.now())
    assert stored is not None
    pending = stored.model_copy(update={"card_id": "simulator:9", "state": "pending"})
    home.store.restore_decision(pending, acted_key="none")

    states = {each["card_id"]: each["state"] for each in data_of(home.exported())["decisions"]}

    assert states["simulator:9"] == "unknown"


def test_an_archive_is_written_once_however_often_it_is_asked_for(home: Home) -> None:
    home.desk().ask("ann")
    request = home.queue.exports[0]
    first = home.write(request)

    assert first.state == "ready"
    assert home.write(request) is None


def test_a_failure_is_said_and_mended_by_the_next_delivery(home: Home) -> None:
    asked = home.desk().ask("ann")
    put, fail = home.blobs.put, [True]

    def failing(key: str, body: bytes, **options: str) -> None:
        if key.endswith(".zip") and fail:
            raise OSError("no space")
        put(key, body, **options)

    home.blobs.put = failing  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no space"):
        home.write(home.queue.exports[0])
    failed = home.desk().state("ann", asked.export_id)
    fail.clear()
    home.write(home.queue.exports[0])

    assert (failed.state, failed.why) == ("failed", "OSError; it is tried again, or ask anew")
    assert home.desk().state("ann", asked.export_id).state == "ready"


def test_photos_beyond_what_fits_are_counted(home: Home) -> None:
    home.desk().ask("ann")
    size = len(photo_of("ann", 0))

    state = home.write(home.queue.exports[0], most_photo_bytes=2 * size)

    body = home.blobs.get(archive_key("ann", state.export_id))
    assert state.photos_left_out == 4
    assert sorted(photos_of(body).values()) == sorted([photo_of("ann", 4), photo_of("ann", 5)])  # the newest
    assert len(data_of(body)["labels"]) == 6


def test_photos_are_left_out_when_the_time_runs_out(home: Home) -> None:
    home.desk().ask("ann")
    writer = ExportWriter(home.store, home.blobs, home.clock.now)

    state = writer.write(home.queue.exports[0], time_left_s=lambda: 20.0)

    assert state is not None
    assert (state.state, state.photos_left_out) == ("ready", 6)


def test_memory_is_bounded_by_the_photos_that_fit(home: Home) -> None:
    photo = photo_of("ann", 0) + bytes(range(256)) * 4000  # 1 MB
    for n in range(60):
        kept_photos.keep(home.blobs, "ann", f"simulator:{n % 6}", [photo] * 9)
    home.desk().ask("ann")
    tracemalloc.start()

    state = home.write(home.queue.exports[0], most_photo_bytes=20_000_000)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert state.photos_left_out == 54 - 19
    assert peak < 20_000_000 + 30_000_000  # those of one look at a time, and the buffer's growth


# --- what happens meanwhile ------------------------------------------------------------------------------------


def during_the_put(home: Home, happens: Callable[[], object]) -> None:
    """The export is written, and just before or after its archive is put, something happens."""
    put = home.blobs.put

    def slow(key: str, body: bytes, **options: str) -> None:
        if key.startswith("exports/") and key.endswith(".zip"):
            happens()
        put(key, body, **options)

    home.blobs.put = slow  # type: ignore[method-assign]
    home.desk().ask("ann")
    home.write(home.queue.exports[0])
    home.blobs.put = put  # type: ignore[method-assign]


def test_a_user_deleted_meanwhile_leaves_no_archive(home: Home) -> None:
    during_the_put(home, lambda: delete_everything("ann", store=home.store, blobs=home.blobs, at=home.clock.now()))

    assert home.blobs.keys(export_prefix("ann")) == []


def test_a_card_forgotten_meanwhile_is_in_no_archive(home: Home) -> None:
    during_the_put(
        home,
        lambda: forget_card(
            "ann", "simulator:1", store=home.store, blobs=home.blobs, queue=home.queue, acted_key="x",
            at=home.clock.now(),
        ),
    )  # fmt: skip

    state = home.desk().state("ann", home.queue.exports[0].export_id)
    assert state.state == "withdrawn"
    assert "ask for another one" in str(state.why)
    assert [key for key in home.blobs.keys(export_prefix("ann")) if key.endswith(".zip")] == []


def test_an_export_of_a_user_long_gone_does_nothing(home: Home) -> None:
    home.desk().ask("ann")
    delete_everything("ann", store=home.store, blobs=home.blobs, at=home.clock.now())

    assert home.write(home.queue.exports[0]) is None
    assert home.blobs.keys("exports/") == []


def test_a_request_that_no_state_knows_is_nobodys(home: Home) -> None:
    assert home.write(ExportRequest(user_id="ann", export_id="20260301T120000-0000000000000009")) is None


# --- there and back --------------------------------------------------------------------------------------------


def test_export_import_export_is_equal(home: Home, empty: Home) -> None:
    body = home.exported()

    report = empty.imported(body)

    again = empty.exported()
    assert (report.state, report.why, report.refused) == ("done", None, 0)
    assert report.restored == {"labels": 6, "decisions": 6, "matches": 1, "models": 3, "settings": 1}
    assert data_of(again) == data_of(body)
    assert photos_of(again) == photos_of(body)


def test_an_export_becomes_its_importers(home: Home, empty: Home) -> None:
    body = home.exported()

    empty.imported(body, "bob")

    assert empty.store.user("ann") is None
    assert data_of(empty.exported("bob")) == data_of(body)
    handoff = empty.store.user("bob").handoff  # type: ignore[union-attr]
    assert (handoff.user_id, handoff.model_version) == ("bob", 3)  # type: ignore[union-attr]


def test_from_one_machine_to_aws_and_back(home: Home, empty: Home) -> None:
    body = home.exported()
    with moto_world() as aws:
        cloud = Home(aws.store, aws.blobs, aws.secrets, home.clock)
        cloud.imported(body)
        through = cloud.exported()
    empty.imported(through)

    assert data_of(through) == data_of(body)
    assert data_of(empty.exported()) == data_of(body)
    assert photos_of(empty.exported()) == photos_of(body)


# --- what training made ----------------------------------------------------------------------------------------


def trained(home: Home) -> None:
    """A tuned version came in, became champion, and another one waits; a label was foretold by both."""
    at = home.clock.now()
    network = Network(key="models/ann/4.onnx", sha256="ab" * 32, size_bytes=9, size_px=96)
    for version in (4, 5):
        tuned = {"kind": "tuned", "network": network, "candidate": f"c-{version}", "parent": version - 1}
        home.store.put_model(a_model("ann", version, at).model_copy(update=tuned))
    home.store.set_champion("ann", 4, expected=2)
    home.store.set_shadow("ann", 5, expected=None)
    foretold = tuple(Prediction(version=version, score=0.25, verdict="pass") for version in (3, 5))
    label = home.store.label("ann", "simulator:0")
    assert label is not None
    again = {"predicted": foretold, "network_logits": {"ab" * 6: 1.5}, "chosen_by": "recheck", "labelled_at": at}
    home.store.put_label(label.model_copy(update=again))


def test_networks_are_left_out_with_what_needs_them_and_the_archive_says_so(home: Home) -> None:
    trained(home)

    body = home.exported()

    data = data_of(body)
    assert [model["version"] for model in data["models"]] == [3, 2, 1]
    assert (data["champion"], data["previous"], data["highest_champion"]) == (3, 2, 3)
    assert "shadow" not in data
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        said = file.read("README.txt").decode()
    assert "Left out of this one: versions 4, 5." in said


def test_what_was_foretold_and_said_before_comes_along_but_not_by_versions_left_behind(home: Home, empty: Home) -> None:
    trained(home)
    body = home.exported()

    report = empty.imported(body, "bob")

    label = empty.store.label("bob", "simulator:0")
    assert (report.refused, label is not None) == (0, True)
    assert label
    assert [said.version for said in label.predicted] == [3]
    assert [(each.choice, each.chosen_by) for each in label.earlier] == [("pass", "person")]
    assert label.network_logits == {"ab" * 6: 1.5}
    assert data_of(empty.exported("bob")) == data_of(body)


def test_what_was_foretold_by_another_installs_versions_says_nothing_of_ones_own(home: Home, empty: Home) -> None:
    trained(home)
    body = home.exported()
    empty.store.create_user(User(user_id="bob"))
    empty.store.put_model(a_model("bob", 7, home.clock.now()))

    empty.imported(body, "bob")

    label = empty.store.label("bob", "simulator:0")
    assert label is not None
    assert label.predicted == ()
    assert len(label.earlier) == 1


def test_a_hand_off_comes_along_without_the_object_it_names(home: Home, empty: Home) -> None:
    user = home.store.user("ann")
    assert user is not None
    assert user.handoff is not None
    handed = user.handoff.model_copy(update={"dataset": "handoffs/ann/secret.npz", "photos": 6})
    home.store.set_handoff("ann", handed, expected=user.handoff)
    body = home.exported()

    empty.imported(body, "bob")

    bob = empty.store.user("bob")
    assert bob is not None
    assert bob.handoff is not None
    assert (bob.handoff.dataset, bob.handoff.photos, bob.handoff.schema_version) == ("", 6, 2)
    assert b"secret.npz" not in json.dumps(data_of(body)).encode()
