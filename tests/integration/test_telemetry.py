"""What a handler leaves in its log: ids by which it is found, figures for the operator, nothing of anybody else."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.feedback import app as feedback_app
from functions.swipe_tick import app
from local import world
from local.events import s3_event, sqs_event
from local.queue import Message
from local.runner import OF_THIS_MACHINE
from local.template import read_application
from swipr import bootstrap, dead_letters, telemetry
from swipr.failures import describe
from swipr.models import ExportRequest, RefitRequest, SessionReport
from swipr.sessions.measures import of_session
from swipr.telemetry import logger
from tests.api_home import ENVIRONMENT, Caller
from tests.contexts import a_context
from tests.install import USER, Install
from tests.logs import Log, handlers_log

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
Lines = list[dict[str, Any]]


@pytest.fixture
def log() -> Iterator[Log]:
    with handlers_log() as log:
        yield log


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """One user whose deck is none of this install: it is refused."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    home = Install(tmp_path / "home", 1)
    parts = world.World(home.store, home.blobs, home, home.secrets, home.parts().judge)  # type: ignore[arg-type]
    world.start(parts)
    bootstrap.forget()
    yield home
    world.stop()
    bootstrap.forget()


def session_event(refused: Install) -> tuple[str, dict[str, Any]]:
    """The next session's id, and the event that brings it."""
    refused.tick()
    session = refused.queued.pop()
    message = Message("m1", "r1", session.model_dump_json(), 1, None, NOON)
    return session.session_id, sqs_event("SwipeSessions", [message])


class Broken:
    def __getattr__(self, name: str) -> Any:
        def fails(*_: object, **__: object) -> None:
            raise OSError("planted: tok-7f3a")

        return fails


def break_the_store() -> None:
    started = world._running()
    world.stop()
    world.start(replace(started, store=Broken(), blobs=Broken()))  # type: ignore[arg-type]
    bootstrap.forget()


def figures(printed: str) -> Lines:
    return [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]


# --- ids ------------------------------------------------------------------------------------------------


def test_a_session_s_lines_carry_the_request_and_the_session(refused: Install, log: Log) -> None:
    session_id, event = session_event(refused)

    app.session_handler(event, a_context("SwipeSession", "request-1"))

    (line,) = log.lines()
    assert (line["message"], line["outcome"]) == ("session", "refused")
    assert (line["function_request_id"], line["session_id"]) == ("request-1", session_id)
    assert line["function_name"] == "SwipeSession"


def test_a_later_request_carries_nothing_of_an_earlier_one(refused: Install, log: Log) -> None:
    _, event = session_event(refused)
    app.session_handler(event, a_context("SwipeSession", "request-1"))

    app.tick_handler({}, a_context("SwipeTick", "request-2"))
    logger().error("between")

    *_, tick, between = log.lines()
    assert (tick["message"], tick["function_request_id"]) == ("tick", "request-2")
    assert "session_id" not in tick
    assert not {"session_id", "function_request_id", "function_name"} & set(between)


def test_requests_at_the_same_time_keep_their_own_ids(log: Log) -> None:
    """As the local runtime calls them: many threads, one logger."""
    met = threading.Barrier(4)

    def run(number: int) -> None:
        with telemetry.invocation(a_context("SwipeSession", f"request-{number}")):
            telemetry.note(session_id=f"session-{number}")
            met.wait(10)
            logger().error("mine", extra={"number": number})
            met.wait(10)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = {line["number"]: (line["function_request_id"], line["session_id"]) for line in log.lines()}
    assert found == {number: (f"request-{number}", f"session-{number}") for number in range(4)}


def test_a_failed_session_is_found_by_its_id_and_quotes_nothing(refused: Install, log: Log) -> None:
    session_id, event = session_event(refused)

    break_the_store()
    with pytest.raises(telemetry.FailedError) as raised:
        app.session_handler(event, a_context("SwipeSession", "request-1"))

    (line,) = log.lines()
    assert (line["message"], line["session_id"], line["function_request_id"]) == ("failed", session_id, "request-1")
    assert line["reason"].startswith("OSError at ")
    assert "tok-7f3a" not in log.written.getvalue()
    # Lambda's own runtime logs these two and the lines of code, and keeps them in a dead letter.
    assert (raised.type.__name__, str(raised.value)) == ("OSError", "")
    assert describe(raised.value) == line["reason"], "from the same place"


def queued(message: RefitRequest | ExportRequest) -> dict[str, Any]:
    return sqs_event("Refits", [Message("m1", "r1", message.model_dump_json(), 1, None, NOON)])


