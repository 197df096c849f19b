"""`swipr simulate` as it is called: its figures against those worked out anew from what deck and product kept."""

import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from simulator.photo_folder import PhotoFolder
from swipr.sessions import costs

ROOT = Path(__file__).resolve().parents[2]
LABELS, SEED = 24, 5
KEYS = [
    "cards", "accuracy", "precision", "recall", "auc", "log_loss", "calibration_error", "majority_baseline",
    "likes_sent", "double_likes", "over_budget_likes", "matches", "photos_per_second", "usd_per_1000_photos",
    "backbone", "seconds", "labels", "seed", "photos_per_card",
]  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals")


def start(temporary: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "simulate", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'common'}", "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def simulate(temporary: Path, *options: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    process = start(temporary, *options)
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error


def draw_photos(folder: Path, counts: dict[str, tuple[int, int]]) -> Path:
    """Likes are more red than blue, but not always: neither all right nor all wrong is what is to be expected."""
    dice = random.Random(3)
    for part, (likes, passes) in counts.items():
        for kind, count, red in (("like", likes, 150), ("pass", passes, 100)):
            (folder / part / kind).mkdir(parents=True)
            for number in range(count):
                shade = max(0, min(255, round(dice.gauss(red, 25))))
                image = Image.new("RGB", (96, 120), (shade, 90, 250 - shade))
                x, y = dice.randint(0, 60), dice.randint(0, 80)
                ImageDraw.Draw(image).ellipse((x, y, x + 30, y + 30), fill=(220, 220, 200))
                image.save(folder / part / kind / f"{number}.jpg")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos"), {"train": (20, 30), "test": (20, 40)})


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """One run's figures, and the folder it kept."""
    temporary = tmp_path_factory.mktemp("temporary")
    options = ("--photos", str(photos), "--labels", str(LABELS), "--seed", str(SEED), "--json", "--keep")
    status, out, error = simulate(temporary, *options)
    assert status == 0, error
    (kept,) = temporary.iterdir()
    assert f"Kept: {kept}" in error
    assert "usd_per_1000_photos = " in error
    return json.loads(out), kept


def rows(file: Path, statement: str) -> list[tuple]:
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return db.execute(statement).fetchall()
    finally:
        db.close()


@pytest.fixture(scope="module")
def truth(photos):
    deck = PhotoFolder(photos, SEED)
    return {deck.card(i).card_id: deck.truth(i, 0, {}) for i in range(deck.size)}


@pytest.fixture(scope="module")
def swiped(run):
    return {card: (likes, passes) for card, likes, passes in rows(run[1] / "simulator.db", "SELECT card_id, likes, passes FROM swipes")}  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def scored(run, truth):
    """(score, liked) of every card, as recorded."""
    records = [json.loads(record) for (record,) in rows(run[1] / "data" / "swipr.db", "SELECT record FROM decisions")]
    return [(record["score"], truth[record["card_id"].removeprefix("simulator:")] == "like") for record in records]


def test_the_keys_are_as_promised(run):
    assert list(run[0]) == KEYS
    assert (run[0]["labels"], run[0]["seed"], run[0]["photos_per_card"]) == (LABELS, SEED, 1)
    assert run[0]["backbone"]


def test_every_card_was_swiped_once(run, truth, swiped):
    figures = run[0]

    assert figures["cards"] == 60
    assert swiped.keys() == truth.keys()
    assert {likes + passes for likes, passes in swiped.values()} == {1}
    assert figures["likes_sent"] == sum(likes for likes, _ in swiped.values())
    assert (figures["double_likes"], figures["over_budget_likes"]) == (0, 0)
    matched = rows(run[1] / "simulator.db", "SELECT count(*) FROM swipes WHERE matched_at IS NOT NULL")
    assert (figures["matches"],) == matched[0]


def test_right_and_wrong_are_of_what_the_deck_received(run, truth, swiped):
    figures = run[0]
    liked = {card for card, (likes, _) in swiped.items() if likes}
    likable = {card for card, kind in truth.items() if kind == "like"}
    right = sum((card in liked) == (card in likable) for card in truth)

    assert figures["accuracy"] == pytest.approx(right / 60, abs=1e-6)
    assert figures["precision"] == pytest.approx(len(liked & likable) / len(liked), abs=1e-6)
    assert figures["recall"] == pytest.approx(len(liked & likable) / 20, abs=1e-6)
    assert figures["majority_baseline"] == pytest.approx(40 / 60, abs=1e-6)
    assert 0.6 < figures["accuracy"] < 1, "the photos were drawn to be told apart, but not always"


def test_scores_are_measured_as_recorded(run, scored):
    figures = run[0]
    likes = [score for score, liked in scored if liked]
    passes = [score for score, liked in scored if not liked]
    wins = sum((like > other) + (like == other) / 2 for like in likes for other in passes)
    losses = [-math.log(score if liked else 1 - score) for score, liked in scored]
    ordered = sorted(scored, key=lambda pair: pair[0])
    bins = [ordered[first : first + 6] for first in range(0, 60, 6)]
    gaps = [abs(sum(score for score, _ in own) - sum(liked for _, liked in own)) / 6 for own in bins]

    assert len(scored) == 60
    assert figures["auc"] == pytest.approx(wins / (20 * 40), abs=1e-6)
    assert figures["log_loss"] == pytest.approx(sum(losses) / 60, abs=1e-5)
    assert figures["calibration_error"] == pytest.approx(sum(gaps) / 10, abs=1e-6)


def test_cost_and_speed_are_of_the_sessions(run):
    figures = run[0]
    ((record,),) = rows(run[1] / "data" / "swipr.db", "SELECT record FROM users")
    sessions = json.loads(record)["recent_sessions"]
    swipes = sum(session["liked"] + session["passed"] for session in sessions)
    cost = sum(session["cost_microusd"] for session in sessions) / 1e6

    assert sum(session["photos"] for session in sessions) == swipes == 60
    assert figures["usd_per_1000_photos"] == pytest.approx(cost / 60 * 1000, abs=1e-6)
    assert cost > costs.DYNAMO_USD_PER_WRITE * costs.WRITES_PER_ACTION * 60
    assert 60 / figures["photos_per_second"] < figures["seconds"] < 20


def test_so_many_labels_were_taught_in_the_folders_ratio(run):
    records = [json.loads(record) for (record,) in rows(run[1] / "data" / "swipr.db", "SELECT record FROM labels")]

    choices = [record["choice"] for record in records]
    assert (choices.count("like"), choices.count("pass")) == (10, 14)  # 20 : 30 of 24
    assert {record["source"] for record in records} == {"taught"}


def test_the_same_seed_is_the_same_run(run, photos, tmp_path):
    options = ("--photos", str(photos), "--labels", str(LABELS), "--seed", str(SEED), "--json")
    status, out, _ = simulate(tmp_path, *options)

    varies = {"photos_per_second", "usd_per_1000_photos", "seconds"}
    again = json.loads(out)
    assert status == 0
    assert {key: again[key] for key in KEYS if key not in varies} == {
        key: run[0][key] for key in KEYS if key not in varies
    }
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_cards_of_several_photos_broken_ones_among_them(tmp_path):
    photos = draw_photos(tmp_path / "photos", {"train": (8, 8), "test": (6, 7)})
    for place in ("train/like/0.jpg", "test/like/0.jpg", "test/pass/0.jpg"):
        (photos / place).write_bytes(b"\xff\xd8\xff no photo")
    (photos / "test" / "pass" / "1.jpg").rename(photos / "test" / "pass" / "one (1).PNG")
    (tmp_path / "temporary").mkdir()

    status, out, error = simulate(
        tmp_path / "temporary", "--photos", str(photos), "--labels", "6", "--photos-per-card", "2", "--json"
    )

    assert status == 0, error
    assert json.loads(out)["cards"] == 3 + 4
    assert json.loads(out)["photos_per_card"] == 2


def test_people_read_a_table(photos, tmp_path):
    status, out, _ = simulate(tmp_path, "--photos", str(photos), "--labels", "8")

    assert status == 0
    assert all(key.replace("_", " ") in out for key in KEYS)
    assert "usd_per_1000_photos = 1000 / photos" in out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--photos": "nowhere"}, "there is no folder"),
        ({"--photos": "."}, "no photographs in test/like"),
        ({"--labels": "3"}, "not enough yet"),
        ({"--labels": "51"}, "at most 50"),
        ({"--backbone": "no-such"}, "no-such"),
    ],
)
def test_what_is_wrong_is_said_as_json_too(photos, tmp_path, change, said):
    options = {"--photos": str(photos), "--labels": "8"} | change
    status, out, error = simulate(tmp_path, *(word for pair in options.items() for word in pair), "--json")

    assert status == 1
    assert list(json.loads(out)) == ["error"]
    assert said in json.loads(out)["error"]
    assert said in error
    assert "Traceback" not in error


def test_a_wrong_option_has_its_own_status(tmp_path):
    assert simulate(tmp_path, "--labels", "8")[0] == 2


def test_ctrl_c_leaves_nothing_behind(photos, tmp_path):
    process = start(tmp_path, "--photos", str(photos), "--labels", "20", "--json")
    until = time.monotonic() + 30
    while not any(tmp_path.glob("*/data/runtime.json")):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)

    assert process.returncode == 1
    assert json.loads(out) == {"error": "stopped before the deck was empty"}
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in error
