"""The judge in its worker process: answers, errors, limits, deaths."""

import base64
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from local.judge_process import JudgeProcess
from local.judge_worker import MAX_BYTES, read_frame, write_frame
from swipr.errors import ModelError
from tests.integration.photo_server import serving
from tests.tuned_networks import source, tuned

ROOT = Path(__file__).parents[2]
BACKBONE = ROOT / "backbones" / "builtin" / "backbone.onnx"
HANDLER = """
import os, sys, time

def lambda_handler(event, context):
    command, *rest = event["photos"][0]["id"].split(" ")
    if command == "echo":
        return {"photos": event["photos"], "pid": os.getpid(), "ms": context.get_remaining_time_in_millis()}
    if command == "fail":
        raise ValueError("no such head")
    if command == "bare":
        raise KeyError()
    if command == "print":
        print("noise on stdout", flush=True)
        os.write(1, b"more noise")
        return {"read": sys.stdin.read()}
    if command == "sleep":
        time.sleep(float(rest[0]))
        return {}
    if command == "allocate":
        return {"size": len(bytearray(int(rest[0]) << 20))}
    if command == "die":
        os._exit(int(rest[0]))
    if command == "env":
        return {"env": dict(os.environ)}
    if command == "large":
        return {"text": "x" * int(rest[0])}
    if command == "modules":
        return {"modules": sorted(sys.modules)}
"""


def asked(command):
    return {"photos": [{"id": command}], "heads": []}


@pytest.fixture
def handler(tmp_path):
    path = tmp_path / "app.py"
    path.write_text(HANDLER)
    return path


@pytest.fixture
def judge(handler):
    with JudgeProcess(handler, env={"JUDGE_SETTING": "7"}, memory_mb=300, timeout_s=10) as judge:
        yield judge


