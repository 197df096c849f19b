"""Files that another process puts into the inbox are delivered as if they had come over the API."""

import logging
import os
from pathlib import Path

import pytest

from local.inbox import InboxWatch, objects_folder
from local.runner import Runtime
from local.training_home import TrainingHome
from tests.small_application import TEMPLATE, Record, wait_for, write_small_application

LOG = logging.getLogger("tests")


def put(folder: Path, key: str, body: bytes) -> None:
    objects_folder(folder).mkdir(parents=True, exist_ok=True)
    TrainingHome(folder).put(key, body)


class Watched:
    def __init__(self, folder: Path) -> None:
        self.folder, self.told = folder, list[tuple[str, int]]()
        self.watch = InboxWatch(objects_folder(folder), self.tell, LOG)

    def tell(self, key: str, size: int) -> None:
        self.told.append((key, size))

    def look(self) -> list[tuple[str, int]]:
        self.told.clear()
        self.watch.look()
        return list(self.told)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_folder_is_announced_once_its_sums_are_there(watched: Watched) -> None:
    put(watched.folder, "inbox/a-1/model.onnx", b"123")
    assert watched.look() == []

    put(watched.folder, "inbox/a-1/sums.json", b"{}")

    assert watched.look() == [("inbox/a-1/sums.json", 2)]
    assert watched.look() == []


def test_what_is_written_again_is_announced_again(watched: Watched) -> None:
    put(watched.folder, "inbox/a-1/sums.json", b"{}")
    watched.look()

    put(watched.folder, "inbox/a-1/sums.json", b"{ }")

    assert watched.look() == [("inbox/a-1/sums.json", 3)]


def test_what_lay_there_before_the_start_is_announced(watched: Watched) -> None:
    put(watched.folder, "inbox/a-1/sums.json", b"{}")
    put(watched.folder, "inbox/b-1/sums.json", b"{}")

    assert len(Watched(watched.folder).look()) == 2


def test_no_inbox_and_other_files_are_nothing(watched: Watched) -> None:
    assert watched.look() == []
    put(watched.folder, "inbox/sums.json", b"{}")
    put(watched.folder, "inbox/a/b/sums.json", b"{}")
    put(watched.folder, "inbox/a-1/other.json", b"{}")

    assert watched.look() == []


def test_a_folder_whose_name_no_object_can_have_is_left_alone(watched: Watched) -> None:
    folder = objects_folder(watched.folder) / "inbox" / "a 1 (copy)"
    folder.mkdir(parents=True)
    (folder / "sums.json").write_bytes(b"{}")

    assert watched.look() == []


def test_a_copy_that_kept_its_time_is_announced_again(watched: Watched) -> None:
    put(watched.folder, "inbox/a-1/sums.json", b"{}")
    watched.look()
    path = objects_folder(watched.folder) / "inbox/a-1/sums.json"
    times = path.stat()

    put(watched.folder, "inbox/a-1/sums.json", b"[]")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert watched.look() == [("inbox/a-1/sums.json", 2)]


def test_an_announcement_that_failed_is_made_again(tmp_path: Path) -> None:
    told: list[str] = []

    def fail_once(key: str, size: int) -> None:
        told.append(key)
        if len(told) == 1:
            raise OSError("the queue is away")

    watch = InboxWatch(objects_folder(tmp_path), fail_once, LOG)
    put(tmp_path, "inbox/a-1/sums.json", b"{}")

    with pytest.raises(OSError, match="away"):
        watch.look()
    watch.look()

    assert told == ["inbox/a-1/sums.json"] * 2


def test_a_runtime_delivers_what_training_wrote_beside_it(tmp_path: Path) -> None:
    record = Record(tmp_path / "record")
    asked = "{Name: prefix, Value: inbox/}, {Name: suffix, Value: /sums.json}"
    template = TEMPLATE.replace("{Name: prefix, Value: labels/}", asked)
    path = write_small_application(tmp_path, template)
    runtime = Runtime(path, tmp_path / "data", parameters={"Record": str(record.path)}, schedule_every_s=3600.0)

    with runtime:
        put(tmp_path / "data", "inbox/a-1/model.onnx", b"123")
        put(tmp_path / "data", "inbox/a-1/sums.json", b"{}")
        (event, *_) = wait_for(lambda: record.of_source("aws:s3"))

    assert event["Records"][0]["s3"]["object"]["key"] == "inbox/a-1/sums.json"
