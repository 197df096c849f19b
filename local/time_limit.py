"""Wait for a call no longer than so long."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class LateError(Exception):
    """The limit has passed. Not a TimeoutError: a call may raise one of its own."""


def call_within(limit_s: float, call: Callable[[], T]) -> T:
    """The call's value, or what it raised. Raises LateError after the limit; the call itself runs on unheeded."""
    outcome: SimpleQueue[tuple[bool, T | BaseException]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((True, call()))
        except BaseException as error:
            outcome.put((False, error))

    threading.Thread(target=run, daemon=True, name="handler").start()
    try:
        succeeded, value = outcome.get(timeout=limit_s)
    except Empty:
        raise LateError(f"no answer within {limit_s:g} s") from None
    if not succeeded:
        raise value  # type: ignore[misc]  # the error that `run` caught
    return value  # type: ignore[return-value]  # the value that `call` returned
