"""The runner as a whole: what it refuses, how it starts and stops, and the real handlers behind it."""

import base64
import io
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from PIL import Image

from local.data_folder import DataFolderError
from local.intrinsics import TemplateError
from local.runner import Runtime, read_runtime_file
from tests.small_application import TEMPLATE, Record, wait_for, write_small_application

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 10
HOUR_S = 3600.0


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "record")


@pytest.fixture
def make(tmp_path, record):
    """A runtime over the small application, not started."""

    def small(template=TEMPLATE, data="data", **options):
        path = write_small_application(tmp_path, template)
        parameters = {"Record": str(record.path)}
        return Runtime(path, tmp_path / data, parameters=parameters, schedule_every_s=HOUR_S, **options)

    return small


# --- what it refuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "localhost.example", ""])
def test_address_that_others_reach_is_refused(make, host):
    with pytest.raises(ValueError, match="can be reached by others"):
        make(host=host).start()
    with make():
        pass  # nothing was left open


def test_second_runtime_on_one_folder_is_refused(make):
    with make() as first:
        with pytest.raises(DataFolderError, match=str(os.getpid())):
            make().start()
        assert requests.get(f"{first.address}/", timeout=TIMEOUT_S).status_code == 200


def test_two_runtimes_in_one_process_are_refused(make):
    with make(), pytest.raises(RuntimeError, match="a world is running"):
        make(data="other").start()


def test_taken_port_is_an_error_that_leaves_nothing_open(make):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        make(port=taken.getsockname()[1]).start()
    with make():
        pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("CodeUri: worker", "CodeUri: nowhere"), "Worker: its handler file .* is not there"),
        (("Handler: app.lambda_handler", "Handler: app.other"), "has no function 'other'"),
        (("AWS::KMS::Key", "AWS::Strange::Thing"), "Key: AWS::Strange::Thing is not played here"),
    ],
)
def test_template_that_cannot_be_played_is_refused_at_start(make, change, words):
    before = dict(os.environ)
    with pytest.raises(TemplateError, match=words):
        make(TEMPLATE.replace(*change)).start()

    assert dict(os.environ) == before
    with make():
        pass


# --- starting and stopping -------------------------------------------------------------------------------


def test_environment_is_the_template_s_while_it_runs(make, record):
    before = dict(os.environ)
    with make():
        assert (os.environ["RECORD"], os.environ["SWIPR_WORLD"]) == (str(record.path), "local.world")

    assert dict(os.environ) == before


def test_runtime_file_is_private_and_goes_with_the_runtime(make, tmp_path):
    with make() as runtime:
        written = read_runtime_file(tmp_path / "data")
        assert (written["address"], written["pid"]) == (runtime.address, os.getpid())
        assert (tmp_path / "data" / "runtime.json").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700

    assert read_runtime_file(tmp_path / "data") is None


def test_stop_may_come_twice(make):
    runtime = make()
    runtime.start()
    runtime.stop()
    runtime.stop()


def test_stop_tells_handlers_that_their_time_is_over_and_lets_them_finish(make, record):
    with make() as runtime:
        runtime.queue.send("Jobs", "slow")
        wait_for(lambda: record.of_source("aws:sqs", "begun"))
    assert record.of_source("aws:sqs")  # the worker left its wait early, by the context's remaining time

    with make() as again:
        assert sum(again.queue.counts("Jobs")) == 0


def test_handler_that_does_not_finish_is_left(make, record, tmp_path):
    runtime = make()
    write_stuck_worker(tmp_path)
    runtime.start()
    runtime.queue.send("Jobs", "x")
    wait_for(lambda: (tmp_path / "stuck").exists())

    began = time.monotonic()
    runtime.stop(finish_s=0.3)

    assert time.monotonic() - began < 2.5
    (tmp_path / "go").touch()  # lets the thread end


def write_stuck_worker(folder):
    code = f"""
        import time
        from pathlib import Path

        def lambda_handler(event, context):
            Path({str(folder)!r}, "stuck").touch()
            while not Path({str(folder)!r}, "go").exists():
                time.sleep(0.02)
    """
    (folder / "worker" / "app.py").write_text(textwrap.dedent(code), encoding="utf-8")


MAIN = """
import sys
from pathlib import Path
from local.runner import Runtime

runtime = Runtime(Path(sys.argv[1]), Path(sys.argv[2]), parameters={"Record": sys.argv[3]}, schedule_every_s=3600)
runtime.start()
print(runtime.address, flush=True)
sys.stdin.read()
"""


@contextmanager
def process(tmp_path, record):
    template = write_small_application(tmp_path)
    arguments = [sys.executable, "-c", MAIN, str(template), str(tmp_path / "data"), str(record.path)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")])
    with ExitStack() as stack:
        running = stack.enter_context(
            subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": path},
            )
        )
        stack.callback(running.kill)
        running.address = running.stdout.readline().strip()
        yield running


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL to send")
def test_after_a_kill_the_next_start_goes_on_with_the_message(make, tmp_path, record):
    with make() as runtime:
        runtime._pump.stop()
        runtime.queue.send("Jobs", "slow")
    with process(tmp_path, record) as running:
        wait_for(lambda: record.of_source("aws:sqs", "begun"))
        running.kill()
    done_before = len(record.of_source("aws:sqs"))
    with make():
        wait_for(lambda: record.of_source("aws:sqs"))

    assert done_before == 0
    assert [len(record.of_source("aws:sqs", kind)) for kind in ("begun", "done")] == [2, 1]


