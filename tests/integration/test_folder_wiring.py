"""The deck `folder` through the real template, handlers, tick and queue; and where its results may go."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.client import Client
from cli.folder import FolderError, job_of
from local.runner import Runtime
from swipr.models import UserSettings
from tests.doubles import JPEG
from tests.small_application import wait_for

ROOT = Path(__file__).resolve().parents[2]
START = Callable[..., Client]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    clients: list[Client] = []
    runtimes: list[Runtime] = []

    def begin(**environment: str) -> Client:
        runtime = Runtime(
            ROOT / "template.yaml",
            tmp_path / f"data{len(runtimes)}",
            environment={"BACKBONE_DIR": str(ROOT / "backbones" / "builtin"), "LOG_LEVEL": "WARNING"} | environment,
            schedule_every_s=0.2,
        )
        runtime.start()
        runtimes.append(runtime)
        clients.append(Client(runtime.address, lambda: runtime.one_use_token("ada")))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()
    for runtime in runtimes:
        runtime.stop()


def test_a_folder_needs_no_token_but_an_install_that_names_it(start: START, tmp_path: Path) -> None:
    client = start(FOLDER_DECK=str(tmp_path), FOLDER_RESULTS=str(tmp_path / "out"))

    client.put("/v1/deck", {"deck": "folder"})
    status = client.put("/v1/acting", {"acting": True, "deck": "folder"})

    assert (status["deck"], status["deck_connected"], status["acting"]) == ("folder", True, True)
    with pytest.raises(Exception, match="token"):
        client.put("/v1/deck", {"deck": "tinder", "accept_terms": True})


def test_no_install_on_aws_has_a_folder(start: START) -> None:
    client = start()

    with pytest.raises(Exception, match="deck choose one of: tinder"):
        client.put("/v1/deck", {"deck": "folder"})


def test_limits_chosen_for_a_folder_do_not_follow_to_a_service(start: START, tmp_path: Path) -> None:
    client = start(FOLDER_DECK=str(tmp_path), FOLDER_RESULTS=str(tmp_path / "out"))
    client.put("/v1/deck", {"deck": "folder"})
    wild: dict[str, Any] = {
        "likes_per_day": 10_000, "swipes_per_day": 100_000, "swipes_per_session": 100, "session_every_s": 5,
        "pacing_s": 0.0,
    }  # fmt: skip
    client.put("/v1/settings", client.get("/v1/settings") | wild | {"unsure": "pass"})

    client.put("/v1/deck", {"deck": "tinder", "token": "abc", "accept_terms": True})

    careful = UserSettings().model_dump(mode="json")
    now = client.get("/v1/settings")
    assert {name: now[name] for name in wild} == {name: careful[name] for name in wild}
    assert now["unsure"] == "pass"
    assert client.get("/v1/status")["acting"] is False


def test_a_switched_on_user_gets_a_session_over_the_folder(start: START, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(JPEG)
    client = start(FOLDER_DECK=str(photos), FOLDER_RESULTS=str(tmp_path / "out"))
    client.put("/v1/deck", {"deck": "folder"})

    client.put("/v1/switch", {"enabled": True})

    session = wait_for(lambda: client.get("/v1/status")["sessions"])[0]
    assert (session["deck"], session["outcome"]) == ("folder", "untaught")


# --- what the command line makes of its options ----------------------------------------------------------


def folders(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


def test_a_split_folder_teaches_by_train_and_judges_test(tmp_path: Path) -> None:
    photos = folders(tmp_path / "shoot", "train/like", "train/pass", "test/like", "test/pass")

    job = job_of(photos, None, None, moves=False, data=tmp_path / "data")

    assert (job.photos, job.labels_from, job.has_answers) == (photos / "test", photos / "train", True)
    assert job.results == tmp_path / "data" / "folder-results" / "shoot"


def test_results_of_folders_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    photos = [folders(tmp_path / place, "shoot") / "shoot" for place in ("one", "two")]
    jobs = [job_of(photos[0], None, None, moves=False, data=tmp_path)]
    jobs[0].own_results()

    jobs += [job_of(folder, None, None, moves=False, data=tmp_path) for folder in photos]

    assert jobs[0].results == jobs[1].results
    assert jobs[2].results.name.startswith("shoot-")
    with pytest.raises(FolderError, match="results of other photos"):
        job_of(photos[1], None, jobs[0].results, moves=False, data=tmp_path)


@pytest.mark.parametrize(
    ("photos", "labels", "out", "words"),
    [
        (None, None, None, "needs --photos"),
        ("nowhere", None, None, "there is no such folder"),
        ("shoot", "shoot", None, "expected the folders like/ and pass/"),
        ("shoot", None, "shoot", "the photos lie in it"),
        ("shoot", None, ".", "the photos lie in it"),
    ],
)
def test_wrong_options_are_named(
    tmp_path: Path, photos: str | None, labels: str | None, out: str | None, words: str
) -> None:
    folders(tmp_path, "shoot")
    given = [tmp_path / name if name else None for name in (photos, labels, out)]

    with pytest.raises(FolderError, match=words):
        job_of(*given, moves=False, data=tmp_path / "data")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names files by any bytes")
def test_a_folder_named_in_no_text_works(tmp_path: Path) -> None:
    photos = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    photos.mkdir()

    job = job_of(photos, None, None, moves=False, data=tmp_path)
    job.own_results()

    assert job_of(photos, None, None, moves=False, data=tmp_path).results == job.results