def created(key: str) -> dict[str, Any]:
    return s3_event("b", key, 9, trigger="-", etag="0", sequencer="0", at=NOON)


@pytest.mark.parametrize(
    ("event", "box"),
    [
        (queued(RefitRequest(user_id=USER)), dead_letters.REFITS),
        (queued(ExportRequest(user_id=USER, export_id="e1")), dead_letters.REFITS),
        (created(f"labels/{USER}/mine.json"), dead_letters.UPLOADS),
        (created("inbox/h1-run1/sums.json"), dead_letters.UPLOADS),
    ],
)
def test_a_dead_letter_says_by_what_the_log_tells_why(
    refused: Install, log: Log, event: dict[str, Any], box: dead_letters.Box
) -> None:
    break_the_store()
    with pytest.raises(telemetry.FailedError, match=r"\A\Z"):
        feedback_app.lambda_handler(event, a_context("Feedback", "request-1"))

    body = event["Records"][0]["body"] if box is dead_letters.REFITS else json.dumps({"requestPayload": event})
    letter, _ = dead_letters._read(box, dead_letters.Kept("1", body, NOON), NOON)
    (line,) = log.lines()
    names = {"refit": "user_id", "export": "export_id", "upload": "upload_id", "candidate": "candidate"}
    assert (line["message"], line[names[letter.kind]]) == ("failed", letter.about)
    assert "tok-7f3a" not in log.written.getvalue()


def test_the_api_s_lines_carry_the_gateway_s_request(call: Caller, log: Log) -> None:
    inner = call.install.store

    class WithoutUsers:
        def user(self, user_id: str) -> None:
            raise OSError("planted")

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

    call.use(store=WithoutUsers())

    assert call("GET", "/v1/status").status == 500

    line = log.lines()[-1]
    assert (line["request_id"], line["function_request_id"]) == ("JKJaXmPLvHcESHA=", "lambda-1")


# --- figures --------------------------------------------------------------------------------------------


def test_a_session_is_counted_without_a_word_about_the_user(
    refused: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "my-stack")
    _, event = session_event(refused)

    app.session_handler(event, a_context("SwipeSession"))

    (counted,) = figures(capsys.readouterr().out)
    (directive,) = counted["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Swipr", [["service"]])
    assert (counted["service"], counted["Sessions"], counted["DeckRefusals"]) == ("my-stack", [1.0], [1.0])
    names = {metric["Name"] for metric in directive["Metrics"]}
    assert set(counted) == names | {"_aws", "service"}, "nothing else, so no user's id"
    assert USER not in json.dumps(counted)


def test_one_machine_prints_no_figures(
    refused: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    functions = read_application(ROOT / "template.yaml", environment=OF_THIS_MACHINE).functions
    variable = "POWERTOOLS_METRICS_DISABLED"
    monkeypatch.setenv(variable, functions["SwipeSession"].environment[variable])
    _, event = session_event(refused)

    app.session_handler(event, a_context("SwipeSession"))

    assert figures(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        ("refused", "DeckRefusals"),
        ("deck_waits", "DeckWaits"),
        ("deck_unavailable", "DeckFailures"),
        ("budget_spent", "BudgetsSpent"),
        ("done", None),
    ],
)
def test_how_a_session_ended_is_counted(outcome: str, counted: str | None) -> None:
    report = SessionReport(
        session_id="s",
        started_at=NOON,
        ended_at=NOON,
        outcome=outcome,
        deck="tinder",
        acting=True,
        cards=5,
        liked=2,
        unknown=1,
        photos=4,
        judge_ms=60.0,
        cost_microusd=7.5,
    )

    measures = {measure.name: measure.value for measure in of_session(report)}

    endings = {"DeckRefusals", "DeckWaits", "DeckFailures", "BudgetsSpent"}
    assert {name for name in endings if measures.pop(name)} == ({counted} if counted else set())
    assert measures == {
        "Sessions": 1.0,
        "CardsJudged": 5.0,
        "Likes": 2.0,
        "UnknownAnswers": 1.0,
        "CostMicrodollars": 7.5,
        "JudgeMsPerPhoto": 15.0,
    }


def test_a_session_without_photos_says_nothing_of_their_speed() -> None:
    report = SessionReport(session_id="s", started_at=NOON, ended_at=NOON, outcome="done", deck="x", acting=False)

    assert "JudgeMsPerPhoto" not in {measure.name for measure in of_session(report)}