def gone(pid, within_s=5):
    """Whether the process ends in time; one of ours that ended but was not waited for has ended too."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_the_handler_answers_in_another_process(judge):
    answer = judge(asked("echo ünï"))

    assert answer["photos"] == [{"id": "echo ünï"}]
    assert answer["pid"] != os.getpid()
    assert 9_000 < answer["ms"] <= 10_000


def test_one_process_answers_many_requests(judge):
    assert judge.pids() == []

    pids = {judge(asked("echo"))["pid"] for _ in range(5)}

    assert pids == set(judge.pids())


def test_a_worker_may_be_started_ahead(judge):
    judge.start()
    [pid] = judge.pids()

    assert judge(asked("echo"))["pid"] == pid


def test_an_error_of_the_handler_is_a_model_error_with_its_message(judge):
    with pytest.raises(ModelError, match="no such head"):
        judge(asked("fail"))
    with pytest.raises(ModelError, match="KeyError"):
        judge(asked("bare"))

    assert judge(asked("echo"))["pid"] in judge.pids()


def test_what_the_handler_prints_stays_off_the_answers(judge, capfd):
    assert judge(asked("print")) == {"read": ""}
    assert judge(asked("echo"))["photos"] == [{"id": "echo"}]

    assert "noise on stdout" in capfd.readouterr().err


def test_a_request_that_takes_too_long_ends_and_the_next_one_is_answered(handler):
    with JudgeProcess(handler, env={}, memory_mb=300, timeout_s=1) as judge:
        first = judge(asked("echo"))["pid"]
        started = time.monotonic()
        with pytest.raises(ModelError, match="took longer than 1 s"):
            judge(asked("sleep 60"))

        assert time.monotonic() - started < 5
        assert gone(first)
        assert judge(asked("echo"))["pid"] != first


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's data")
def test_a_request_that_takes_too_much_memory_ends_and_the_next_one_is_answered(judge):
    first = judge(asked("allocate 100"))
    assert first == {"size": 100 << 20}
    with pytest.raises(ModelError, match="MemoryError"):
        judge(asked("allocate 400"))

    assert judge(asked("echo"))["photos"] == [{"id": "echo"}]


def test_a_process_that_dies_in_a_request_fails_it_and_is_replaced(judge):
    with pytest.raises(ModelError, match="ended with code 3"):
        judge(asked("die 3"))

    assert judge(asked("echo"))["pid"] in judge.pids()


def test_a_process_killed_between_requests_is_replaced_unnoticed(judge):
    first = judge(asked("echo"))["pid"]
    os.kill(first, getattr(signal, "SIGKILL", signal.SIGTERM))
    assert gone(first)

    assert judge(asked("echo"))["pid"] != first


def test_a_handler_that_cannot_be_imported_says_so(tmp_path):
    (tmp_path / "app.py").write_text("raise RuntimeError('no backbone here')")

    with JudgeProcess(tmp_path / "app.py", env={}, memory_mb=300, timeout_s=5) as judge:
        with pytest.raises(ModelError, match="no backbone here"):
            judge.start()
        (tmp_path / "app.py").write_text(HANDLER)
        assert judge(asked("echo"))["photos"] == [{"id": "echo"}]


def test_the_process_sees_its_own_settings_and_none_of_ours(handler, monkeypatch):
    monkeypatch.setenv("TOKEN_OF_SOMEBODY", "secret")

    with JudgeProcess(handler, env={"JUDGE_SETTING": "7"}, memory_mb=300, timeout_s=10) as judge:
        env = judge(asked("env"))["env"]

    assert (env["JUDGE_SETTING"], env["OMP_NUM_THREADS"], env["OPENBLAS_NUM_THREADS"]) == ("7", "1", "1")
    assert "TOKEN_OF_SOMEBODY" not in env


def test_the_worker_itself_imports_nothing_heavy(judge):
    modules = set(judge(asked("modules"))["modules"])

    assert modules.isdisjoint({"pydantic", "numpy", "onnxruntime", "boto3", "botocore", "requests", "asyncio"})


@pytest.mark.parametrize("command", ["x" * MAX_BYTES, f"large {MAX_BYTES}"], ids=["request", "answer"])
def test_a_message_larger_than_lambda_takes_fails_and_the_process_stays(judge, command):
    pid = judge(asked("echo"))["pid"]

    with pytest.raises(ModelError, match=str(MAX_BYTES)):
        judge(asked(command))

    assert judge(asked("echo"))["pid"] == pid


def test_large_messages_within_the_limit_pass(judge):
    text = "echo " + "x" * (MAX_BYTES - 1000)

    assert judge(asked(text))["photos"] == [{"id": text}]


def test_requests_at_the_same_time_take_turns_on_one_worker(judge):
    answers = [None] * 6

    def ask(number):
        answers[number] = judge(asked(f"echo {number}"))["photos"][0]["id"]

    run_all([Thread(target=ask, args=(number,)) for number in range(6)])

    assert answers == [f"echo {number}" for number in range(6)]
    assert len(judge.pids()) == 1


def test_several_workers_answer_at_the_same_time(handler):
    with JudgeProcess(handler, env={}, memory_mb=300, timeout_s=20, workers=2) as judge:
        judge.start()
        started = time.monotonic()
        run_all([Thread(target=judge, args=(asked("sleep 1.5"),)) for _ in range(2)])

        assert time.monotonic() - started < 2.9
        assert len(set(judge.pids())) == 2


def test_a_request_that_finds_every_worker_busy_gives_up_in_time(handler):
    with JudgeProcess(handler, env={}, memory_mb=300, timeout_s=1) as judge:
        judge.start()
        errors = []

        def ask():
            with pytest.raises(ModelError) as failed:
                judge(asked("sleep 60"))
            errors.append(str(failed.value))

        run_all([Thread(target=ask) for _ in range(3)])

    assert any("busy" in error for error in errors)
    assert any("took longer" in error for error in errors)


def run_all(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_a_closed_judge_leaves_no_process_and_answers_no_more(handler):
    judge = JudgeProcess(handler, env={}, memory_mb=300, timeout_s=10, workers=2)
    judge.start()
    pids = judge.pids()

    judge.close()
    judge.close()

    assert all(gone(pid) for pid in pids)
    with pytest.raises(ModelError, match="closed"):
        judge(asked("echo"))


def test_closing_ends_a_request_in_flight(handler):
    judge = JudgeProcess(handler, env={}, memory_mb=300, timeout_s=60)
    judge.start()
    errors = []

    def ask():
        with pytest.raises(ModelError) as failed:
            judge(asked("sleep 60"))
        errors.append(failed.value)

    asking = Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    judge.close()
    asking.join(10)

    assert len(errors) == 1


def test_closing_does_not_wait_for_a_start(tmp_path):
    (tmp_path / "app.py").write_text("import time; time.sleep(50)")
    judge = JudgeProcess(tmp_path / "app.py", env={}, memory_mb=300, timeout_s=60)
    errors = []

    def start():
        with pytest.raises(ModelError) as failed:
            judge.start()
        errors.append(failed.value)

    starting = Thread(target=start)
    starting.start()
    time.sleep(0.3)
    judge.close()
    starting.join(10)

    assert len(errors) == 1
    assert judge.pids() == []


@pytest.mark.parametrize("written", [b"no frame at all", b"\0\0\0\2[]"])
def test_a_process_that_writes_no_answer_fails_and_is_ended(tmp_path, written):
    code = f"import os\nfor pipe in range(3, 9):\n    try: os.write(pipe, {written!r})\n    except OSError: pass\n"
    (tmp_path / "app.py").write_text(code + "import time; time.sleep(50)")

    with (
        JudgeProcess(tmp_path / "app.py", env={}, memory_mb=300, timeout_s=5) as judge,
        pytest.raises(ModelError, match="ended with code"),
    ):
        judge.start()


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_a_worker_whose_runner_was_killed_ends_even_in_a_request(handler):
    runner = f"""
