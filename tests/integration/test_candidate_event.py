"""From the event about `sums.json` through the handler, and over AWS with the rights that the template grants."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.feedback import app as feedback_app
from local import world
from local.events import s3_event
from swipr import bootstrap
from swipr.candidates import candidate_report
from swipr.candidates.candidate import HEAD, SUMS, folder
from tests.api_home import ENVIRONMENT
from tests.aws_rights import only_rights_of, watched
from tests.contexts import a_context
from tests.doubles import Clock
from tests.logs import handlers_log
from tests.moto_world import moto_world
from tests.moving import Home
from tests.trained import USER, Trained, trained_home


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trained]:
    """The handler's world is this home."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with trained_home(tmp_path / "home", labels=12) as trained:
        home = trained.home
        parts = world.World(home.store, home.blobs, home.queue, home.secrets, trained.judge)  # type: ignore[arg-type]
        world.start(parts)
        bootstrap.forget()
        yield trained
        world.stop()
        bootstrap.forget()


def deliver(trained: Trained, key: str) -> None:
    at = bootstrap.now() - timedelta(hours=1)
    event = s3_event("bucket", key, 10, trigger="FeedbackCandidate", etag="0", sequencer="1", at=at)
    feedback_app.lambda_handler(event, a_context("Feedback"))


def test_the_event_registers_the_candidate_and_says_so_in_the_log(
    trained: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    name = trained.send(trained.files())

    with caplog.at_level(logging.INFO), handlers_log() as log:
        for _ in range(2):
            deliver(trained, folder(name) + SUMS)

    assert trained.user().shadow == 2
    said = [line for line in log.lines() if line["message"] == "candidate"]
    assert [(line["state"], line["version"]) for line in said] == [("registered", 2), ("unchanged", 2)]


def test_a_refusal_is_no_failure_of_the_handler(trained: Trained) -> None:
    name = trained.send(trained.files() | {HEAD: b"x"})

    deliver(trained, folder(name) + SUMS)

    report = candidate_report.read(USER, name, trained.home.blobs)
    assert report is not None
    assert report.state == "refused"


@pytest.mark.parametrize("key", ["inbox/sums.json", "inbox/a/b/sums.json", "inbox//sums.json"])
def test_an_odd_key_becomes_nothing(trained: Trained, key: str) -> None:
    deliver(trained, key)

    assert trained.user().shadow is None


@pytest.mark.parametrize("good", [True, False])
def test_feedback_may_do_all_that_registering_does(good: bool) -> None:
    with moto_world() as aws, watched():
        home = Home(aws.store, aws.blobs, aws.secrets, Clock())
        trained = Trained(home, labels=12)
        trained.send(trained.files() if good else trained.files() | {HEAD: b"x"})

        with only_rights_of(aws, "Feedback") as rights:
            became = trained.arrive()

        assert became.state == ("registered" if good else "refused")
        used: set[Any] = {(action, place.rpartition("/")[2]) for action, place in rights.used}
        assert ("dynamodb:PutItem", "arn:aws:none:::Models") in used or not good
        assert trained.user().shadow == (2 if good else None)
