"""Corrected labels as a user brings them: form, event, judge, report, head and hand-off over HTTP."""

import io
import json
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from cli.client import Client, ClientError
from cli.main import app
from local.runner import Runtime

ROOT = Path(__file__).resolve().parents[2]
LONG_S = 3600.0
USER = "ann"
Json = dict[str, Any]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with running(tmp_path / "data") as runtime:
        yield runtime


def running(folder: Path, **options: Any) -> Runtime:
    environment = {
        "BACKBONE_DIR": str(ROOT / "backbones" / "builtin"),
        "CONSOLE_DIR": str(ROOT / "console"),
        "LOG_LEVEL": "WARNING",
    }
    return Runtime(ROOT / "template.yaml", folder, environment=environment, schedule_every_s=LONG_S, **options)


@pytest.fixture
def ann(runtime: Runtime) -> Iterator[Client]:
    client = Client(runtime.address, lambda: runtime.one_use_token(USER))
    yield client
    client.close()


def drawn(choice: str, number: int, size_px: int = 32) -> bytes:
    """A JPEG: reddish ones are liked, bluish ones passed; no two are the same."""
    rng = random.Random(f"{choice} {number}")
    base = (200, 60, 50) if choice == "like" else (50, 70, 200)
    image = Image.new("RGB", (size_px, size_px), tuple(value + rng.randint(-40, 40) for value in base))
    x = rng.randint(0, size_px // 2)
    ImageDraw.Draw(image).ellipse((x, x, x + size_px // 3, x + size_px // 2), fill=(230, 220, rng.randint(0, 255)))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", comment=f"{choice} {number}".encode())
    return buffer.getvalue()


def labelled(count: int) -> dict[str, bytes]:
    choices = ("like", "pass")
    return {f"mine/{choices[n % 2]}/{n}.jpg": drawn(choices[n % 2], n) for n in range(count)}


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, body in entries.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def send(client: Client, name: str, body: bytes, declared: int | None = None) -> tuple[Json, requests.Response]:
    opened = client.post("/v1/uploads", {"name": name, "size": declared or len(body)})
    return opened, requests.post(opened["url"], data=opened["fields"], files={"file": body}, timeout=30)


def followed(client: Client, upload_id: str, within_s: float = 60) -> Json:
    until = time.monotonic() + within_s
    while (report := client.get(f"/v1/uploads/{upload_id}"))["state"] not in ("done", "failed"):
        assert time.monotonic() < until, report
        time.sleep(0.1)
    return report


def wait_for(claim: Callable[[], Any], within_s: float = 30) -> Any:
    until = time.monotonic() + within_s
    while not (value := claim()):
        assert time.monotonic() < until, f"still {value!r}"
        time.sleep(0.05)
    return value


# --- the whole path ---------------------------------------------------------------------------------------


def test_photos_become_labels_a_head_and_a_handoff(runtime: Runtime, ann: Client) -> None:
    entries = labelled(210) | {"mine/like/broken.jpg": b"\xff\xd8\xff broken", "mine/../x.jpg": drawn("like", 1)}

    opened, sent = send(ann, "mine.zip", zipped(entries))
    assert sent.status_code == 204
    report = followed(ann, opened["upload_id"])

    assert (report["state"], report["taken"], report["refused"], report["seen"], report["total"]) == (
        "done", 210, 2, 212, 212,
    )  # fmt: skip
    assert report["name"] == "mine.zip"
    refused = {row["name"]: row["why"] for row in report["rows"] if not row["taken"]}
    assert "damaged" in refused["mine/like/broken.jpg"]
    assert "leads out" in refused["mine/../x.jpg"]
    model = wait_for(lambda: ann.get("/v1/status")["model"])
    assert (model["labels"], model["likes"]) == (210, 105)
    assert model["metrics"]["auc"] > 0.95, "red from blue is easy to see"
    (key,) = wait_for(lambda: [key for key in runtime.blobs.keys("handoffs/") if key.endswith(".json")])
    handoff = json.loads(runtime.blobs.get(key))
    assert (handoff["labels"], handoff["photos"], handoff["user_id"]) == (210, 0, USER)
    assert len(runtime.blobs.get(handoff["dataset"]).splitlines()) == 210
    assert runtime.blobs.keys("uploads/") == []
    assert [one["upload_id"] for one in ann.get("/v1/uploads")["uploads"]] == [opened["upload_id"]]


def test_a_chaotic_delivery_changes_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data", chaos_seed=4) as runtime:
        client = Client(runtime.address, lambda: runtime.one_use_token(USER))
        ids = []
        for part in range(4):
            entries = dict(list(labelled(80).items())[20 * part : 20 * part + 20])
            opened, _ = send(client, f"{part}.zip", zipped(entries))
            ids.append(opened["upload_id"])
        reports = [followed(client, upload_id) for upload_id in ids]
        wait_for(lambda: (model := client.get("/v1/status")["model"]) and model["labels"] == 80)
        client.close()

    assert [report["taken"] for report in reports] == [20] * 4


def test_a_form_takes_one_file_of_the_stated_size(runtime: Runtime, ann: Client) -> None:
    _, sent = send(ann, "mine.csv", b"card_id,choice\nfake:1,like\n", declared=10)
    assert (sent.status_code, b"EntityTooLarge" in sent.content) == (400, True)

    opened = ann.post("/v1/uploads", {"name": "mine.csv", "size": 30})
    assert ann.get(f"/v1/uploads/{opened['upload_id']}")["state"] == "waiting"
    moved = opened["fields"] | {"key": "labels/eve/x.csv"}
    assert requests.post(opened["url"], data=moved, files={"file": b"x"}, timeout=30).status_code == 403
    assert opened["key"] == f"labels/{USER}/{opened['upload_id']}.csv"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "mine.exe", "size": 5}, "name"),
        ({"name": "", "size": 5}, "name"),
        ({"name": "x.zip", "size": 0}, "size"),
        ({"name": "x.zip", "size": 600_000_000}, "size"),
        ({"name": "x.csv", "size": 30_000_000}, "size"),
        ({"name": "x.zip"}, "size"),
        ({"name": "x.zip", "size": 5, "key": "labels/eve/x.zip"}, "key"),
    ],
)
def test_a_wrong_request_names_its_field(ann: Client, body: Json, field: str) -> None:
    with pytest.raises(ClientError, match=f"^POST /v1/uploads: {field} "):
        ann.post("/v1/uploads", body)


