"""Two hundred users with tastes of their own on one install: each judged by their own head, nobody liked twice."""

import base64
import random
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cli.client import Client
from cli.simulate import CARDS_PER_LOOK
from cli.simulate_lesson import sendable
from cli.simulator import Simulator
from local.runner import Runtime
from swipr import heads
from swipr.models import Decision, ModelVersion

ROOT = Path(__file__).resolve().parents[2]
USERS = 200
LABELS = 20
CARDS = 16
DECK = "simulator"
AT_ONCE = 4
WAIT_S = 400.0
#: Features are kept as float16, and a score is of all photos' logits.
TOLERANCE = 0.02
Json = dict[str, Any]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@dataclass(frozen=True)
class Person:
    name: str
    token: str
    client: Client


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    state = tmp_path_factory.mktemp("simulator") / "simulator.db"
    with Simulator(state, photos=None, photos_per_card=1, seed=1, cards_per_look=CARDS_PER_LOOK) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Runtime]:
    environment = {
        "BACKBONE_DIR": str(ROOT / "backbones" / "builtin"),
        "CONSOLE_DIR": str(ROOT / "console"),
        "SIMULATOR_API": simulator.address,
        "LOG_LEVEL": "ERROR",
    }
    folder = tmp_path_factory.mktemp("many") / "data"
    with Runtime(ROOT / "template.yaml", folder, environment=environment, schedule_every_s=0.2) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def people(runtime: Runtime, simulator: Simulator) -> Iterator[list[Person]]:
    """All added, taught, and swiped for once."""
    began = time.monotonic()
    people = [add(f"user-{number:03d}", runtime, simulator) for number in range(USERS)]
    photo = cache(lambda address: base64.b64encode(sendable(simulator.photo(address)) or b"").decode())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda person: teach(person, simulator, photo), people))
        list(pool.map(wait_for_model, people))
        taught = time.monotonic()
        list(pool.map(switch_on, people))
        list(pool.map(wait_for_session, people))
    print(
        f"\n{USERS} users: taught {LABELS} labels each in {taught - began:.0f} s, "
        f"swiped {CARDS} cards each in {time.monotonic() - taught:.0f} s"
    )
    yield people
    for person in people:
        person.client.close()


def add(name: str, runtime: Runtime, simulator: Simulator) -> Person:
    token = simulator.post("/sim/users", {"cards": CARDS})["token"]
    client = Client(runtime.address, lambda: runtime.one_use_token(name))
    client.put("/v1/deck", {"deck": DECK, "token": token})
    wanted = {"likes_per_day": 100, "swipes_per_session": CARDS, "pacing_s": 0, "unsure": "act"}
    client.put("/v1/settings", client.get("/v1/settings") | wanted)
    return Person(name, token, client)


def teach(person: Person, simulator: Simulator, photo: Callable[[str], str]) -> None:
    """By the person's own taste."""
    examples = simulator.get("/sim/train", token=person.token, n=LABELS)["cards"]
    labels = [
        {
            "card_id": f"{DECK}:{example['id']}",
            "choice": example["label"],
            "photos": [photo(address) for address in example["photos"]],
        }
        for example in examples
    ]
    person.client.post("/v1/labels", {"labels": labels})


def wait_for_model(person: Person) -> None:
    wait(lambda: person.client.get("/v1/status")["model"], person)


def switch_on(person: Person) -> None:
    person.client.put("/v1/acting", {"acting": True, "deck": DECK})
    person.client.put("/v1/switch", {"enabled": True})


def wait_for_session(person: Person) -> None:
    wait(lambda: person.client.get("/v1/status")["sessions"], person)


def wait(claim: Callable[[], Any], person: Person) -> None:
    until = time.monotonic() + WAIT_S
    while not claim():
        assert time.monotonic() < until, f"{person.name}: {person.client.get('/v1/status')}"
        time.sleep(0.1)


# --- what came of it -------------------------------------------------------------------------------------------


