"""The judge's own process: frames of JSON in on stdin, answers out on stdout, limits on itself.

A frame is a big-endian u32 length and that many bytes. Started by `judge_process`; needs nothing but the standard
library and what the handler imports, so that it stays small.
"""

import importlib.util
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

LENGTH = struct.Struct(">I")
MAX_BYTES = 6 * 1024 * 1024  # as a synchronous Lambda invocation allows, either way
Handler = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True)
class Context:
    """What the handler may ask of a Lambda context."""

    function_name: str
    memory_limit_in_mb: int
    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def read_frame(pipe: BinaryIO) -> bytes | None:
    """The next frame, or None when the other side is gone. Raises ValueError for one that is too large."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > MAX_BYTES:
        raise ValueError(f"a frame of {length} bytes, more than {MAX_BYTES}")
    body = pipe.read(length)
    return body if len(body) == length else None


def write_frame(pipe: BinaryIO, body: bytes) -> None:
    """Raises ValueError for a frame that is too large."""
    if len(body) > MAX_BYTES:
        raise ValueError(f"{len(body)} bytes, more than {MAX_BYTES}")
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def main(handler_path: str, memory_mb: str, timeout_s: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the runner, which then closes stdin
    requests, answers = _take_pipes()
    _limit_memory(int(memory_mb))
    handler = _load_or_tell(Path(handler_path), answers)
    frames: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_read_all, args=(requests, frames), daemon=True).start()
    number = 0
    while True:
        event, number = json.loads(frames.get()), number + 1
        context = Context("judge", int(memory_mb), f"{os.getpid()}-{number}", time.monotonic() + float(timeout_s))
        _answer(answers, handler, event, context)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes for ourselves: whatever the handler prints goes to stderr, whatever it reads is empty."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _limit_memory(memory_mb: int) -> None:
    if sys.platform == "linux":  # elsewhere the limit is not enforced by the system
        import resource

        # Not the address space: threads and mapped files reserve much of it and use little.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_mb << 20, memory_mb << 20))


def _load_or_tell(path: Path, answers: BinaryIO) -> Handler:
    """Tell the runner that the handler is ready, or why it is not."""
    try:
        handler = _load(path)
    except Exception as error:
        _write(answers, {"error": f"{type(error).__name__}: {error}"})
        raise
    _write(answers, {"answer": "ready"})
    return handler


def _load(path: Path) -> Handler:
    spec = importlib.util.spec_from_file_location("judge_app", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.lambda_handler
    return handler


def _read_all(requests: BinaryIO, frames: "SimpleQueue[bytes]") -> None:
    while (frame := read_frame(requests)) is not None:
        frames.put(frame)
    os._exit(0)  # the runner is gone: stop at once, whatever the handler is at


def _answer(answers: BinaryIO, handler: Handler, event: dict[str, Any], context: Context) -> None:
    try:
        _write(answers, {"answer": handler(event, context)})
    except Exception as error:
        _write(answers, {"error": str(error) or type(error).__name__})
        if isinstance(error, MemoryError):
            sys.exit(1)  # what is left is in no known state; the next request gets a fresh process


def _write(answers: BinaryIO, reply: dict[str, Any]) -> None:
    write_frame(answers, json.dumps(reply).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
