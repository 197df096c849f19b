"""Nobody reads or changes what is somebody else's: every operation of the table, every kind of id."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from swipr import bootstrap
from swipr.api.operations import Operation
from swipr.api.routes import OPERATIONS
from tests.api_home import Caller
from tests.doubles import model
from tests.install import USER, Install
from tests.lived import given_id, granted, live

EVE = "eve"
MARK = "annsown"
#: In which each id has the form of one and is nobody's.
NEVER = {
    "user_id": "nobody",
    "card_id": "simulator:never-0",
    "number": "0",
    "version": "77",
    "match_id": "match-never",
    "upload_id": given_id("never"),
    "export_id": given_id("neverx"),
}
#: Forgetting works for whoever was seen, decided or not: the receipt of nothing says nothing.
WITHOUT_404 = {"forgetCard"}
BY_ID = [each for each in OPERATIONS if each.id_names or each.name in ("addLabels", "predict")]


@pytest.fixture(params=["with things of her own", "new"])
def ids(call: Caller, request: pytest.FixtureRequest) -> dict[str, str]:
    """Ann's ids; a version of Ann's model that Eve does not have."""
    if request.param != "new":
        live(call.install, EVE, bootstrap.now(), mark="evesown")
    found = live(call.install, USER, bootstrap.now(), mark=MARK)
    call.install.store.put_model(model(USER, 7))
    return found | {"version": "7"}


def ask(call: Caller, operation: Operation, ids: dict[str, str], **options: Any) -> SimpleNamespace:
    path = operation.path
    for name in operation.id_names:
        path = path.replace(f"{{{name}}}", ids[name])
    return call(operation.method, path, **(granted(operation.name, ids) | options))


def give_a_model(call: Caller, user_id: str) -> None:
    call("GET", "/v1/status", user=user_id)
    store = call.install.store
    user = store.user(user_id)
    if user is not None and user.champion is None:
        store.put_model(model(user_id))
        store.set_champion(user_id, 1, expected=None)


def everything_of(home: Install, user_id: str) -> list[Any]:
    """Every row and every object that names the user."""
    with home.database.reading() as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows: list[Any] = []
    for table in tables:
        with home.database.reading() as db:
            rows += [row for row in db.execute(f"SELECT * FROM {table}") if row[0] == user_id]
    keys = [key for key in home.blobs.keys("") if f"/{user_id}/" in key]
    return rows + [(key, home.blobs.get(key)) for key in keys]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_with_somebody_elses_ids_nothing_of_theirs_is_read_or_changed(
    call: Caller, ids: dict[str, str], operation: Operation
) -> None:
    before = everything_of(call.install, USER)

    answer = ask(call, operation, ids, user=EVE)

    assert MARK not in json.dumps(answer.body, default=repr).replace(ids["card_id"], "").replace(ids["match_id"], "")
    assert everything_of(call.install, USER) == before
    assert answer.status < 500


@pytest.mark.parametrize("operation", BY_ID, ids=lambda operation: operation.name)
def test_somebody_elses_id_is_answered_as_one_that_never_was(
    call: Caller, ids: dict[str, str], operation: Operation
) -> None:
    give_a_model(call, EVE)  # without one a prediction is refused before any id is looked at
    ask(call, operation, NEVER, user=EVE)  # what is withdrawn by whatever is asked, is by now

    theirs = ask(call, operation, ids, user=EVE)
    never = ask(call, operation, NEVER, user=EVE)

    assert (theirs.status, theirs.type) == (never.status, never.type)
    assert _without(theirs.body, ids) == _without(never.body, NEVER)
    assert theirs.status == (200 if operation.name in WITHOUT_404 else 404)


def _without(body: Any, ids: dict[str, str]) -> Any:
    """The answer without the id that was asked for, and when."""
    if "at" in body:
        body = body | {"at": None}
    return json.loads(json.dumps(body).replace(ids["card_id"], "-"))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_owner_is_granted_what_the_stranger_is_not(call: Caller, ids: dict[str, str], operation: Operation) -> None:
    answer = ask(call, operation, ids)

    assert answer.status == operation.status, answer.body


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/labels", "/v1/matches"])
def test_a_cursor_is_good_for_its_own_user_only(call: Caller, ids: dict[str, str], path: str) -> None:
    first = call("GET", path, query={"limit": "1"})
    cursor = first.body["next"] or call("GET", "/v1/decisions", query={"limit": "1"}).body["next"]

    theirs = call("GET", path, query={"cursor": cursor}, user=EVE)
    made_up = call("GET", path, query={"cursor": "x.y"}, user=EVE)

    assert (theirs.status, theirs.body) == (made_up.status, made_up.body)
    assert theirs.body["field"] == "cursor"


def test_an_idempotency_key_is_its_own_users(call: Caller, ids: dict[str, str]) -> None:
    headers = {"idempotency-key": "k-1"}
    body = {"choice": "pass"}
    mine = call("POST", f"/v1/decisions/{ids['card_id']}/label", body, headers=headers)

    theirs = call("POST", f"/v1/decisions/{ids['card_id']}/label", body, headers=headers, user=EVE)

    assert (mine.status, theirs.status) == (202, 404)
    assert "Idempotency-Replayed" not in theirs.headers


def test_an_account_is_deleted_by_its_own_user_only(call: Caller, ids: dict[str, str]) -> None:
    before = everything_of(call.install, USER)

    for confirm in (USER, "", "ann\x00"):
        refused = call("DELETE", "/v1/account", query={"confirm": confirm}, user=EVE)
        assert (refused.status, refused.body["field"]) == (400, "confirm")

    assert everything_of(call.install, USER) == before


def test_every_kind_of_id_has_one_that_is_somebodys(ids: dict[str, str]) -> None:
    named = {name for operation in OPERATIONS for name in operation.id_names}

    assert named <= set(ids)
    assert named <= set(NEVER)


@pytest.mark.parametrize("user", ["", "a/b", "..", "ä", "x" * 200])
def test_a_token_of_no_possible_user_gets_nothing(call: Caller, user: str) -> None:
    answer = call("GET", "/v1/status", user=user)

    assert (answer.status, answer.type) == (403, "application/problem+json")