import sys
from local.judge_process import JudgeProcess
judge = JudgeProcess({str(handler)!r}, env={{}}, memory_mb=300, timeout_s=60)
judge.start()
print(judge.pids()[0], flush=True)
judge({asked("sleep 60")!r})
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")])}
    process = subprocess.Popen([sys.executable, "-c", runner], stdout=subprocess.PIPE, env=environment)
    pid = int(process.stdout.readline())
    time.sleep(0.2)

    process.kill()
    process.communicate()

    assert gone(pid)


@pytest.mark.skipif(not BACKBONE.exists(), reason="no built-in backbone here: make it with python -m training.distil")
def test_the_real_judge_answers_in_bounds(tmp_path):
    photo = io.BytesIO()
    Image.effect_noise((320, 400), 60).convert("RGB").save(photo, "JPEG")
    settings = {"BACKBONE_DIR": str(BACKBONE.parent), "PHOTO_ORIGIN": "http://127.0.0.1:9"}
    request = {"photos": [{"id": "1", "data": base64.b64encode(photo.getvalue()).decode()}], "heads": []}

    with JudgeProcess(env=settings, memory_mb=1769, timeout_s=30) as judge:
        answer, again = judge(request), judge(request)
        [pid] = judge.pids()
        rss_kb = int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0])

    assert answer["photos"] == again["photos"]
    assert len(base64.b64decode(answer["photos"][0]["features"])) == 2 * answer["dimensions"]
    assert rss_kb < 250_000


def real_judge(origin, **limits):
    settings = {"BACKBONE_DIR": str(BACKBONE.parent), "PHOTO_ORIGIN": origin}
    return JudgeProcess(env=settings, **({"memory_mb": 1769, "timeout_s": 30} | limits))


def with_networks(origin, *bodies):
    photo = io.BytesIO()
    Image.new("RGB", (40, 30), (100, 100, 100)).save(photo, "PNG")
    networks = [source(origin, f"n{place}", body) for place, body in enumerate(bodies)]
    photos = [{"id": "1", "data": base64.b64encode(photo.getvalue()).decode()}]
    return {"photos": photos, "heads": [], "networks": networks}


@pytest.mark.skipif(not BACKBONE.exists(), reason="no built-in backbone here: make it with python -m training.distil")
def test_tuned_networks_are_fetched_once_by_a_process_and_run_in_bounds():
    bodies = [tuned(), tuned(bias=2.0)]
    with (
        serving({f"/n{place}": body for place, body in enumerate(bodies)}) as served,
        real_judge(served.origin) as judge,
    ):
        request = with_networks(served.origin, *bodies)
        answers = [judge(request) for _ in range(3)]

        assert len(served.requests) == 2
    logits = [answer["photos"][0]["network_logits"] for answer in answers]
    assert logits == [[pytest.approx(0.5), pytest.approx(3.5)]] * 3
    assert answers[0]["network_errors"] == ["", ""]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's data")
def test_a_network_that_wants_more_memory_than_there_is_costs_its_own_word_only():
    bodies = [tuned(numbers=600_000_000), tuned()]
    with (
        serving({f"/n{place}": body for place, body in enumerate(bodies)}) as served,
        real_judge(served.origin) as judge,
    ):
        answer = judge(with_networks(served.origin, *bodies))

    assert ["cannot be run" in error for error in answer["network_errors"]] == [True, False]
    assert answer["photos"][0]["network_logits"] == [None, pytest.approx(0.5)]
    assert "features" in answer["photos"][0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_is_not_for_the_worker(judge):
    pid = judge(asked("echo"))["pid"]

    os.kill(pid, signal.SIGINT)
    time.sleep(0.1)

    assert judge(asked("echo"))["pid"] == pid


def test_frames_of_a_lying_length_are_refused():
    with pytest.raises(ValueError, match="4294967295"):
        read_frame(io.BytesIO(b"\xff\xff\xff\xff"))
    with pytest.raises(ValueError, match="more than"):
        write_frame(io.BytesIO(), bytes(MAX_BYTES + 1))
    assert read_frame(io.BytesIO(b"\0\0\0\5abc")) is None
    assert read_frame(io.BytesIO(b"")) is None
