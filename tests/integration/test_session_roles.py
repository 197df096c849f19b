"""A session with a tuned champion, and with a version that waits: one call asks both, and neither is ever half."""

import hashlib
import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from swipr import backbone, photos
from swipr.heads import Head, pack, unpack
from swipr.judging import JudgeAnswer, JudgeRequest
from swipr.models import ModelVersion, Network, Photo, Prediction
from swipr.photo_judge import PhotoJudge
from swipr.sessions import costs
from swipr.sessions.session import run_session
from tests.doubles import card
from tests.install import USER, Install
from tests.integration.photo_server import serving
from tests.looks import Make, answer, decision_of, sent, sent_cards, settings, swipes_of, user_of
from tests.tuned_networks import SIZE, logit_of, tuned
from tests.tuned_users import CHAMPIONS, SHADOWS, Watched, look_with, network, serve, version
from training.drawings import draw

BUILTIN = Path(__file__).resolve().parents[2] / "backbones" / "builtin"


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# --- by the real judge, recomputed --------------------------------------------------------------------------


class Served:
    """An install's blobs as a server of photos wants them."""

    def __init__(self, world: Install) -> None:
        self.world = world

    def get(self, path: str, default: bytes = b"") -> bytes:
        key = path.removeprefix("/blobs").removeprefix("/")
        return self.world.blobs.get(key) if key in self.world.blobs.keys(key) else default


def real_version(number: int, sha256: str, size_bytes: int, seed: int, share: float, slope: float) -> ModelVersion:
    network = backbone.load(BUILTIN)
    weights = np.random.default_rng(seed).normal(size=network.dimensions).astype("<f4")
    head = Head(network.sha256, 0.1, slope, -0.2, 0.5, 0.5, 0.5, weights.tobytes())
    body, key = pack(head), f"models/{USER}/{sha256}.onnx"
    own = {
        "head": body,
        "sha256": hashlib.sha256(body).hexdigest(),
        "backbone": network.sha256,
        "kind": "tuned",
        "network": Network(key=key, sha256=sha256, size_bytes=size_bytes, size_px=SIZE, share=share),
    }
    return version(number).model_copy(update=own)


def recomputed(bodies: list[bytes], made: ModelVersion, weights: tuple[float, float, float]) -> tuple[float, float]:
    """Score and mean network logit of a card, by plain arithmetic over the backbone's features."""
    assert made.network is not None
    network, head = backbone.load(BUILTIN), unpack(made.head)
    rows = network.features(np.stack([photos.to_input(body, network.size_px) for body in bodies])).astype(np.float16)
    frozen = rows.astype(np.float64) @ np.frombuffer(head.weights, "<f4").astype(np.float64) + head.bias
    own = np.array([logit_of(photos.to_input(body, SIZE), weights) for body in bodies])
    blend = (1 - made.network.share) * frozen + made.network.share * own
    return sigmoid(head.slope * blend.mean() + head.intercept), float(own.mean())


def test_scores_of_both_versions_are_those_recomputed_from_the_photos(install: Make) -> None:
    world = sent_cards(install, [card(number, "like", photos=1 + number) for number in range(3)])
    own = {}
    for number, pixels in enumerate(draw(6, 120, seed=8)):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, ("PNG", "JPEG")[number % 2])
        own[number] = stream.getvalue()
    shown = [photo for card in world.deck.left for photo in card.photos]
    bodies = {photo.url: own[number] for number, photo in enumerate(shown)}
    world.deck.photo = lambda photo: bodies[photo.url]  # type: ignore[method-assign]
    taste, other = (0.02, -0.01, 0.005), (-0.01, 0.0, 0.02)
    made = []
    for number, weights, share, slope in ((2, taste, 0.5, 1.0), (3, other, 0.3, 1.5)):
        body = tuned(weights)
        sha256 = hashlib.sha256(body).hexdigest()
        made.append(real_version(number, sha256, len(body), number, share, slope))
        world.blobs.put(made[-1].network.key, body)  # type: ignore[union-attr]
    serve(world, *made)
    with serving(Served(world)) as served:
        judge = PhotoJudge(backbone.load(BUILTIN), served.origin)

        def by_address(request: JudgeRequest) -> JudgeAnswer:
            for each in [*request["photos"], *request.get("networks", [])]:
                each["url"] = each["url"].replace("http://x/blobs", served.origin + "/blobs")
            return judge(request)

        report = look_with(world, by_address)

    assert report.outcome == "done"
    assert (report.liked + report.passed, report.photos) == (3, 6)
    for each in world.deck.left:
        decision = decision_of(world, each.card_id)
        came = [bodies[photo.url] for photo in each.photos]
        score, logit = recomputed(came, made[0], taste)
        shadow_score, shadow_logit = recomputed(came, made[1], other)
        assert decision.score == pytest.approx(score, abs=1e-4)
        assert decision.verdict == ("like" if score >= 0.5 else "pass")
        assert decision.model_version == 2
        assert decision.shadow is not None
        assert (decision.shadow.version, decision.shadow.score) == (3, pytest.approx(shadow_score, abs=1e-4))
        assert decision.shadow.verdict == ("like" if shadow_score >= 0.5 else "pass")
        first, second = (one.network.short for one in made)  # type: ignore[union-attr]
        expected = {first: pytest.approx(logit, abs=1e-3), second: pytest.approx(shadow_logit, abs=1e-3)}
        assert decision.network_logits == expected