# --- the real template with the real handlers -----------------------------------------------------------------


@pytest.fixture
def swipr(tmp_path):
    runtime = Runtime(
        ROOT / "template.yaml",
        tmp_path / "data",
        environment={
            "BACKBONE_DIR": str(ROOT / "backbones" / "builtin"),
            "CONSOLE_DIR": str(ROOT / "console"),
            "SIMULATOR_API": "http://127.0.0.1:9",  # the discard port: nobody answers
        },
        schedule_every_s=0.2,
    )
    with runtime:
        yield runtime


def signed_in(runtime, user_id):
    one_use = runtime.one_use_token(user_id)
    answer = requests.post(f"{runtime.address}/local/token", json={"token": one_use}, timeout=TIMEOUT_S)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_page_and_its_files_are_served_without_a_token(swipr):
    page = requests.get(f"{swipr.address}/", timeout=TIMEOUT_S)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_api_asks_for_a_token(swipr):
    assert requests.get(f"{swipr.address}/v1/status", timeout=TIMEOUT_S).status_code == 401


def test_switched_on_user_gets_a_session_by_tick_and_queue(swipr):
    headers = signed_in(swipr, "ada")

    def call(method, path, **options):
        return requests.request(method, swipr.address + path, headers=headers, timeout=TIMEOUT_S, **options).json()

    call("PUT", "/v1/switch", json={"enabled": True})
    session = wait_for(lambda: call("GET", "/v1/status")["sessions"])[0]

    assert session["outcome"] == "refused", "there is no deck to gather cards from yet"
    assert call("GET", "/v1/status")["status"]["text"] == "The deck has no token: paste one."
    assert call("PUT", "/v1/switch", json={"enabled": False})["switch"] in ("stopping", "off")


@pytest.fixture
def restless():
    """Threads change places all the time, so that what they share shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_users_at_the_same_time_never_see_each_other(swipr, restless):
    headers = {user_id: signed_in(swipr, user_id) for user_id in ("ada", "eve", "joe", "kim")}

    def asks(user_id):
        with requests.Session() as session:
            answers = [
                session.get(f"{swipr.address}/v1/status", headers=headers[user_id], timeout=TIMEOUT_S).json()
                for _ in range(40)
            ]
        return {answer["user_id"] for answer in answers}

    with ThreadPoolExecutor(len(headers)) as pool:
        seen = dict(zip(headers, pool.map(asks, headers), strict=True))

    assert seen == {user_id: {user_id} for user_id in headers}


def test_uploaded_labels_end_in_a_report(swipr):
    requests.get(f"{swipr.address}/v1/status", headers=signed_in(swipr, "ada"), timeout=TIMEOUT_S)  # makes the user
    address, fields = swipr.blobs.presign_post("labels/ada/1.csv", max_bytes=1000, expires_s=60)
    file = ("1.csv", b"card_id,choice\nsim:1,like\n")

    answer = requests.post(address, data=fields, files={"file": file}, timeout=TIMEOUT_S)
    wait_for(lambda: swipr.blobs.keys("reports/") and b'"done"' in swipr.blobs.get("reports/ada/1.csv.json"))
    report = json.loads(swipr.blobs.get("reports/ada/1.csv.json"))

    assert answer.status_code == 204
    assert (report["taken"], report["refused"]) == (0, 1)  # the card was never judged


def test_judge_reads_a_part_of_an_object_by_its_signed_address(swipr):
    with io.BytesIO() as file:
        Image.new("RGB", (64, 48), "teal").save(file, "JPEG")
        photo = file.getvalue()
    swipr.blobs.put("sessions/ada/1.zip", b"before" + photo + b"after")
    address = swipr.blobs.presign_get("sessions/ada/1.zip", expires_s=60)
    elsewhere = address.replace("127.0.0.1", "localhost")
    part = {"first": 6, "last": 5 + len(photo)}

    answer = swipr.judge(
        {
            "photos": [{"id": "own", "url": address, **part}, {"id": "other", "url": elsewhere, **part}],
            "heads": [],
        }
    )

    own, other = answer["photos"]
    assert len(base64.b64decode(own["features"])) == 2 * answer["dimensions"]
    assert set(other) == {"id", "error"}  # not the one configured origin


def test_poison_ends_in_the_dead_letters_only(swipr):
    queue = swipr.queue
    for body in ("{", "[" * 1000, '{"version": 2}', json.dumps({"user_id": "../etc", "version": 1})):
        queue.send("Refits", body)
    wait_for(lambda: queue.counts("Refits").in_flight == 4)  # failed once, hidden until its time-out

    headers = signed_in(swipr, "ada")
    assert requests.get(f"{swipr.address}/v1/status", headers=headers, timeout=TIMEOUT_S).status_code == 200


def test_start_is_quick(tmp_path):
    """Ready for the first request; a bound far above the 0.2 s it takes, for busy machines."""
    began = time.monotonic()
    with Runtime(ROOT / "template.yaml", tmp_path / "data", schedule_every_s=HOUR_S) as runtime:
        assert requests.get(f"{runtime.address}/v1/status", timeout=TIMEOUT_S).status_code == 401
        took_s = time.monotonic() - began

    assert took_s < 1.5
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("lane", "gateway"))]