def test_uploads_are_their_owners_alone(runtime: Runtime, ann: Client) -> None:
    opened, _ = send(ann, "mine.csv", b"card_id,choice\nfake:1,like\n")
    followed(ann, opened["upload_id"])
    eve = Client(runtime.address, lambda: runtime.one_use_token("eve"))

    for upload_id in (opened["upload_id"], "nothing", "..", f"../{USER}/{opened['upload_id']}", "a%00b", "_x"):
        with pytest.raises(ClientError, match=r"no such|HTTP 404|Not Found"):
            eve.get(f"/v1/uploads/{upload_id}")
    assert eve.get("/v1/uploads") == {"uploads": []}
    eve.close()


# --- the command ------------------------------------------------------------------------------------------


def swipr(runtime: Runtime, *arguments: object) -> tuple[int, str]:
    options = ["--data", str(runtime._data_folder), "--user", USER]
    runtime.users.add(USER)
    ran = CliRunner().invoke(app, ["label", "import", *map(str, arguments), *options])
    return ran.exit_code, ran.stdout


def write(folder: Path, entries: dict[str, bytes]) -> Path:
    for name, body in entries.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def test_the_command_imports_a_folder(runtime: Runtime, ann: Client, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {name.removeprefix("mine/"): body for name, body in labelled(12).items()})
    write(folder, {"like/.hidden.jpg": b"x", "other/x.jpg": b"x"})

    code, said = swipr(runtime, folder)

    assert (code, "Taken 12 of 12 labels; refused 0" in said) == (0, True)
    assert ann.get("/v1/status")["labels"] == 12