# --- what each is asked, and what its failing costs ---------------------------------------------------------


def test_both_are_asked_in_one_call_and_each_network_once(install: Make) -> None:
    world = sent(install, "like", "pass")
    serve(world, version(2, CHAMPIONS), version(3, SHADOWS))
    judge = Watched(world, champions=lambda logit: logit + 1, shadows=lambda logit: -logit)

    look_with(world, judge)

    (request,) = judge.requests
    assert len(request["heads"]) == 2
    asked = request["networks"]
    assert [each["sha256"] for each in asked] == [CHAMPIONS, SHADOWS]
    assert (asked[0]["size_bytes"], asked[0]["size_px"]) == (100, 32)
    assert network(CHAMPIONS).key in asked[0]["url"]
    decision = decision_of(world, "fake:0")
    assert decision.score == pytest.approx(sigmoid(4.5), abs=1e-6)
    assert decision.shadow == Prediction(version=3, score=0.5, verdict="unsure")
    assert decision.network_logits == {CHAMPIONS[:12]: 5.0, SHADOWS[:12]: -4.0}
    assert swipes_of(world) == ["like fake:0", "pass fake:1"]


def test_versions_that_share_a_network_have_it_run_once(install: Make) -> None:
    world = sent(install, "like")
    serve(world, version(2, CHAMPIONS), version(3, CHAMPIONS, share=1.0))
    judge = Watched(world, champions=lambda logit: 1.0)

    look_with(world, judge)

    assert [len(request["networks"]) for request in judge.requests] == [1]
    decision = decision_of(world, "fake:0")
    assert decision.score == pytest.approx(sigmoid(2.5), abs=1e-6)
    assert decision.shadow == Prediction(version=3, score=round(sigmoid(1.0), 6), verdict="like")


@pytest.mark.parametrize(("rule", "pooled"), [("mean", 1.5), ("any", 6.0), ("best_weighted", (6.0 + -3.0 / 2) / 1.5)])
def test_photos_are_blended_one_by_one_and_then_pooled_by_the_card_s_rule(
    install: Make, rule: str, pooled: float
) -> None:
    photos = (Photo(photo_id="a", url="like/0"), Photo(photo_id="b", url="pass/0"))
    world = sent_cards(install, [card(0, "like").model_copy(update={"photos": photos})])
    settings(world, card_rule=rule)
    serve(world, version(2, CHAMPIONS), version(3, CHAMPIONS, slope=0.5))

    look_with(world, Watched(world, champions=lambda logit: 8.0 if logit > 0 else -2.0))

    decision = decision_of(world, "fake:0")
    assert decision.score == pytest.approx(sigmoid(pooled), abs=1e-6)
    assert decision.shadow is not None
    assert decision.shadow.score == pytest.approx(sigmoid(pooled / 2), abs=1e-6)


@pytest.mark.parametrize("acting", [True, False])
def test_a_champion_whose_network_fails_decides_nothing_by_its_head_alone(install: Make, acting: bool) -> None:
    world = sent(install, "like", "pass", "unsure")
    serve(world, version(2, CHAMPIONS), version(3, SHADOWS))
    if not acting:
        world.store.set_acting(USER, acting_on=None)

    report = look_with(world, Watched(world, champions="its sha256 differs", shadows=lambda logit: logit))

    assert report.outcome == "judge_failed"
    status = user_of(world).status
    assert status is not None
    assert status.text == (
        "The photos could not be judged: your model's own network could not be used: its sha256 differs"
    )
    assert swipes_of(world) == []
    assert world.store.decisions(USER, at=world.clock.now(), limit=9) == []


def an_older_judge(answer: Any) -> Any:
    answer.pop("network_errors")
    for photo in answer["photos"]:
        photo.pop("network_logits")
    return answer


def a_silent_network(answer: Any) -> Any:
    answer["photos"][1]["network_logits"] = [None]
    return answer


@pytest.mark.parametrize("changed", [an_older_judge, a_silent_network])
def test_a_judge_that_says_nothing_of_the_network_is_not_taken_for_its_word(
    install: Make, changed: Callable[[Any], Any]
) -> None:
    world = sent(install, "like", "like")
    serve(world, version(2, CHAMPIONS))
    judge = Watched(world, champions=lambda logit: logit)

    report = look_with(world, lambda request: changed(judge(request)) if request["photos"] else judge(request))

    assert report.outcome == "judge_failed"
    assert swipes_of(world) == []


@pytest.mark.parametrize("lost", ["the version", "its network"])
def test_a_champion_that_is_not_whole_decides_nothing(install: Make, lost: str) -> None:
    world = sent(install, "like")
    world.store.set_champion(USER, 2, expected=1)
    if lost == "its network":
        world.store.put_model(version(2, CHAMPIONS).model_copy(update={"network": None}))

    assert look_with(world, Watched(world)).outcome == "judge_failed"
    assert swipes_of(world) == []


