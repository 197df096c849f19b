"""The whole way over HTTP on the emulator: sign in, switch on, swipe, teach by upload, swipe by it, switch off."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from cli.simulator import Simulator
from tests.aws.deployment import Stack, deploy
from tests.aws.emulator import Emulator
from tests.aws.person import Person, fire_schedule, invited, until

pytestmark = [pytest.mark.aws, pytest.mark.timeout(300)]
Json = dict[str, Any]
ANN, BOB, TOKEN = "ann@example.org", "bob@example.org", "deck-token-of-ann"
LABELS = 48


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(tmp_path_factory.mktemp("deck") / "deck.db", photos=None, photos_per_card=1, seed=3) as simulator:
        simulator.post("/sim/users", {"token": TOKEN})
        yield simulator


@pytest.fixture(scope="module")
def stack(emulator: Emulator, deck: Simulator) -> Stack:
    return deploy(emulator, "journey", parameters={"SimulatorApi": deck.address, "LogLevel": "DEBUG"})


@pytest.fixture(autouse=True)
def log_of_a_failure(stack: Stack) -> Iterator[None]:
    """pytest shows what is printed with what failed."""
    yield
    print(stack.log()[-6000:])


@pytest.fixture(scope="module")
def ann(stack: Stack) -> Iterator[Person]:
    invited(stack, ANN)
    person = Person(stack, ANN)
    yield person
    person.close()


@pytest.fixture(scope="module")
def bob(stack: Stack) -> Iterator[Person]:
    invited(stack, BOB)
    person = Person(stack, BOB)
    yield person
    person.close()


def test_only_an_access_token_of_the_pool_opens_the_api(ann: Person) -> None:
    assert ann.call("GET", "/v1/status").status_code == 200
    head, body, _ = ann.tokens["access_token"].split(".")
    for token in ("", "nonsense", ann.tokens["id_token"], f"{head}.{body}.", f"{head}.{body}.AAAA"):
        assert ann.call("GET", "/v1/status", token=token).status_code in (401, 403), token[:20]
    assert ann.call("GET", "/", token="").status_code == 200
    assert "<html" in ann.call("GET", "/", token="").text


def test_the_journey(stack: Stack, deck: Simulator, ann: Person) -> None:
    connect(ann)
    assert switched(ann, "on")

    first = next_session(stack, ann)
    assert first["liked"] == first["passed"] == 0, "nobody has taught it anything"
    assert deck.get("/sim/counters", token=TOKEN)["likes"] == 0

    report = uploaded(ann, training(deck))
    assert (report["taken"], report["state"]) == (LABELS, "done"), report
    model = until(lambda: taught(ann), why="a model of all labels")

    second = next_session(stack, ann)
    decided = judged_in(ann, second)
    assert {d["model_version"] for d in decided} == {model["version"]}
    assert ann.call("GET", f"/v1/decisions/{decided[0]['card_id']}/photos/0").headers["Content-Type"] == "image/jpeg"
    assert second["liked"] + second["passed"] > 0
    counters = deck.get("/sim/counters", token=TOKEN)
    assert (counters["likes"], counters["double_likes"]) == (second["liked"], 0)
    assert "Lambda worker spawned for " + stack.physical["Judge"] in stack.emulator.log.read_text("utf-8")

    corrected = next(d for d in decided if d["verdict"] in ("like", "pass"))
    other = "pass" if corrected["verdict"] == "like" else "like"
    ann.post("/v1/labels", {"labels": [{"card_id": corrected["card_id"], "choice": other, "source": "correction"}]})
    newer = until(lambda: taught(ann, LABELS + 1), why="a model of the correction too")
    assert newer["version"] > model["version"]
    third = next_session(stack, ann)
    assert {d["model_version"] for d in judged_in(ann, third)} == {newer["version"]}
    assert deck.get("/sim/counters", token=TOKEN)["double_likes"] == 0

    (handoff,) = handoffs(stack)
    assert handoff["labels"] >= LABELS

    assert switched(ann, "off")
    sessions = ann.get("/v1/status")["sessions"]
    fire_schedule(stack)
    until(lambda: quiet(stack), why="an empty queue")
    assert ann.get("/v1/status")["sessions"] == sessions


def connect(person: Person) -> None:
    person.put("/v1/deck", {"deck": "simulator", "token": TOKEN})
    chosen = {"session_every_s": 5, "pacing_s": 0.0, "unsure": "act", "keep_photos": True, "handoff_min_labels": LABELS}
    person.put("/v1/settings", person.get("/v1/settings") | chosen)
    person.put("/v1/acting", {"acting": True, "deck": "simulator", "likes_per_day": 100})


def switched(person: Person, state: str) -> bool:
    person.put("/v1/switch", {"enabled": state == "on", "reason": "a test"})
    return bool(until(lambda: person.get("/v1/status")["switch"] == state, why=f"the switch is {state}"))


def next_session(stack: Stack, person: Person) -> Json:
    """Fire the schedule; the report of the session that comes of it."""
    known = {each["session_id"] for each in person.get("/v1/status")["sessions"]}
    fire_schedule(stack)

    def newest() -> Json | None:
        return next((s for s in person.get("/v1/status")["sessions"] if s["session_id"] not in known), None)

    found: Json = until(newest, why="a session")
    return found


def judged_in(person: Person, session: Json) -> list[Json]:
    decisions = person.get("/v1/decisions", limit=100)["decisions"]
    return [d for d in decisions if d["session_id"] == session["session_id"] and not d["filtered"]]


def training(deck: Simulator) -> bytes:
    """A zip of photos in `like/` and `pass/` by the hidden taste."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, card in enumerate(deck.get("/sim/train", token=TOKEN, n=LABELS)["cards"]):
            archive.writestr(f"{card['label']}/{number}.jpg", deck.photo(card["photos"][0]))
    return buffer.getvalue()


def uploaded(person: Person, body: bytes) -> Json:
    opened = person.upload("mine.zip", body)
    address = f"/v1/uploads/{opened['upload_id']}"
    found: Json = until(lambda: (r := person.get(address))["state"] in ("done", "failed") and r, why="its report")
    return found


def taught(person: Person, labels: int = LABELS) -> Json | None:
    model: Json | None = person.get("/v1/status")["model"]
    return model if model and model["labels"] >= labels else None


def handoffs(stack: Stack) -> list[Json]:
    s3, bucket = stack.emulator.client("s3"), stack.physical["Bucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="handoffs/").get("Contents", [])
    read = [
        s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed if each["Key"].endswith(".json")
    ]
    return [json.loads(body) for body in read]


def quiet(stack: Stack) -> bool:
    sqs = stack.emulator.client("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=stack.physical["SwipeSessions"], AttributeNames=names)["Attributes"]
    return not any(int(value) for value in found.values())
