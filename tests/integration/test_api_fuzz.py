"""The served document at its word: generated requests over the local gateway, each answer checked against it."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Any

import pytest
import schemathesis
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine.events import NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder

from functions.api import app as api_app
from local.application import Route
from local.blob_door import BlobDoor
from local.gateway import Gateway
from local.sign_in import SCOPE, SignIn
from local.users import LocalUsers
from local.web_server import WebServer
from swipr import bootstrap
from swipr.api.openapi import document
from swipr.api.operations import Operation
from swipr.api.routes import OPERATIONS, takes
from tests.api_home import Caller
from tests.contexts import a_context
from tests.install import USER
from tests.lived import granted, live

#: Another seed asks other things; a failure names the one to set.
SEED = int(os.environ.get("SWIPR_FUZZ_SEED", "1"))
EACH = int(os.environ.get("SWIPR_FUZZ_REQUESTS", "50"))

#: Rules that no JSON schema can say: a real time zone, terms accepted, a cursor sealed here, a photo that decodes.
RULES = {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "422"]}


SIGN_IN = SignIn(b"k" * 32, bootstrap.now)
AUTHORIZED = {"Authorization": f"Bearer {SIGN_IN.access_token(USER)}"}


class OneAtATime:
    """Calls the API's handler as the runner does: Powertools keeps its request where two would meet."""

    def __init__(self) -> None:
        self.turn = Lock()

    def __call__(self, name: str, event: Any) -> Any:
        with self.turn:
            return api_app.lambda_handler(event, a_context())


class Counted:
    """The gateway as a WSGI application that counts what was asked of each operation, and every 5xx."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.asked: Counter[str] = Counter()
        self.failed: list[str] = []
        self.address = ""
        self.ids: dict[str, str] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        name = _operation(environ["REQUEST_METHOD"], environ["PATH_INFO"])

        def started(status: str, *rest: Any) -> Any:
            self.asked[name] += 1
            if status.startswith("5"):
                self.failed.append(f"{status} {name}")
            return start_response(status, *rest)

        return self.gateway(environ, started)


def _operation(method: str, path: str) -> str:
    return next((each.name for each in OPERATIONS if each.method == method and takes(each, path)), "none")


def nobody_asks(call: Caller) -> LocalUsers:
    home = call.install
    return LocalUsers(home.store, home.blobs, call.queue, now=bootstrap.now, ended=lambda user_id: None)  # type: ignore[arg-type]


@pytest.fixture
def served(call: Caller) -> Iterator[Counted]:
    """The API behind the local gateway with its sign-in, over a user who has something of every kind."""
    ids = live(call.install, USER, bootstrap.now(), mark="x")
    gateway = Gateway(
        [Route("ANY", "/v1/{proxy+}", "Api", (SCOPE,))],
        invoke=OneAtATime(),
        timeouts_s={"Api": 29},
        sign_in=SIGN_IN,
        users=nobody_asks(call),
        dead_letters=lambda method: (),
        health=dict,
        blob_door=BlobDoor(call.install.blobs),
        cli_secret="-",
        port=lambda: server.port,
        now=bootstrap.now,
        log=logging.getLogger("gateway"),
    )
    counted = Counted(gateway)
    server = WebServer(counted)
    server.start()
    counted.ids = ids
    counted.address = f"http://127.0.0.1:{server.port}"
    yield counted
    server.stop()


CONFIGURED = SchemathesisConfig.from_dict(
    {
        "seed": SEED,
        "headers": AUTHORIZED,
        "generation": {"max-examples": EACH, "mode": "all", "database": "none"},
        "checks": {"positive_data_acceptance": RULES},
        "phases": {"stateful": {"enabled": False}},
        "workers": 1,
        "continue-on-failure": True,
    }
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_granted_request_is_answered_as_the_document_says(served: Counted, operation: Operation) -> None:
    """Generated ids are rarely somebody's: here each operation really answers, and again under its key."""
    schema = schemathesis.openapi.from_dict(document(OPERATIONS))
    schema.config.update(base_url=served.address)
    request = granted(operation.name, served.ids)
    key = {"Idempotency-Key": "once"} if operation.changes else {}
    case = schema[operation.path][operation.method].Case(
        path_parameters={name: served.ids[name] for name in operation.id_names},
        query=request.get("query", {}),
        headers=key,
        **({"body": request["body"], "media_type": "application/json"} if "body" in request else {}),
    )

    first = case.call_and_validate(headers=AUTHORIZED)
    again = case.call_and_validate(headers=AUTHORIZED)

    assert (first.status_code, again.status_code) == (operation.status, operation.status)
    if operation.changes and operation.name != "deleteAccount":  # what was remembered is deleted too
        assert again.headers["idempotency-replayed"] == ["true"]
        assert again.content == first.content


@pytest.mark.timeout(900)
def test_generated_requests_are_answered_as_the_document_says(served: Counted) -> None:
    schema = schemathesis.openapi.from_url(f"{served.address}/v1/openapi.json", config=CONFIGURED, headers=AUTHORIZED)

    problems = list(_problems(engine.from_schema(schema).execute()))
    for operation in OPERATIONS:
        _ask_on(schema[operation.path][operation.method], operation.name, served)

    print(f"\nseed {SEED}: {sum(served.asked.values())} requests, fewest {min(served.asked.values())} of an operation")
    print(dict(served.asked))
    assert not problems, f"SWIPR_FUZZ_SEED={SEED}\n" + "\n".join(problems)
    assert served.failed == [], f"SWIPR_FUZZ_SEED={SEED}"
    assert {each.name: served.asked[each.name] for each in OPERATIONS if served.asked[each.name] < EACH} == {}


def _ask_on(operation: Any, name: str, served: Counted) -> None:
    """Where nothing can be varied the engine asks few times: the same again, every check each time."""
    while served.asked[name] < EACH:
        assert operation.Case().call_and_validate(headers=AUTHORIZED).status_code < 300


def _problems(events: Iterable[Any]) -> Iterator[str]:
    for event in events:
        if isinstance(event, NonFatalError):
            yield f"{event.label}: {event.info.format()}"
        elif isinstance(event, ScenarioFinished):
            yield from _failures(event.recorder)


def _failures(recorder: ScenarioRecorder) -> Iterator[str]:
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                request = recorder.cases[case_id].value.as_curl_command()
                yield f"{recorder.label} {check.name}: {check.failure_info.failure}: {request}"
