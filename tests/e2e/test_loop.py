"""The whole loop as a user has it: `swipr up` in a process of its own, the simulator's HTTP, the page's API."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.client import Client, running
from cli.demo import USER

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0
BUILT_IN = ("--backbone", "builtin")  # no test may go and fetch one
FAST = (*BUILT_IN, "--port", "0", "--every", "5", "--pacing", "0", "--likes-per-day", "1000")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals")


class Up:
    """One `swipr up`, its lines as they come."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli", "up", "--data", str(data), *options],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'common'}", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, pattern: str, *, count: int = 1, seconds: float = READY_S) -> list[str]:
        """The lines that match, once there are `count`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [line for line in self.lines if re.search(pattern, line)]
            if len(found) >= count:
                return found
            assert self.process.poll() is None or found, "it ended early:\n" + "\n".join(self.lines)
            time.sleep(0.05)
        raise AssertionError(f"no line like {pattern!r} within {seconds:g} s:\n" + "\n".join(self.lines))

    def client(self) -> Client:
        return running(self.data, USER)

    def end(self, number: int = signal.SIGINT) -> int:
        """Signal it if it still runs; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self._reader.join(timeout=5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def likes_by_card(self) -> list[int]:
        """What the deck itself counted, read from its own file."""
        with sqlite3.connect(f"file:{self.data / 'simulator.db'}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT likes FROM swipes").fetchall()
        db.close()
        return [likes for (likes,) in rows]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*options: str) -> Up:
        started.append(Up(tmp_path / "data", *FAST, *options))
        return started[-1]

    yield start
    for each in started:
        each.end(signal.SIGKILL)


SESSION = r"^\d\d:\d\d:\d\d +[1-9]"


def test_the_demo_swipes_survives_a_kill_and_stops_when_told(up: Callable[..., Up]) -> None:
    first = up()
    first.wait_for(SESSION)
    client = first.client()
    before = {d["card_id"]: d["state"] for d in client.get("/v1/decisions", limit=100)["decisions"]}
    status = client.get("/v1/status")
    client.close()
    assert (status["switch"], status["acting"], status["deck"]) == ("on", True, "simulator")
    assert status["labels"] >= 60
    assert before

    refused = subprocess.run(
        [sys.executable, "-m", "cli", "up", "--data", str(first.data), "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert refused.returncode == 1
    assert str(first.process.pid) in refused.stdout, "it names who holds the folder"

    first.end(signal.SIGKILL)
    second = up()
    second.wait_for(SESSION)
    client = second.client()
    after = {d["card_id"]: d["state"] for d in client.get("/v1/decisions", limit=100)["decisions"]}
    assert {card for card, state in before.items() if state != "pending"} <= after.keys()
    assert client.get("/v1/status")["labels"] >= 60
    models = client.get("/v1/models")["models"]
    assert models[0]["role"] == "champion"
    client.close()

    assert second.end(signal.SIGINT) == 0
    assert second.lines[-1] == "Stopped. Everything acknowledged is kept."
    assert max(second.likes_by_card()) == 1


def test_off_means_off_whenever_it_is_thrown(up: Callable[..., Up]) -> None:
    running = up("--pacing", "0.2")
    running.wait_for(SESSION)
    client = running.client()
    for delay_s in (0.0, 0.1, 0.25, 0.4):
        client.put("/v1/switch", {"enabled": True})
        _wait(lambda: client.get("/v1/status")["status"]["code"] != "ready", 20)
        time.sleep(delay_s)
        client.put("/v1/switch", {"enabled": False})
        _wait(lambda: client.get("/v1/status")["switch"] == "off", 20)
        swiped = len(running.likes_by_card())
        time.sleep(1.5)
        assert len(running.likes_by_card()) == swiped, f"thrown {delay_s} s into a session"
    client.close()


def test_a_chaotic_delivery_changes_nothing(up: Callable[..., Up]) -> None:
    running = up("--chaos", "7", "--until-empty")

    running.wait_for("The deck is at its end", seconds=110)
    doubles = running.wait_for("^Double likes")

    assert running.process.wait(timeout=30) == 0
    assert doubles == ["Double likes 0; unknown answers 0"]
    assert max(running.likes_by_card()) == 1


def test_photos_of_ones_own_are_swiped_to_their_end(up: Callable[..., Up], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    _draw_photos(photos)

    running = up("--photos", str(photos), "--labels", "24", "--until-empty")
    running.wait_for("The deck is at its end", seconds=90)

    assert running.process.wait(timeout=30) == 0
    again = up("--photos", str(photos), "--labels", "24", "--until-empty")
    assert again.process.wait(timeout=30) == 0, "a deck at its end ends a second run at once"
    (agreement,) = running.wait_for("^Agreement")
    right, judged = map(int, re.findall(r"(\d+) of (\d+)", agreement)[0])
    assert judged == 24
    assert right >= 20, "red from blue is easy to see"


def test_a_wrong_photo_folder_is_named(up: Callable[..., Up], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    running = up("--photos", str(tmp_path / "empty"))

    assert running.process.wait(timeout=30) == 1
    assert any("train" in line and "like" in line for line in running.lines)


def test_empty_starts_without_demo(up: Callable[..., Up]) -> None:
    running = up("--empty")
    running.wait_for("Ctrl-C stops it")
    client = running.client()
    status = client.get("/v1/status")
    client.close()

    assert (status["switch"], status["labels"], status["deck_connected"]) == ("off", 0, False)
    assert running.end(signal.SIGTERM) == 0


def _wait(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.03)


def _draw_photos(folder: Path) -> None:
    """Reddish ones are liked, bluish ones passed."""
    import random

    from PIL import Image, ImageDraw

    rng = random.Random(3)
    for part, count in (("train", 20), ("test", 12)):
        for choice, base in (("like", (200, 60, 50)), ("pass", (50, 70, 200))):
            (folder / part / choice).mkdir(parents=True)
            for number in range(count):
                colour = tuple(max(0, min(255, value + rng.randint(-40, 40))) for value in base)
                image = Image.new("RGB", (160, 200), colour)
                x, y = rng.randint(10, 80), rng.randint(10, 100)
                ImageDraw.Draw(image).ellipse((x, y, x + 60, y + 60), fill=(230, 220, 200))
                image.save(folder / part / choice / f"{number}.jpg")
