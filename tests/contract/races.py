"""Threads that do the same thing at the same moment."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any


def race(call: Callable[[], Any], *, threads: int = 2) -> list[Any]:
    """What the call returned to each thread, in the order they were done."""
    return race_each([call] * threads)


def race_each(calls: list[Callable[[], Any]]) -> list[Any]:
    answers: list[Any] = []
    ready = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        ready.wait()
        answers.append(call())

    runners = [Thread(target=run, args=(call,)) for call in calls]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert len(answers) == len(calls), "a thread raised"
    return answers