def test_a_shadow_whose_network_fails_costs_its_word_only(install: Make) -> None:
    world = sent(install, "like", "pass")
    serve(world, version(2, CHAMPIONS), version(3, SHADOWS))

    report = look_with(world, Watched(world, champions=lambda logit: logit, shadows="it has two outputs"))

    assert (report.outcome, report.liked, report.passed) == ("done", 1, 1)
    decision = decision_of(world, "fake:0")
    assert decision.shadow is None
    assert decision.network_logits == {CHAMPIONS[:12]: 4.0}


def test_a_judge_that_dies_of_the_shadow_is_asked_once_more_without_it(install: Make) -> None:
    world = sent(install, "like", "pass")
    serve(world, version(2), version(3, SHADOWS))
    judge = Watched(world, shadows=lambda logit: logit)
    judge.dies = lambda request: "networks" in request

    report = look_with(world, judge)

    assert [len(request["heads"]) for request in judge.requests] == [2, 1]
    assert (report.outcome, report.liked, report.passed) == ("done", 1, 1)
    assert decision_of(world, "fake:0").shadow is None


def test_a_judge_that_dies_whatever_it_is_asked_ends_the_session(install: Make) -> None:
    world = sent(install, "like")
    serve(world, version(2), version(3))
    judge = Watched(world)
    judge.dies = lambda request: bool(request["photos"])

    assert look_with(world, judge).outcome == "judge_failed"
    assert swipes_of(world) == []


@pytest.mark.parametrize("kind", ["another backbone", "missing", "likeness"])
def test_a_shadow_that_cannot_be_compared_is_not_asked(install: Make, kind: str) -> None:
    world = sent(install, "like")
    other = version(3, backbone="f" * 64) if kind == "another backbone" else version(3)
    serve(world, version(2))
    if kind != "missing":
        world.store.put_model(other.model_copy(update={"kind": "likeness"}) if kind == "likeness" else other)
    assert world.store.set_shadow(USER, 3, expected=None)
    judge = Watched(world)

    report = look_with(world, judge)

    assert (report.liked, len(judge.requests[0]["heads"])) == (1, 1)
    assert decision_of(world, "fake:0").shadow is None


def test_photos_that_cannot_be_read_count_for_neither(install: Make) -> None:
    photos = (Photo(photo_id="a", url="broken/0"), Photo(photo_id="b", url="like/0"))
    world = sent_cards(install, [card(0, "like").model_copy(update={"photos": photos}), card(1, "broken")])
    serve(world, version(2, CHAMPIONS), version(3))

    look_with(world, Watched(world, champions=lambda logit: 2.0))

    decision = decision_of(world, "fake:0")
    assert (decision.score, decision.photo_scores[0]) == (pytest.approx(sigmoid(3.0), abs=1e-6), None)
    assert decision.shadow == Prediction(version=3, score=round(sigmoid(4.0), 6), verdict="like")
    assert decision_of(world, "fake:1").shadow is None


def test_what_was_said_is_kept_when_the_user_s_own_answer_becomes_the_action(install: Make) -> None:
    world = sent(install, "unsure")
    serve(world, version(2, CHAMPIONS), version(3))
    judge = Watched(world, champions=lambda logit: logit)
    look_with(world, judge)
    said = decision_of(world, "fake:0")
    answer(world, "fake:0", "like")
    world.store.wake(USER, at=world.clock.now())

    look_with(world, judge)

    decision = decision_of(world, "fake:0")
    assert (decision.state, decision.reason) == ("sent", "your own answer")
    assert said.shadow is not None
    assert (decision.shadow, decision.network_logits) == (said.shadow, said.network_logits)


def test_without_a_champion_nobody_is_asked(install: Make) -> None:
    world = sent(install, "like")
    user = user_of(world)
    world.store.create_user(user.model_copy(update={"user_id": "ben", "champion": None, "shadow": 1}))
    judge = Watched(world)
    world.clock.sleep(601)
    world.tick()
    parts = replace(world.parts(), judge=judge)
    reports = [run_session(each, parts, owner="test", time_left_s=lambda: 300.0) for each in world.queued]

    assert "untaught" in [report.outcome for report in reports if report]
    assert [] in [request["heads"] for request in judge.requests]


def test_the_cost_counts_the_networks_and_the_shadow(install: Make) -> None:
    world = sent(install, "like")
    serve(world, version(2, CHAMPIONS), version(3, SHADOWS))
    meter = costs.session_microusd

    report = look_with(world, Watched(world, champions=lambda logit: logit, shadows=lambda logit: logit))

    counts = {"judge_ms": 1.0, "judge_calls": 1, "photos": 1, "cards": 1, "actions": 1}
    seconds = (report.ended_at - report.started_at).total_seconds()
    assert report.cost_microusd == pytest.approx(meter(session_s=seconds, **counts, networks=2, shadows=1), abs=1e-2)
    more = meter(session_s=0, **counts, networks=2, shadows=1) - meter(session_s=0, **counts)
    assert more == pytest.approx(2 * 0.4 + 3 * 0.125)
