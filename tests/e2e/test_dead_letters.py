"""`swipr dead-letters` as it is typed: beside a running install, and for a stack on AWS."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import Result
from typer.testing import CliRunner

from cli.dead_letters import _age, _show
from cli.main import app
from local.events import failure_record, s3_event
from local.runner import Runtime
from swipr.aws import clients
from swipr.models import RefitRequest, SwipeSession
from tests.aws_endpoint import Endpoint, Reply, endpoint
from tests.aws_stack import AwsStack
from tests.moto_world import REGION, moto_world

ROOT = Path(__file__).resolve().parents[2]
LONG_S = 3600.0
NOW = datetime.now(UTC)
SLOT = SwipeSession(user_id="nobody", due_at=NOW)
Json = dict[str, Any]


def swipr(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["dead-letters", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


def said(result: Result) -> Json:
    value: Json = json.loads(result.output)
    return value


def wait_for(met: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


# --- beside a running install --------------------------------------------------------------------------------


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    environment = {
        "BACKBONE_DIR": str(ROOT / "backbones" / "builtin"),
        "CONSOLE_DIR": str(ROOT / "console"),
        "LOG_LEVEL": "ERROR",
    }
    folder = tmp_path / "data"
    with Runtime(ROOT / "template.yaml", folder, environment=environment, schedule_every_s=LONG_S) as runtime:
        yield runtime


@pytest.fixture
def data(runtime: Runtime, tmp_path: Path) -> tuple[str, str]:
    return "--data", str(tmp_path / "data")


def test_nothing_has_failed(data: tuple[str, str]) -> None:
    shown, sent = swipr("list", *data), swipr("resend", *data)

    assert (shown.exit_code, sent.exit_code) == (0, 0)
    assert shown.output == sent.output == "Nothing has failed for good.\n"


def test_what_failed_is_shown_and_delivered_again(runtime: Runtime, data: tuple[str, str]) -> None:
    upload = s3_event("b", "labels/nobody/0.json", 9, trigger="FeedbackUpload", etag="0", sequencer="0", at=NOW)
    runtime.queue.send("SwipeSessionsDead", SLOT.model_dump_json())
    record = failure_record("Feedback", upload, OSError("planted"), tries=3, at=NOW)
    runtime.queue.send("UploadsDead", json.dumps(record))
    runtime.queue.send("TicksDead", json.dumps({"source": "aws.scheduler"}))

    listed = swipr("list", *data)
    first, second = swipr("resend", *data, "--json"), swipr("resend", *data, "--json")

    assert listed.exit_code == 0
    assert SLOT.session_id in listed.output
    assert "RetriesExhausted, OSError" in listed.output
    assert "planted" not in listed.output
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert {name: said(first)[name] for name in ("sent", "dropped", "stay")} == {"sent": 2, "dropped": 1, "stay": 0}
    assert said(second) == {"sent": 0, "dropped": 0, "stay": 0, "letters": []}
    # a session of nobody and an upload that is gone are tolerated: both end well, and nothing is dead again
    wait_for(lambda: not sum(sum(runtime.queue.counts(name)) for name in ("SwipeSessions", "FeedbackUpload")))
    assert said(swipr("list", *data, "--json")) == {"letters": []}


def test_poison_stays_and_the_exit_status_says_so(runtime: Runtime, data: tuple[str, str]) -> None:
    runtime.queue.send("SwipeSessionsDead", "no json")

    sent = swipr("resend", *data)

    assert sent.exit_code == 3
    assert "poison" in sent.output
    assert "stays" in sent.output
    assert [letter["kind"] for letter in said(swipr("list", *data, "--json"))["letters"]] == ["poison"]


def test_only_whoever_runs_the_install_may_look(runtime: Runtime, data: tuple[str, str]) -> None:
    runtime.queue.send("SwipeSessionsDead", SLOT.model_dump_json())
    address = f"{runtime.address}/local/dead-letters"

    with requests.Session() as session:
        session.trust_env = False
        answers = [session.request(method, address, timeout=10).status_code for method in ("GET", "POST")]

    assert answers == [401, 401]
    assert len(runtime.queue.peek("SwipeSessionsDead")) == 1


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    result = swipr("list", "--data", str(tmp_path), "--json")

    assert result.exit_code == 1
    assert "start it with `swipr up`" in said(result)["error"]


# --- for a stack on AWS ------------------------------------------------------------------------------------


def resources(physical: Mapping[str, str]) -> Reply:
    """CloudFormation's answer to what it made."""
    rows = "".join(
        f"<member><LogicalResourceId>{name}</LogicalResourceId><PhysicalResourceId>{made}</PhysicalResourceId></member>"
        for name, made in physical.items()
    )
    listed = f"<StackResourceSummaries>{rows}</StackResourceSummaries>"
    answer = f"<ListStackResourcesResult>{listed}</ListStackResourcesResult>"
    return Reply(200, f"<ListStackResourcesResponse>{answer}</ListStackResourcesResponse>".encode())


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AwsStack, Endpoint]]:
    """A deployed stack, and the service that is asked what is in it."""
    with moto_world() as aws, endpoint() as cloudformation:
        cloudformation.says(resources(aws.physical))
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url)
        yield aws, cloudformation


OF_STACK = ("--stack", "mine", "--region", REGION, "--json")


def test_a_stack_s_dead_letters_are_found_by_its_name(stack: tuple[AwsStack, Endpoint]) -> None:
    aws, cloudformation = stack
    body = RefitRequest(user_id="ann").model_dump_json()
    clients.sqs().send_message(QueueUrl=aws.physical["RefitsDead"], MessageBody=body)

    listed, first, second = swipr("list", *OF_STACK), swipr("resend", *OF_STACK), swipr("resend", *OF_STACK)

    assert [(letter["kind"], letter["queue"]) for letter in said(listed)["letters"]] == [("refit", "RefitsDead")]
    assert [said(result)["sent"] for result in (first, second)] == [1, 0]
    assert aws.messages("Refits") == [body]
    assert b"StackName=mine" in cloudformation.requests[0][1]


def test_an_unknown_stack_is_told(stack: tuple[AwsStack, Endpoint]) -> None:
    words = "<ErrorResponse><Error><Code>ValidationError</Code><Message>no such stack</Message></Error></ErrorResponse>"
    stack[1].says(Reply(400, words.encode()))

    result = swipr("list", *OF_STACK)

    assert result.exit_code == 1
    assert "ValidationError; look at the stack's name" in said(result)["error"]


def test_an_id_is_shown_whole_however_narrow_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    upload_id = "20261102T120000-0123456789abcdef"
    shown = {"queue": "UploadsDead", "kind": "upload", "about": upload_id, "age_s": 1, "reason": "?", "next": "keep"}

    _show([shown], "became")

    rows = [line[12:].split() for line in capsys.readouterr().out.splitlines()]
    assert upload_id in "".join(part for row in rows for part in row if part not in ("upload", "1", "s", "?", "stays"))


def test_age_is_said_in_words() -> None:
    ages = [timedelta(seconds=5), timedelta(minutes=5), timedelta(hours=5), timedelta(days=5)]
    assert [_age(age.total_seconds()) for age in ages] == ["5 s", "5 min", "5 h", "5 d"]
