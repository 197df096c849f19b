"""What failed for good is looked at and sent again, in every world alike."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.stack_letters import StackLetters
from local.application import BlobTrigger
from local.database import Database
from local.dead_letters import LocalLetters
from local.events import failure_record, s3_event, schedule_event
from local.queue import SqliteQueue
from local.template import read_application
from swipr.aws import clients
from swipr.dead_letters import BOXES, REFITS, SESSIONS, TICKS, UPLOADS, DeadLetter, Letters, listed, resend
from swipr.models import ExportRequest, RefitRequest, SwipeSession
from tests.aws_stack import AwsStack
from tests.contract.values import NOW

ROOT = Path(__file__).resolve().parents[2]
SLOT = SwipeSession(user_id="ann", due_at=NOW)
SECRET = "tok-7f3a-planted"
KEY = "labels/ann/20261102T120000-0123456789abcdef.json"
UPLOADED = s3_event("bucket", KEY, 9, trigger="FeedbackUpload", etag="0", sequencer="0A", at=NOW)
TRIGGERS = (BlobTrigger("FeedbackUpload", "Feedback", "labels/", ""),)


def now() -> datetime:
    return datetime.now(UTC)


class World:
    """The letters under test, and what lies in its queues and was handed to functions."""

    letters: Letters

    def put(self, queue: str, body: str) -> None:
        raise NotImplementedError

    def waiting(self, queue: str) -> list[str]:
        raise NotImplementedError

    def held(self, queue: str) -> int:
        """Also those that somebody has taken."""
        raise NotImplementedError

    def invoked(self) -> list[tuple[str, str]]:
        """Function and the object's key."""
        raise NotImplementedError


class Sqlite(World):
    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "swipr.db")
        self.queue = SqliteQueue(self.database, now=now)
        self.letters = LocalLetters(self.queue, TRIGGERS, now)

    def put(self, queue: str, body: str) -> None:
        self.queue.send(queue, body)

    def waiting(self, queue: str) -> list[str]:
        return [message.body for message in self.queue.peek(queue)]

    def held(self, queue: str) -> int:
        return sum(self.queue.counts(queue))

    def invoked(self) -> list[tuple[str, str]]:
        return [("Feedback", json.loads(body)["key"]) for body in self.waiting("FeedbackUpload")]


class FakeFunctions:
    def __init__(self) -> None:
        self.invoked: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        assert InvocationType == "Event"
        self.invoked.append((FunctionName, json.loads(Payload)))


