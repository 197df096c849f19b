"""`swipr up --deck folder` as a user has it: a process of its own, drawn photos, links and a CSV file."""

import csv
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from cli.folder_course import COLUMNS
from tests.e2e.test_loop import Up

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals")
Start = Callable[..., Up]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Start]:
    started: list[Up] = []

    def start(*options: str, data: str = "data") -> Up:
        started.append(Up(tmp_path / data, "--port", "0", "--backbone", "builtin", "--deck", "folder", *options))
        return started[-1]

    yield start
    for each in started:
        each.end(signal.SIGKILL)


def draw(folder: Path, choice: str, count: int, *, first: int = 0, size: tuple[int, int] = (96, 120)) -> None:
    """Reddish photos are to be liked, bluish ones passed; no two are alike."""
    folder.mkdir(parents=True, exist_ok=True)
    base = (200, 60, 50) if choice == "like" else (50, 70, 200)
    for number in range(first, first + count):
        rng = random.Random(f"{choice}/{number}")
        colour = tuple(max(0, min(255, value + rng.randint(-40, 40))) for value in base)
        image = Image.new("RGB", size, colour)
        x, y = rng.randint(5, 40), rng.randint(5, 60)
        ImageDraw.Draw(image).ellipse((x, y, x + 40, y + 40), fill=(230, 220 - number % 100, 200))
        ImageDraw.Draw(image).point((number % size[0], number // size[0]), fill=(0, 255, 0))
        image.save(folder / f"{choice}{number:05}.jpg")


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    for choice in ("like", "pass"):
        draw(tmp_path / "lesson" / choice, choice, 15, first=9000)
    return tmp_path / "lesson"


def rows(results: Path) -> list[dict[str, str]]:
    with open(results / "results.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judged_right(results: Path) -> int:
    return sum(Path(row["path"]).name.startswith(row["verdict"]) for row in rows(results))


def test_a_folder_is_judged_by_labels_of_another_and_only_once(up: Start, lesson: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    draw(photos / "sub", "like", 12)
    draw(photos, "pass", 12)
    shutil.copy(photos / "pass00000.jpg", photos / "twin.jpg")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    before = {file: file.read_bytes() for file in photos.rglob("*.jpg")}

    first = up("--photos", str(photos), "--labels-from", str(lesson), "--until-empty")

    assert first.process.wait(timeout=90) == 0, first.lines
    results = tmp_path / "data" / "folder-results" / "photos"
    assert len(rows(results)) == 26
    assert judged_right(results) >= 22
    linked = {file.resolve() for kind in ("like", "pass", "unsure") for file in (results / kind).iterdir()}
    verdicts = {row["path"]: row["verdict"] for row in rows(results)}
    assert (verdicts["twin.jpg"], verdicts["broken.jpg"]) == ("duplicate", "unreadable")
    assert linked == {(photos / path).resolve() for path in verdicts} - {photos / "twin.jpg", photos / "broken.jpg"}
    assert {file: file.read_bytes() for file in photos.rglob("*.jpg")} == before
    assert any("budget of 10000 likes" in line for line in first.lines)

    second = up("--photos", str(photos), "--labels-from", str(lesson), "--until-empty")

    assert second.process.wait(timeout=60) == 0, second.lines
    assert second.wait_for("taught before")
    assert second.wait_for("^0 photos judged")
    assert {row["path"]: row["verdict"] for row in rows(results)} == verdicts


def test_a_split_folder_compares_with_its_own_names(up: Start, tmp_path: Path) -> None:
    for part, count in (("train", 15), ("test", 10)):
        for choice in ("like", "pass"):
            draw(tmp_path / "shoot" / part / choice, choice, count, first=100 * (part == "test"))

    running = up("--photos", str(tmp_path / "shoot"), "--until-empty")

    assert running.process.wait(timeout=90) == 0, running.lines
    assert running.wait_for("train teaches, test is judged")
    (agreement,) = running.wait_for("^Agreement")
    right, of = (int(word) for word in agreement.split(": ")[1].split(" (")[0].split(" of "))
    assert right / of >= 0.9


def test_without_labels_it_says_how_to_give_them_and_waits(up: Start, lesson: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    draw(photos, "like", 3)
    assert up("--photos", str(photos), "--until-empty", data="other").process.wait(timeout=60) == 1

    running = up("--photos", str(photos))
    running.wait_for("--labels-from DIR")
    running.wait_for("swipr label import")
    client = running.client()
    teach(client, lesson)

    running.wait_for("All photos are judged", seconds=60)
    draw(photos / "new", "pass", 4)
    running.wait_for(r"^\d\d:\d\d:\d\d +4 ", seconds=30)
    results = tmp_path / "data" / "folder-results" / "photos"
    assert judged_right(results) >= 6
    status = client.get("/v1/status")
    assert (status["deck"], status["acting"], status["switch"]) == ("folder", True, "on")
    client.close()
    assert running.end(signal.SIGINT) == 0


def teach(client: object, lesson: Path) -> None:
    from cli.folder_lesson import Lesson

    assert list(Lesson(lesson).give(client))  # type: ignore[arg-type]


def test_moving_is_done_when_asked(up: Start, lesson: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "sorted"
    draw(photos, "like", 6)
    draw(photos, "pass", 6)

    running = up("--photos", str(photos), "--labels-from", str(lesson), "--out", str(out), "--move", "--until-empty")

    assert running.process.wait(timeout=90) == 0, running.lines
    moved = [file for kind in ("like", "pass", "unsure") for file in (out / kind).iterdir()]
    assert list(photos.iterdir()) == []
    assert len(moved) == 12
    assert not any(file.is_symlink() for file in moved)


def test_a_kill_in_the_middle_costs_nothing(up: Start, lesson: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    draw(photos, "like", 100)
    draw(photos, "pass", 100)
    results = tmp_path / "data" / "folder-results" / "photos"
    options = ("--photos", str(photos), "--labels-from", str(lesson), "--until-empty")
    first = up(*options)
    until = time.monotonic() + 60
    while not (results / "results.csv").exists() or len(rows(results)) < 20:
        assert time.monotonic() < until, first.lines
        time.sleep(0.01)

    first.end(signal.SIGKILL)
    killed_at = len(rows(results))
    second = up(*options)

    assert second.process.wait(timeout=90) == 0, second.lines
    assert killed_at < 200
    assert len(rows(results)) == 200
    links = [file for kind in ("like", "pass", "unsure") for file in (results / kind).iterdir()]
    assert len({file.resolve() for file in links}) == len(links) == 200


def test_a_user_of_a_service_is_left_alone(up: Start, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    first = Up(tmp_path / "data", "--port", "0", "--backbone", "builtin", "--empty")
    first.wait_for("Ctrl-C stops it")
    client = first.client()
    client.put("/v1/deck", {"deck": "tinder", "token": "abc", "accept_terms": True})
    client.close()
    first.end()

    refused = up("--photos", str(tmp_path / "photos"))

    assert refused.process.wait(timeout=60) == 1
    assert refused.wait_for("connected to 'tinder'")


# --- many photos --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
def test_five_thousand_photos(up: Start, lesson: Path, tmp_path: Path, record_property: Callable[..., None]) -> None:
    photos = tmp_path / "photos"
    for number in range(10):
        draw(photos / f"day{number}", "like", 250, first=250 * number)
        draw(photos / f"day{number}", "pass", 250, first=250 * number)
    began = time.monotonic()
    running = up("--photos", str(photos), "--labels-from", str(lesson), "--until-empty")
    peak_mb = 0.0
    while running.process.poll() is None:
        peak_mb = max(peak_mb, memory_mb(running.process.pid))
        time.sleep(0.2)
    took_s = time.monotonic() - began

    results = tmp_path / "data" / "folder-results" / "photos"
    per_s = 5000 / took_s
    print(f"\n5000 photos in {took_s:.0f} s, {per_s:.1f} a second, at most {peak_mb:.0f} MB with the judge")
    print("\n".join(line for line in running.lines if "photos judged" in line or line.startswith("like ")))
    record_property("photos_per_second", per_s)
    record_property("peak_mb", peak_mb)
    assert running.process.returncode == 0, running.lines
    assert len(rows(results)) == 5000
    assert sum(len(os.listdir(results / kind)) for kind in ("like", "pass", "unsure")) == 5000
    assert peak_mb <= 350
    assert COLUMNS in running.lines


def memory_mb(pid: int) -> float:
    """What the process and its children take together, shared pages once; 0 when they have ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        texts = [Path(f"/proc/{each}/smaps_rollup").read_text() for each in (pid, *children)]
    except OSError:
        return 0.0
    lines = (line for text in texts for line in text.splitlines() if line.startswith("Pss:"))
    return sum(int(line.split()[1]) for line in lines) / 1024
