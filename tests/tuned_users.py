"""A user of an install whose versions are tuned, with a judge that runs their networks or says why not."""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace

from swipr.errors import ModelError
from swipr.heads import Head, pack
from swipr.judging import JudgeAnswer, JudgeRequest
from swipr.models import ModelVersion, Network, SessionReport
from swipr.sessions.session import run_session
from tests.doubles import BACKBONE, FakeJudge, model
from tests.install import USER, Install

CHAMPIONS, SHADOWS = (hashlib.sha256(name).hexdigest() for name in (b"champion's", b"shadow's"))


def network(sha256: str, share: float = 0.5) -> Network:
    return Network(key=f"models/{USER}/{sha256[:12]}.onnx", sha256=sha256, size_bytes=100, size_px=32, share=share)


def version(
    number: int,
    sha256: str | None = None,
    *,
    share: float = 0.5,
    slope: float = 1.0,
    backbone: str = BACKBONE,
    unsure: tuple[float, float] = (0.3, 0.7),
) -> ModelVersion:
    """Tuned if it has a network."""
    body = pack(Head(backbone, 0.0, slope, 0.0, 0.5, *unsure, struct.pack("<f", 1.0)))
    own = {
        "head": body,
        "sha256": hashlib.sha256(body).hexdigest(),
        "backbone": backbone,
        "kind": "tuned" if sha256 else "head",
        "network": network(sha256, share) if sha256 else None,
    }
    return model(USER, number).model_copy(update=own)


class Watched(FakeJudge):
    """Keeps what it is asked; dies of requests for which `dies` is true."""

    def __init__(self, home: Install, **networks: Callable[[float], float] | str) -> None:
        known = {"champions": CHAMPIONS, "shadows": SHADOWS}
        super().__init__(
            lambda url, first, last: home.blobs.get_range(home.range_of(url, first, last)),
            {known[name]: says for name, says in networks.items()},
        )
        self.requests: list[JudgeRequest] = []
        self.dies: Callable[[JudgeRequest], bool] = lambda request: False

    def __call__(self, request: JudgeRequest) -> JudgeAnswer:
        self.requests.append(request)
        if self.dies(request):
            raise ModelError("the judge failed: its process ended with code -9")
        return super().__call__(request)


def serve(world: Install, champion: ModelVersion, shadow: ModelVersion | None = None) -> None:
    """Make them what their user has; version 1 is what an install begins with."""
    world.store.put_model(champion)
    assert world.store.set_champion(USER, champion.version, expected=1)
    if shadow is not None:
        world.store.put_model(shadow)
        assert world.store.set_shadow(USER, shadow.version, expected=None)


def look_with(world: Install, judge: Callable[[JudgeRequest], JudgeAnswer]) -> SessionReport:
    """One tick and the session it starts, with this judge."""
    world.clock.sleep(601)
    world.tick()
    return run_with(world, judge)


def run_with(world: Install, judge: Callable[[JudgeRequest], JudgeAnswer]) -> SessionReport:
    """The session that is queued."""
    parts = replace(world.parts(), judge=judge)
    report = run_session(world.queued.pop(), parts, owner="test", time_left_s=lambda: 300.0)
    assert report is not None
    return report
