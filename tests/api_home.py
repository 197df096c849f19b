"""The API's handler in this process, called with real payload-2.0 events as somebody who is signed in."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.api import app as api_app
from local import world
from swipr import bootstrap
from swipr.models import Answer, ExportRequest, RefitRequest
from tests.contexts import a_context
from tests.doubles import FakeJudge, card
from tests.install import Install

TABLES = ("USERS", "DECISIONS", "ACTED", "LABELS", "MODELS", "MATCHES", "REQUESTS")
ENVIRONMENT = {
    "SWIPR_WORLD": "local.world",
    "SIMULATOR_API": "http://127.0.0.1:1",
    "TINDER_API": "http://127.0.0.1:1",
    "POWERTOOLS_SERVICE_NAME": "swipr",
    "BUCKET": "bucket",
    "KEY_ID": "key",
} | {f"{name}_TABLE": name.lower() for name in TABLES}
TEMPLATE = json.loads((Path(__file__).parent / "events" / "http_api_jwt.json").read_text())


class Asked:
    """A queue that remembers what was asked."""

    def __init__(self) -> None:
        self.refits: list[RefitRequest] = []
        self.exports: list[ExportRequest] = []

    def ask_refit(self, request: RefitRequest) -> None:
        self.refits.append(request)

    def ask_export(self, request: ExportRequest) -> None:
        self.exports.append(request)

    def send_session(self, session: object) -> None:
        raise AssertionError("the API starts no session")


class Caller:
    """Calls the handler as a signed-in user; `install` and `queue` are what lies behind it."""

    def __init__(self, install: Install, queue: Asked, user: str) -> None:
        self.install, self.queue, self.user = install, queue, user

    def use(self, **parts: object) -> None:
        """Let the API work with these parts of the world from now on."""
        running = world._running()
        world.stop()
        world.start(replace(running, **parts))  # type: ignore[arg-type]
        bootstrap.forget()

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str | None = None,
        raw: bytes | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> SimpleNamespace:
        event: dict[str, Any] = json.loads(json.dumps(TEMPLATE))
        event |= {"rawPath": path, "rawQueryString": urlencode(query or {}), "queryStringParameters": query}
        event["requestContext"]["http"] |= {"method": method, "path": path}
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = self.user if user is None else user
        kind = {} if body is None else {"content-type": "application/json"}
        event["headers"] = {"host": "x"} | kind | (headers or {})
        event["body"] = json.dumps(body) if body is not None else None
        event["isBase64Encoded"] = raw is not None
        if raw is not None:
            event["body"] = base64.b64encode(raw).decode()
        return answered(api_app.lambda_handler(event, a_context()))


def answered(answer: dict[str, Any]) -> SimpleNamespace:
    payload = answer["body"]
    kind = answer["headers"]["Content-Type"]
    value = base64.b64decode(payload) if answer["isBase64Encoded"] else payload
    if "json" in kind:
        value = json.loads(value)
    return SimpleNamespace(status=answer["statusCode"], body=value, type=kind, headers=answer["headers"])


@contextmanager
def api_over(home: Install, user: str, console: Path) -> Iterator[Caller]:
    """The API over an install, with a judge that reads photos' tastes from their bytes."""
    home.deck.answers = lambda choice, card: Answer(state="sent")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (ENVIRONMENT | {"CONSOLE_DIR": str(console)}).items():
            environment.setenv(name, value)
        queue = Asked()
        judge = FakeJudge(lambda url, first, last: home.blobs.get_range(home.range_of(url, first, last)))
        world.start(world.World(home.store, home.blobs, queue, home.secrets, judge))  # type: ignore[arg-type]
        bootstrap.forget()
        try:
            yield Caller(home, queue, user)
        finally:
            world.stop()
            bootstrap.forget()


def three_cards() -> list[Any]:
    return [card(0, "like"), card(1, "pass"), card(2, "unsure")]


def swipe(home: Install) -> None:
    """One session, at the time that the API's clock shows too."""
    home.clock.at = bootstrap.now()
    home.switch(True)
    home.tick()
    home.run(home.queued.pop())