def test_the_command_says_what_was_refused(runtime: Runtime, tmp_path: Path) -> None:
    entries = labelled(3) | {f"mine/like/{n}\x1b[31m.txt": b"no" for n in range(15)}
    file = tmp_path / "mine.zip"
    file.write_bytes(zipped(entries))

    code, said = swipr(runtime, file)
    as_json = swipr(runtime, file, "--json")

    assert code == 1
    assert "Taken 3 of 18 labels; refused 15" in said
    assert said.count("not a JPEG, PNG or WebP photo") == 10
    assert "and 5 more" in said
    assert "\x1b" not in said
    assert as_json[0] == 1
    assert (json.loads(as_json[1])["taken"], json.loads(as_json[1])["state"]) == (3, "done")


def test_the_command_need_not_wait(runtime: Runtime, ann: Client, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    file.write_bytes(zipped(labelled(4)))

    code, said = swipr(runtime, file, "--no-wait", "--json")

    assert code == 0
    assert followed(ann, json.loads(said)["upload_id"])["taken"] == 4


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("x.txt", b"x", "has to end in"),
        ("empty.csv", b"", "is empty"),
        ("bad.zip", b"no zip", "not a zip that can be read"),
        ("missing.csv", None, "No such file"),
        ("folder", None, "No such file"),
    ],
)
def test_the_command_fails_plainly(runtime: Runtime, tmp_path: Path, name: str, body: bytes | None, why: str) -> None:
    if body is not None:
        (tmp_path / name).write_bytes(body)
    elif name == "folder":
        name, why = "nothing-in-it", "neither like/ nor pass/"
        (tmp_path / name).mkdir()

    code, said = swipr(runtime, tmp_path / name)

    assert code == 2
    assert why in said


def test_the_command_says_what_to_start(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(b"card_id,choice\n")

    ran = CliRunner().invoke(app, ["label", "import", str(file), "--data", str(tmp_path / "nothing")])

    assert ran.exit_code == 2
    assert "start it with `swipr up`" in ran.stdout


# --- size -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_five_thousand_photos_are_taken(ann: Client) -> None:
    """All of one kind, so that no head is fitted meanwhile."""
    body = zipped({f"like/{n}.jpg": drawn("like", n) for n in range(5000)}, zipfile.ZIP_STORED)
    began = time.monotonic()

    opened, _ = send(ann, "mine.zip", body)
    report = followed(ann, opened["upload_id"], within_s=500)

    print(f"5,000 photos in {time.monotonic() - began:.1f} s")
    assert (report["taken"], report["refused"]) == (5000, 0)
    assert ann.get("/v1/status")["labels"] == 5000


LARGE = """
import json, os, sys, threading, zipfile
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/layers/common"]
from cli.client import Client
from cli.label import Chosen, run
from cli.said import Where
from tests.e2e.test_label_import import drawn, running

folder = Path(sys.argv[2])
with zipfile.ZipFile(folder / "large.zip", "w", zipfile.ZIP_STORED) as archive:
    for number in range(100):
        archive.writestr(f"like/{number}.jpg", drawn("like", number) + bytes(3_000_000))
with running(folder / "data") as runtime:
    client = Client(runtime.address, lambda: runtime.one_use_token("ann"))
    client.get("/v1/status")
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    before, most, over = resident(), [0], threading.Event()
    def watch():
        while not over.wait(0.01):
            most[0] = max(most[0], resident())
    watching = threading.Thread(target=watch)
    watching.start()
    code = run(Chosen(folder / "large.zip", Where(folder / "data", "ann"), True, True))
    over.set()
    watching.join()
    client.close()
print(json.dumps({"code": code, "before": before, "grown": most[0] - before}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_zip_of_300_megabytes_is_never_held(tmp_path: Path) -> None:
    """Command, gateway, blobs and feedback in one process; the judge has its own."""
    program = [sys.executable, "-c", LARGE, str(ROOT), str(tmp_path)]
    ran = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)

    assert ran.returncode == 0, ran.stderr
    report, measured = map(json.loads, ran.stdout.splitlines()[-2:])
    assert (measured["code"], report["taken"]) == (0, 100)
    print(f"grew by {measured['grown'] / 1e6:.0f} MB from {measured['before'] / 1e6:.0f} MB")
    assert measured["grown"] < 150_000_000
