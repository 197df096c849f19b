"""A permission taken out by hand: its owner is told what was refused, and an alarm has something to count."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from swipr.models import RefitRequest, SwipeSession
from tests.aws.emulator import Emulator
from tests.aws.grants import Grant, grants, without
from tests.aws.living import taught
from tests.aws.quiet_home import FunctionError, QuietHome, quiet_home
from tests.aws.steps_session import on_deck, run

pytestmark = [pytest.mark.aws, pytest.mark.timeout(300)]

SECRET = "told-to-nobody"


@pytest.fixture(scope="module")
def home(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuietHome]:
    with quiet_home(emulator, "denied", tmp_path_factory.mktemp("deck")) as home:
        yield home


def tick(home: QuietHome) -> None:
    home.tick()


def session(home: QuietHome) -> None:
    asked = SwipeSession(user_id=home.somebody(), due_at=datetime.now(UTC))
    home.message("SwipeSession", "SwipeSessions", asked.model_dump_json())


def refit(home: QuietHome) -> None:
    home.message("Feedback", "Refits", RefitRequest(user_id=home.somebody()).model_dump_json())


def request(home: QuietHome) -> None:
    """The API answers its own failures: nothing is raised, and nothing but `5xx` is said to whoever asked."""
    answer = home.ask(home.somebody(), "PUT", "/v1/deck", {"deck": "simulator", "token": SECRET})
    assert (answer.status, "AccessDenied" in json.dumps(answer.body)) == (500, False)
    raise FunctionError


#: By function: the right, what uses it, and how the log names it.
DENIED: dict[str, tuple[str, Callable[[QuietHome], None], str]] = {
    "SwipeTick": ("dynamodb:Query Users/index/DueUsers", tick, "dynamodb query: AccessDeniedException"),
    "SwipeSession": ("dynamodb:GetItem Users", session, "dynamodb get_item: AccessDeniedException"),
    "Feedback": ("s3:ListBucket Bucket/handoffs/*", refit, "s3 list_objects_v2: AccessDenied"),
    "Api": ("kms:Encrypt Key", request, "kms encrypt: AccessDeniedException"),
}


def the(home: QuietHome, function: str, name: str) -> Grant:
    return next(grant for grant in grants(home.stack, function) if str(grant) == name)


@pytest.mark.parametrize("function", DENIED)
def test_the_log_names_what_was_refused_and_no_secret(home: QuietHome, function: str) -> None:
    name, use, said = DENIED[function]

    with without(home.stack, the(home, function, name)), pytest.raises(FunctionError):
        use(home)

    lines = [line for line in logged(home) if f"({said})" in line]
    assert lines, "the log says service, operation and code"
    everything = "\n".join(logged(home))
    assert SECRET not in everything
    assert "not authorized to perform" not in "\n".join(lines), "AWS's own words name accounts and roles"


def logged(home: QuietHome) -> list[str]:
    """What the functions of this stack wrote."""
    logs, group = home.stack.emulator.client("logs"), home.stack.physical["ProgramLog"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event["message"] for page in pages for event in page["events"]]


@pytest.mark.parametrize("function", ["SwipeTick", "SwipeSession", "Feedback"])
def test_its_error_is_counted_where_an_alarm_looks(home: QuietHome, function: str) -> None:
    name, use, _ = DENIED[function]
    before = errors(home, function)

    with without(home.stack, the(home, function, name)), pytest.raises(FunctionError):
        use(home)

    assert errors(home, function) == before + 1
    alarm = home.stack.template["Resources"][f"{function}ErrorsAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("AWS/Lambda", "Errors", 0)


def errors(home: QuietHome, function: str) -> float:
    found = home.stack.emulator.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": home.stack.physical[function]}],
        StartTime=datetime.now(UTC) - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def test_a_judge_that_may_not_be_asked_ends_the_session_in_plain_words(home: QuietHome) -> None:
    user_id = taught(home, "unjudged", pacing_s=0.0)
    on_deck(home, user_id, acting=True)

    with without(home.stack, the(home, "SwipeSession", "lambda:InvokeFunction Judge")):
        assert run(home, user_id) == "judge_failed"

    user = home.store.user(user_id)
    assert user is not None
    assert user.status is not None
    assert "AccessDenied" in user.status.text
