"""The judge as on AWS: apart from us, with limits on time, memory and message size."""

import json
import os
import queue
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Timer
from typing import Any, BinaryIO, Self, cast

from local.judge_worker import MAX_BYTES, read_frame, write_frame
from swipr.errors import ModelError
from swipr.judging import JudgeAnswer, JudgeRequest

_ROOT = Path(__file__).resolve().parents[1]
START_S = 60.0  # importing onnxruntime on a busy, cold machine
_STOP_S = 2.0
# Only what a process needs to run at all: the judge decodes untrusted pixels and has no business with the rest.
_INHERITED = ("PATH", "PYTHONPATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class JudgeProcess:
    """`judging.Judge` by worker processes that start when first needed and again when they have died."""

    def __init__(
        self,
        handler_path: str | Path = "functions/judge/app.py",
        *,
        env: Mapping[str, str],
        memory_mb: int,
        timeout_s: float,
        workers: int = 1,
    ) -> None:
        """`handler_path` is absolute or below the project's root; `env` is the function's own environment."""
        self._timeout_s = timeout_s
        arguments = str(_ROOT / handler_path), str(memory_mb), str(timeout_s)
        self._command = [sys.executable, "-P", "-m", "local.judge_worker", *arguments]
        self._env = _environment(env)
        self._workers = [_Worker(self._command, self._env, timeout_s) for _ in range(workers)]
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._free.put(worker)

    def __call__(self, request: JudgeRequest) -> JudgeAnswer:
        try:
            worker = self._free.get(timeout=self._timeout_s)
        except queue.Empty:
            raise ModelError(f"the judge was busy for more than {self._timeout_s:g} s") from None
        try:
            return cast(JudgeAnswer, worker.ask(request))
        finally:
            self._free.put(worker)

    def start(self) -> None:
        """Start every worker that does not run yet. Raises ModelError if the handler cannot be imported."""
        for worker in self._workers:
            worker.start()

    def pids(self) -> list[int]:
        """Of the workers that run, in no order that means anything."""
        return [pid for worker in self._workers if (pid := worker.pid())]

    def close(self) -> None:
        """End the workers; a request in flight fails."""
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Worker:
    """One process, one request at a time."""

    def __init__(self, command: list[str], env: Mapping[str, str], timeout_s: float) -> None:
        self._command, self._env, self._timeout_s = command, env, timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._starting = Lock()

    def ask(self, request: JudgeRequest) -> Any:
        body = json.dumps(request).encode()
        if len(body) > MAX_BYTES:
            raise ModelError(f"the request takes {len(body)} bytes, the judge reads at most {MAX_BYTES}")
        try:
            return _exchange(self.start(), body, self._timeout_s)
        except _WorkerDiedError:  # the judge is pure, so whatever killed it, asking again does no harm
            return _exchange(self.start(), body, self._timeout_s)

    def start(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._closed:
                raise ModelError("the judge has been closed")
            if self._process and self._process.poll() is None:
                return self._process
            if self._process:
                _end(self._process)
            self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command, env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            if self._closed:  # meanwhile, and without seeing this process
                _end(process)
            _exchange(process, None, START_S)
            return process

    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.poll() is None else None

    def close(self) -> None:
        # Without the lock, since a start may take long: it sees `_closed` if its process came too late to be seen here.
        self._closed = True
        if self._process:
            _end(self._process)


class _WorkerDiedError(ModelError):
    pass


def _exchange(process: subprocess.Popen[bytes], body: bytes | None, limit_s: float) -> Any:
    """Send the body, if any, and return the answer; a process that gives none in time is killed."""
    late = Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = Timer(limit_s, stop)
    timer.daemon = True
    timer.start()
    try:
        reply = _talk(process, body)
    finally:
        timer.cancel()
    if reply is None:
        _end(process)
        raise _death(process, late, limit_s)
    if "error" in reply:
        raise ModelError(f"the judge failed: {reply['error']}")
    return reply["answer"]


def _death(process: subprocess.Popen[bytes], late: Event, limit_s: float) -> ModelError:
    if late.is_set():
        return ModelError(f"the judge took longer than {limit_s:g} s")
    return _WorkerDiedError(f"the judge failed: its process ended with code {process.returncode}")


def _talk(process: subprocess.Popen[bytes], body: bytes | None) -> dict[str, Any] | None:
    """The reply; None from a process that is gone, or that writes what is none."""
    stdin, stdout = _pipes(process)
    try:
        if body is not None:
            write_frame(stdin, body)
        reply = json.loads(read_frame(stdout) or b"{}")
    except (OSError, ValueError):
        return None
    return reply if isinstance(reply, dict) and reply.keys() & {"answer", "error"} else None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    return cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes, which ends a worker by itself, and kill it if it does not go."""
    stdin, stdout = _pipes(process)
    with suppress(OSError):  # it died with something unsent
        stdin.close()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    stdout.close()


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    paths = [str(_ROOT), str(_ROOT / "layers" / "common"), *inherited.get("PYTHONPATH", "").split(os.pathsep)]
    ours = {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    return inherited | _ONE_THREAD | dict(env) | ours