def judged(runtime: Runtime, person: Person) -> list[Decision]:
    decisions = runtime.store.decisions(person.name, at=runtime._now(), limit=100)
    return [decision for decision in decisions if decision.score is not None]


def champion(runtime: Runtime, person: Person) -> ModelVersion:
    user = runtime.store.user(person.name)
    assert user is not None
    model = runtime.store.model(person.name, user.champion or 0)
    assert model is not None
    return model


def rescored(model: ModelVersion, features: bytes) -> float:
    """What the head says of these features, by nothing but arithmetic."""
    head = heads.unpack(model.head)
    weights = struct.unpack(f"<{len(head.weights) // 4}f", head.weights)
    row = struct.unpack(f"<{len(features) // 2}e", features)
    return head.score(sum(w * x for w, x in zip(weights, row, strict=True)) + head.bias)


def agreement(decisions: list[Decision], truth: Json) -> float:
    said = [d.verdict == truth[d.card_id.removeprefix(f"{DECK}:")] for d in decisions if d.verdict != "unsure"]
    return statistics.mean(said) if said else 0.5


def test_each_has_a_head_of_their_own(runtime: Runtime, people: list[Person]) -> None:
    models = [champion(runtime, person) for person in people]

    lessons = {tuple((x.card_id, x.choice) for x in runtime.store.labels(person.name)) for person in people}
    assert len({model.sha256 for model in models}) == len(lessons)  # two people may say the same of twenty
    assert len(lessons) > 0.9 * USERS
    assert {model.user_id for model in models} == {person.name for person in people}
    assert {model.labels for model in models} == {LABELS}


def test_each_was_judged_by_their_own_head_and_no_other(runtime: Runtime, people: list[Person]) -> None:
    own, others = [], []
    for number, person in enumerate(people):
        model, other = champion(runtime, person), champion(runtime, people[number - 1])
        for decision in judged(runtime, person):
            assert decision.model_version == model.version
            assert decision.features is not None
            features = runtime.blobs.get_range(decision.features)
            own.append(abs(rescored(model, features) - float(decision.score or 0)))
            others.append(abs(rescored(other, features) - float(decision.score or 0)))

    assert len(own) > USERS * CARDS * 0.8
    assert max(own) < TOLERANCE
    assert statistics.mean(others) > 10 * statistics.mean(own)


def test_each_is_served_by_their_own_taste_rather_than_by_anothers(
    runtime: Runtime, people: list[Person], simulator: Simulator
) -> None:
    truths = {person.name: simulator.get("/sim/truth", token=person.token)["cards"] for person in people}
    rng = random.Random(1)
    own, another = [], []
    for person in people:
        decisions = judged(runtime, person)
        stranger = rng.choice([other for other in people if other is not person])
        own.append(agreement(decisions, truths[person.name]))
        another.append(agreement(decisions, truths[stranger.name]))

    print(f"\nagreement with one's own taste {statistics.mean(own):.3f}, with another's {statistics.mean(another):.3f}")
    assert statistics.mean(own) > statistics.mean(another) + 0.1


def test_nobody_was_liked_twice_or_over_budget(people: list[Person], simulator: Simulator) -> None:
    counters = [simulator.get("/sim/counters", token=person.token) for person in people]

    assert sum(each["double_likes"] for each in counters) == 0
    assert max(max(each["likes_by_card"].values(), default=0) for each in counters) == 1
    assert max(each["likes"] for each in counters) <= CARDS
    assert sum(each["likes"] + each["passes"] for each in counters) > USERS * CARDS * 0.8


def test_one_who_is_removed_takes_nothing_of_the_others_along(runtime: Runtime, people: list[Person]) -> None:
    before = {p.name: (champion(runtime, p), len(judged(runtime, p))) for p in people[1:]}
    people[0].client.put("/v1/switch", {"enabled": False})

    runtime.users.remove(people[0].name)

    assert runtime.store.user(people[0].name) is None
    assert [key for key in runtime.blobs.keys("") if f"/{people[0].name}/" in key] == []
    assert {p.name: (champion(runtime, p), len(judged(runtime, p))) for p in people[1:]} == before
