"""Many users on one install: added, listed and removed by whoever runs it, each signed in only while they exist."""

import json
from datetime import timedelta

import pytest
import requests

from local.runner import Runtime
from swipr.models import InFlight, SwipeSession, User
from tests.doubles import Clock
from tests.moving import BACKBONE, Home, settle
from tests.small_application import write_small_application

TIMEOUT_S = 10
LOCAL = "/local/users"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def runtime(tmp_path, clock):
    template = write_small_application(tmp_path)
    parameters = {"Record": str(tmp_path / "record")}
    with Runtime(template, tmp_path / "data", parameters=parameters, now=clock.now) as running:
        yield running


@pytest.fixture
def secret(tmp_path, runtime):
    return json.loads((tmp_path / "data" / "runtime.json").read_text())["secret"]


@pytest.fixture
def call(runtime, secret):
    def call(method, path=LOCAL, *, given=None, **body):
        headers = {"Authorization": f"Bearer {given or secret}"}
        return requests.request(method, runtime.address + path, json=body, headers=headers, timeout=TIMEOUT_S)

    return call


def signed_in(runtime, call, user_id):
    one_use = call("POST", "/local/one-use-token", user_id=user_id).json()["token"]
    answer = requests.post(f"{runtime.address}/local/token", json={"token": one_use}, timeout=TIMEOUT_S)
    return answer.json()["access_token"]


def test_users_are_added_once_and_listed(call):
    assert (call("POST", user_id="bob").status_code, call("POST", user_id="ann").status_code) == (201, 201)
    again = call("POST", user_id="bob")

    assert (again.status_code, again.json()["added"]) == (200, False)
    assert call("GET").json() == {"users": ["ann", "bob"]}


@pytest.mark.parametrize("name", ["../x", "a b", ".hidden", "x" * 129, "ann/bob", "-x"])
def test_what_can_be_nobodys_name_is_refused(call, name):
    answer = call("POST", user_id=name)

    assert answer.status_code == 400
    assert "letters, digits" in answer.json()["message"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_only_the_command_line_may_do_so(runtime, call, method):
    call("POST", user_id="ann")
    token = signed_in(runtime, call, "ann")

    assert call(method, given="wrong", user_id="eve").status_code == 401
    assert call(method, given=token, user_id="eve").status_code == 401
    assert call("GET").json() == {"users": ["ann"]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_nothing_else_is_there(call, method):
    assert call(method, user_id="ann").status_code == 404


def test_a_one_use_token_is_for_users_only(call):
    answer = call("POST", "/local/one-use-token", user_id="nobody")

    assert answer.status_code == 404
    assert "swipr user add nobody" in answer.json()["message"]


def test_a_removed_users_token_is_refused_at_once(runtime, call):
    for name in ("ann", "bob"):
        call("POST", user_id=name)
    tokens = {name: signed_in(runtime, call, name) for name in ("ann", "bob")}
    unused = call("POST", "/local/one-use-token", user_id="ann").json()["token"]

    assert call("DELETE", user_id="ann").status_code == 200

    def asked(name):
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        return requests.get(f"{runtime.address}/v1/x", headers=headers, timeout=TIMEOUT_S).status_code

    renewed = requests.post(
        f"{runtime.address}/local/renew", headers={"Authorization": f"Bearer {tokens['ann']}"}, timeout=TIMEOUT_S
    )
    exchanged = requests.post(f"{runtime.address}/local/token", json={"token": unused}, timeout=TIMEOUT_S)
    assert (asked("ann"), renewed.status_code, exchanged.status_code) == (401, 401, 401)
    assert asked("bob") == 200
    assert runtime.store.user("ann") is None


def test_a_token_of_before_is_not_good_for_who_comes_after(runtime, call, clock):
    call("POST", user_id="ann")
    old = signed_in(runtime, call, "ann")
    clock.sleep(2)
    call("DELETE", user_id="ann")
    clock.sleep(2)
    call("POST", user_id="ann")
    new = signed_in(runtime, call, "ann")

    def asked(token):
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{runtime.address}/v1/x", headers=headers, timeout=TIMEOUT_S).status_code

    assert (asked(old), asked(new)) == (401, 200)


def test_removing_says_what_went_and_twice_is_once(runtime, call, clock):
    home = Home(runtime.store, runtime.blobs, runtime.secrets, clock)
    settle(home, "ann")
    runtime.queue.send("UploadsDead", json.dumps({"Records": [{"s3": {"object": {"key": "labels/ann/x.json"}}}]}))
    runtime.queue.send("JobsDead", json.dumps({"kind": "refit", "user_id": "ann"}))
    runtime.queue.send("JobsDead", json.dumps({"kind": "refit", "user_id": "anna"}))

    first, second = call("DELETE", user_id="ann").json(), call("DELETE", user_id="ann").json()

    assert first["removed"]["users"] == 1
    assert first["removed"]["records"] == 19
    assert first["removed"]["messages"] >= 2
    assert set(second["removed"].values()) == {0}
    assert runtime.blobs.keys("") == []
    assert [json.loads(message.body)["user_id"] for message in runtime.queue.peek("JobsDead")] == ["anna"]


def test_who_is_on_is_switched_off_first_and_removed_when_nothing_runs(runtime, call, clock):
    at = clock.now()
    runtime.store.create_user(User(user_id="ann", enabled=True))
    runtime.store.take_lease(SwipeSession(user_id="ann", due_at=at), owner="x", at=at, until=at + timedelta(seconds=60))

    refused = call("DELETE", user_id="ann")

    assert (refused.status_code, runtime.store.user("ann").enabled) == (409, False)
    assert "wait until the session" in refused.json()["message"]

    clock.sleep(61)

    assert call("DELETE", user_id="ann").status_code == 200


def test_a_name_that_is_part_of_another_is_left_alone(runtime, call, clock):
    home = Home(runtime.store, runtime.blobs, runtime.secrets, clock)
    settle(home, "ann")
    settle(home, "ann.b")

    call("DELETE", user_id="ann")

    assert call("GET").json() == {"users": ["ann.b"]}
    assert len(runtime.store.labels("ann.b")) == 6
    assert runtime.blobs.get(f"features/ann.b/{BACKBONE[:12]}.bin")


def test_what_a_killed_session_left_in_flight_is_settled_before_its_user_goes(runtime, call, clock):
    begun = InFlight(card_id="simulator:1", action="like", fence=1, begun_at=clock.now())
    runtime.store.create_user(User(user_id="ann", in_flight=begun))

    assert call("DELETE", user_id="ann").status_code == 409

    [message] = runtime.queue.peek("SwipeSessions")
    assert json.loads(message.body)["user_id"] == "ann"


def test_health_is_for_the_command_line_only(call):
    shown = call("GET", "/local/health")

    assert (shown.status_code, shown.json()["judge"]["works"], shown.json()["dead_letters"]) == (200, False, {})
    assert "no judge" in shown.json()["judge"]["text"]
    assert call("GET", "/local/health", given="wrong").status_code == 401


def test_dead_letters_are_counted_for_the_doctor(runtime, call):
    runtime.queue.send("JobsDead", "{}")

    assert call("GET", "/local/health").json()["dead_letters"] == {"JobsDead": 1}
