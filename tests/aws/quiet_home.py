"""A stack in which nothing happens by itself, seen by its account's owner, who prepares and looks after."""

import base64
import io
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import swipr.aws
from cli.simulator import Simulator
from swipr.aws.items import NO_USER
from swipr.heads import Head, pack
from swipr.settings import Settings
from tests.aws import deployment
from tests.aws.deployment import Stack, deploy
from tests.aws.emulator import Emulator
from tests.emulator_world import OWNER, asking_as

_EVENT = json.loads((Path(__file__).parents[1] / "events" / "http_api_jwt.json").read_text(encoding="utf-8"))
_LAYERS = ("CommonLayer", "InferenceLayer")
_numbers = itertools.count()


class FunctionError(Exception):
    """A function raised; what it said."""


class Answer:
    """Of the API: `status`, and `body` as JSON where it is some, else bytes."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.status, self.headers = said["statusCode"], said["headers"]
        body = base64.b64decode(said["body"]) if said["isBase64Encoded"] else said["body"]
        self.body: Any = json.loads(body) if "json" in self.headers["Content-Type"] else body


def fine(answer: Answer, status: int = 200) -> Answer:
    assert answer.status == status, f"{answer.status}: {answer.body!r}"
    return answer


class QuietHome:
    """`store`, `blobs`, `secrets`: the owner's; inside of `quiet_home` only."""

    def __init__(self, stack: Stack, deck: Simulator) -> None:
        self.stack, self.deck = stack, deck
        environment = stack.environment("Api") | stack.environment("Feedback")
        self.settings = Settings.model_validate({name.lower(): value for name, value in environment.items()})
        self.store = swipr.aws.store(self.settings)
        self.blobs = swipr.aws.blobs(self.settings)
        self.secrets = swipr.aws.secrets(self.settings)

    def forget_install(self) -> None:
        """The install's hash key is gone, as before anybody needed it, and nobody remembers it."""
        key = {"user_id": {"S": f"{NO_USER}install"}}
        self.stack.emulator.client("dynamodb").delete_item(TableName=self.settings.users_table, Key=key)
        self.secrets = swipr.aws.secrets(self.settings)
        for function in ("SwipeSession", "Feedback", "Api"):
            self._restart(function)

    def somebody(self, mark: str = "user") -> str:
        """An id that nobody has had."""
        return f"{mark}-{next(_numbers)}"

    # --- what the functions are asked

    def ask(
        self,
        user_id: str,
        method: str,
        path: str,
        body: object = None,
        *,
        photo: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The API's answer to somebody who is signed in, by the event that the gateway would make."""
        event = json.loads(json.dumps(_EVENT))
        event |= {"rawPath": path, "rawQueryString": urlencode(query or {}), "queryStringParameters": dict(query or {})}
        event["requestContext"]["http"] |= {"method": method, "path": path}
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user_id
        kind = {"content-type": "image/jpeg" if photo else "application/json"} if body or photo else {}
        event["headers"] = {"host": "x", **kind, **(headers or {})}
        event["body"] = base64.b64encode(photo).decode() if photo else json.dumps(body) if body is not None else None
        event["isBase64Encoded"] = photo is not None
        return Answer(self.call("Api", event))

    def tick(self) -> None:
        self.call("SwipeTick", {})

    def message(self, function: str, queue: str, body: str) -> None:
        """As the queue of this logical id delivers it."""
        attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "0"}
        arn = f"arn:aws:sqs:::{queue}"
        record = {"messageId": "m", "body": body, "eventSource": "aws:sqs", "eventSourceARN": arn, "receiptHandle": "r"}
        self.call(function, {"Records": [record | {"attributes": attributes}]})

    def created(self, key: str, *, size: int, at: datetime | None = None) -> None:
        """Tell Feedback of an object, as the bucket does, also of one that is gone by now."""
        entity = {"key": key, "size": size, "eTag": "e", "sequencer": "1"}
        when = (at or datetime.now(UTC)).isoformat()
        self.call("Feedback", {"Records": [{"eventSource": "aws:s3", "eventTime": when, "s3": {"object": entity}}]})

    def call(self, function: str, event: Any) -> Any:
        """Raises FunctionError."""
        answer = self.stack.invoke(function, event)
        if "FunctionError" in answer:
            raise FunctionError(f"{function}: {json.dumps(answer['Payload'])[:600]}")
        return answer["Payload"]

    def _restart(self, function: str) -> None:
        """Its next call meets a new process, which remembers nothing."""
        found = self.stack.environment(function)
        found["STARTED_ANEW"] = str(next(_numbers))
        self.stack.emulator.client("lambda").update_function_configuration(
            FunctionName=self.stack.physical[function], Environment={"Variables": found}
        )

    # --- what the judge has

    @cached_property
    def backbone(self) -> tuple[str, int]:
        """sha256 and how many dimensions."""
        said = self.call("Judge", {"photos": [], "heads": []})
        return said["backbone"], said["dimensions"]

    def features(self, number: int = 0) -> bytes:
        """A row that the backbone could have made; rows of odd numbers are unlike those of even ones."""
        import numpy as np

        random = np.random.default_rng(number)
        return (random.normal(size=self.backbone[1]) + (1 if number % 2 else -1)).astype("<f2").tobytes()

    @cached_property
    def photo(self) -> bytes:
        """A JPEG of nothing but a colour."""
        from PIL import Image

        body = io.BytesIO()
        Image.new("RGB", (64, 64), (90, 140, 60)).save(body, "JPEG")
        return body.getvalue()

    def head(self) -> bytes:
        """Likes whatever it sees."""
        import numpy as np

        weights = np.zeros(self.backbone[1], "<f4").tobytes()
        return pack(Head(self.backbone[0], 3.0, 1.0, 0.0, 0.5, 0.3, 0.7, weights))

    # --- queues

    def messages(self, queue: str) -> list[str]:
        """Take what waits in the queue of this logical id."""
        sqs, url, found = self.stack.emulator.client("sqs"), self.stack.physical[queue], []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        return found


