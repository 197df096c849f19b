"""The world that handlers run in on one machine: `bootstrap` imports this module when SWIPR_WORLD names it.

The runner starts it once with parts it has opened; the builders below hand them out.
"""

from dataclasses import dataclass

from swipr.judging import Judge
from swipr.ports import Blobs, Queue, Secrets, Store, Trainer
from swipr.settings import Settings


@dataclass(frozen=True)
class World:
    store: Store
    blobs: Blobs
    queue: Queue
    secrets: Secrets
    judge: Judge


_started: World | None = None


def start(world: World) -> None:
    """Make these the parts that handlers get. Raises RuntimeError if a world is running."""
    global _started
    if _started:
        raise RuntimeError("a world is running in this process; stop it first")
    _started = world


def stop() -> None:
    """End the running world, if any; closing its parts is for whoever opened them."""
    global _started
    _started = None


def _running() -> World:
    if not _started:
        raise RuntimeError("no world is running in this process; `swipr up` starts one")
    return _started


def store(settings: Settings) -> Store:  # noqa: ARG001 - the builders of every world take the settings
    return _running().store


def blobs(settings: Settings) -> Blobs:  # noqa: ARG001
    return _running().blobs


def queue(settings: Settings) -> Queue:  # noqa: ARG001
    return _running().queue


def secrets(settings: Settings) -> Secrets:  # noqa: ARG001
    return _running().secrets


def judge(settings: Settings) -> Judge:  # noqa: ARG001
    return _running().judge


def trainer(settings: Settings) -> Trainer | None:  # noqa: ARG001
    """Nobody trains by itself here: `swipr train` does."""
    return None