class FakeStack:
    """CloudFormation's word on what it made, a resource a page."""

    def __init__(self, physical: Mapping[str, str]) -> None:
        self.rows = [{"LogicalResourceId": name, "PhysicalResourceId": made} for name, made in physical.items()]

    def list_stack_resources(self, *, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        assert StackName == "swipr"
        place = int(NextToken)
        more = {"NextToken": str(place + 1)} if place + 1 < len(self.rows) else {}
        return {"StackResourceSummaries": [self.rows[place]], **more}


class Sqs(World):
    def __init__(self, aws: AwsStack) -> None:
        self.aws, self.functions = aws, FakeFunctions()
        stack = FakeStack({**aws.physical, "Feedback": "swipr-Feedback-X"})
        self.letters = StackLetters("swipr", stack, clients.sqs(), self.functions, wait_s=0)

    def put(self, queue: str, body: str) -> None:
        clients.sqs().send_message(QueueUrl=self.aws.physical[queue], MessageBody=body)

    def waiting(self, queue: str) -> list[str]:
        return self.aws.messages(queue)

    def held(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = clients.sqs().get_queue_attributes(QueueUrl=self.aws.physical[queue], AttributeNames=names)
        return sum(map(int, counts["Attributes"].values()))

    def invoked(self) -> list[tuple[str, str]]:
        return [
            (name.split("-")[1], event["Records"][0]["s3"]["object"]["key"]) for name, event in self.functions.invoked
        ]


@pytest.fixture(params=["sqlite", "sqs", pytest.param("emulator", marks=pytest.mark.aws)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        made = Sqlite(tmp_path)
        yield made
        made.database.close()
        return
    yield Sqs(request.getfixturevalue("aws"))


def looked(world: World) -> list[DeadLetter]:
    return listed(world.letters, list(BOXES.values()), at=now())


def sent_again(world: World) -> list[DeadLetter]:
    return resend(world.letters, list(BOXES.values()), now=now)


def failed(function: str, event: Any) -> str:
    return json.dumps(failure_record(function, event, OSError(SECRET), tries=3, at=NOW))


def one_of_each(world: World) -> None:
    world.put("SwipeSessionsDead", SLOT.model_dump_json())
    world.put("RefitsDead", RefitRequest(user_id="ann").model_dump_json())
    world.put("RefitsDead", ExportRequest(user_id="ann", export_id="e1").model_dump_json())
    world.put("TicksDead", failed("SwipeTick", schedule_event("SwipeTickTick", "1", NOW)))
    world.put("UploadsDead", failed("Feedback", UPLOADED))


# --- looking ----------------------------------------------------------------------------------------------


def test_each_is_named_by_its_kind_and_by_what_finds_it_in_the_log(world: World) -> None:
    one_of_each(world)

    letters = {(letter.kind, letter.about, letter.next) for letter in looked(world)}

    assert letters == {
        ("session", SLOT.session_id, "resend"),
        ("refit", "ann", "resend"),
        ("export", "e1", "resend"),
        ("tick", "", "drop"),
        ("upload", "20261102T120000-0123456789abcdef", "resend"),
    }
    assert all(0 <= letter.age_s < 60 for letter in looked(world))


def test_the_reason_is_the_error_s_kind_and_never_its_words(world: World) -> None:
    one_of_each(world)

    letters = looked(world)

    assert {letter.reason for letter in letters if letter.kind == "upload"} == {"RetriesExhausted, OSError"}
    assert SECRET not in json.dumps([letter.model_dump() for letter in letters])


def test_a_candidate_is_named_by_its_folder(world: World) -> None:
    came = s3_event("b", "inbox/h1-run1/sums.json", 9, trigger="FeedbackCandidate", etag="0", sequencer="0", at=NOW)
    world.put("UploadsDead", failed("Feedback", came))

    assert [(letter.kind, letter.about) for letter in looked(world)] == [("candidate", "h1-run1")]


def test_looking_changes_nothing(world: World) -> None:
    one_of_each(world)
    for number in range(23):
        world.put("RefitsDead", RefitRequest(user_id=f"u{number}").model_dump_json())

    first, second = looked(world), looked(world)

    assert sorted(a.letter_id for a in first) == sorted(b.letter_id for b in second)
    assert len({letter.letter_id for letter in first}) == 28
    assert (world.waiting("Refits"), world.invoked()) == ([], [])


# --- sending again -------------------------------------------------------------------------------------------


def test_each_goes_back_to_where_it_came_from(world: World) -> None:
    one_of_each(world)

    became = sent_again(world)

    assert sorted(letter.next for letter in became) == ["drop", "resend", "resend", "resend", "resend"]
    assert world.waiting("SwipeSessions") == [SLOT.model_dump_json()]
    assert {json.loads(body)["kind"] for body in world.waiting("Refits")} == {"refit", "export"}
    assert world.invoked() == [("Feedback", KEY)]
    assert [world.held(queue) for queue in BOXES] == [0, 0, 0, 0]


def test_doing_it_twice_changes_nothing_more(world: World) -> None:
    one_of_each(world)
    sent_again(world)
    before = [sorted(world.waiting(queue)) for queue in ("SwipeSessions", "Refits")]

    assert sent_again(world) == []
    assert sum(world.held(queue) for queue in BOXES) == 0

    assert [sorted(world.waiting(queue)) for queue in ("SwipeSessions", "Refits")] == before
    assert world.invoked() == [("Feedback", KEY)]


def test_two_at_once_send_each_letter_once(world: World) -> None:
    """The second begins while the first has taken some, and sends nothing of it."""
    one_of_each(world)
    inner, seen = world.letters, []

    class Interrupted:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def send(self, queue: str, body: str) -> None:
            seen.extend(resend(inner, [SESSIONS], now=now) if queue == "SwipeSessions" else [])
            inner.send(queue, body)

    resend(Interrupted(), [SESSIONS], now=now)  # type: ignore[arg-type]

    assert seen == []
    assert world.waiting("SwipeSessions") == [SLOT.model_dump_json()]


@pytest.mark.parametrize("call", ["send", "drop"])
def test_after_a_crash_nothing_is_lost(world: World, call: str) -> None:
    world.put("SwipeSessionsDead", SLOT.model_dump_json())
    inner = world.letters

    def crash(*_: object) -> None:
        raise OSError("planted")

    class Crashing:
        def __getattr__(self, name: str) -> Any:
            return crash if name == call else getattr(inner, name)

    with pytest.raises(OSError, match="planted"):
        resend(Crashing(), [SESSIONS], now=now)  # type: ignore[arg-type]
    sent_again(world)

    assert set(world.waiting("SwipeSessions")) == {SLOT.model_dump_json()}
    assert world.held("SwipeSessionsDead") == 0


@pytest.mark.parametrize(
    ("queue", "body", "reason"),
    [
        ("SwipeSessionsDead", "{", "cannot be read: no JSON object of its kind"),
        ("SwipeSessionsDead", json.dumps({"version": 9, "user_id": "ann", "due_at": SECRET}), "wrong version, due_at"),
        ("RefitsDead", "[" * 1000, "cannot be read: no JSON"),
        ("RefitsDead", "7", "cannot be read: no JSON object"),
        ("RefitsDead", json.dumps({"kind": SECRET, "user_id": "ann"}), "wrong kind"),
        ("UploadsDead", failed("Feedback", {"Records": []}), "no event of one created object"),
        ("UploadsDead", json.dumps({"requestPayload": SECRET}), "no event of one created object"),
        ("TicksDead", SECRET, "cannot be read: no JSON"),
    ],
)
def test_poison_stays_dead_with_its_reason(world: World, queue: str, body: str, reason: str) -> None:
    world.put(queue, body)
    world.put("RefitsDead", RefitRequest(user_id="ann").model_dump_json())

    became = {letter.kind: letter for letter in sent_again(world)}

    assert (became["poison"].next, became["refit"].next) == ("keep", "resend")
    assert reason in became["poison"].reason
    assert SECRET not in became["poison"].model_dump_json()
    assert world.waiting(queue) == [body]
    assert [letter.kind for letter in looked(world)] == ["poison"]


def test_what_the_scheduler_could_not_hand_over_is_dropped_too(world: World) -> None:
    world.put("TicksDead", json.dumps({"source": "aws.scheduler"}))

    assert [(letter.kind, letter.next) for letter in sent_again(world)] == [("tick", "drop")]
    assert world.held("TicksDead") == 0


# --- the template ------------------------------------------------------------------------------------------


def test_the_boxes_are_those_of_the_template() -> None:
    application = read_application(ROOT / "template.yaml")
    redriven = {(spec.dead_letters, spec.name) for spec in application.queues.values() if spec.dead_letters}
    failed_to = {(function.failures_to, name) for name, function in application.functions.items()}

    assert {(box.queue, box.source) for box in (SESSIONS, REFITS)} == redriven
    assert {(UPLOADS.queue, UPLOADS.function), (TICKS.queue, "SwipeTick")} <= failed_to
    assert set(BOXES) == {name for name in application.queues if name.endswith("Dead")}