@contextmanager
def quiet_home(emulator: Emulator, name: str, folder: Path, **parameters: str) -> Iterator[QuietHome]:
    """A new stack beside a deck simulator, whose state is in `folder`, and the owner's adapters on it.

    Its queues deliver nothing, its bucket tells nobody, its schedule does not fire. Its functions find their layers
    where `make build` left them: the emulator unpacks 3,000 files anew after each error that a function raises.
    """
    with Simulator(folder / "deck.db", photos=None, photos_per_card=1, seed=3, cards_per_look=4) as deck:
        chosen = {"SimulatorApi": deck.address, **parameters}
        stack = deploy(emulator, name, parameters=chosen, build=deployment.BUILD, change=_layers_in_place)
        _stop(stack)
        with asking_as(emulator, OWNER):
            yield QuietHome(stack, deck)


def _layers_in_place(template: dict[str, Any]) -> None:
    for body in template["Resources"].values():
        if body["Type"] == "AWS::Lambda::Function":
            references = [each["Ref"] for each in body["Properties"].pop("Layers")]
            names = [name for reference in references for name in _LAYERS if reference.startswith(name)]
            folders = [str(deployment.BUILD / name / "python") for name in names]
            body["Properties"]["Environment"]["Variables"]["PYTHONPATH"] = os.pathsep.join(folders)


def _stop(stack: Stack) -> None:
    functions, scheduler = stack.emulator.client("lambda"), stack.emulator.client("scheduler")
    own = set(stack.physical.values())
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if mapping["FunctionArn"].rpartition(":")[2] in own:
            functions.delete_event_source_mapping(UUID=mapping["UUID"])
    stack.emulator.client("s3").put_bucket_notification_configuration(
        Bucket=stack.physical["Bucket"], NotificationConfiguration={}
    )
    scheduler.delete_schedule(Name=stack.physical["SwipeTickTick"])
