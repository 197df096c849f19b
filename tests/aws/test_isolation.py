"""Another user's token: nothing of Ann's is read or changed by Eve, over HTTP and with real tokens of the pool."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from swipr import bootstrap
from swipr.api.operations import Operation
from swipr.api.routes import OPERATIONS
from tests.aws.emulator import Emulator
from tests.aws.living import everything_of
from tests.aws.person import Person, invited
from tests.aws.quiet_home import QuietHome, quiet_home
from tests.doubles import model
from tests.integration.test_isolation import BY_ID, MARK, NEVER, WITHOUT_404
from tests.lived import granted, live

pytestmark = [pytest.mark.aws, pytest.mark.timeout(300)]

ANN, EVE = "ann@example.org", "eve@example.org"
PATHS = ("/v1/decisions", "/v1/labels", "/v1/matches")


@pytest.fixture(scope="module")
def home(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuietHome]:
    with quiet_home(emulator, "apart", tmp_path_factory.mktemp("deck"), LogLevel="WARNING") as home:
        yield home


def signed_in(home: QuietHome, email: str) -> Person:
    invited(home.stack, email)
    return Person(home.stack, email)


@pytest.fixture(scope="module")
def ann(home: QuietHome) -> Iterator[Person]:
    person = signed_in(home, ANN)
    yield person
    person.close()


@pytest.fixture(scope="module")
def eve(home: QuietHome) -> Iterator[Person]:
    person = signed_in(home, EVE)
    yield person
    person.close()


@pytest.fixture(scope="module")
def ids(home: QuietHome, ann: Person, eve: Person) -> dict[str, str]:
    """Ann's; Eve has things of her own, so that she is refused for no other reason."""
    mine = {person: person.get("/v1/status")["user_id"] for person in (ann, eve)}
    assert len(set(mine.values())) == 2
    for person, mark in ((eve, "evesown"), (ann, MARK)):
        found = teach_and_live(home, mine[person], mark)
    return found


def teach_and_live(home: QuietHome, user_id: str, mark: str) -> dict[str, str]:
    for number in (1, *([7] if mark == MARK else [])):  # of Ann a version that Eve does not have
        home.store.put_model(model(user_id, number))
    home.store.set_champion(user_id, 1, expected=None)
    return live(home, user_id, bootstrap.now(), mark=mark) | {"version": "7"}  # type: ignore[arg-type]


def ask(person: Person, operation: Operation, ids: dict[str, str]) -> requests.Response:
    path = operation.path
    for name in operation.id_names:
        path = path.replace(f"{{{name}}}", ids[name])
    sent: dict[str, Any] = granted(operation.name, ids)
    return person.call(operation.method, path, json=sent.get("body"), params=sent.get("query"))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_with_anns_ids_eve_reads_and_changes_nothing_of_hers(
    home: QuietHome, eve: Person, ids: dict[str, str], operation: Operation
) -> None:
    before = everything_of(home, ids["user_id"])

    answer = ask(eve, operation, ids)

    said = answer.text.replace(ids["card_id"], "").replace(ids["match_id"], "")
    assert MARK not in said
    assert everything_of(home, ids["user_id"]) == before
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("operation", BY_ID, ids=lambda operation: operation.name)
def test_anns_id_is_answered_as_one_that_never_was(
    home: QuietHome, eve: Person, ids: dict[str, str], operation: Operation
) -> None:
    give_a_model(home, eve.get("/v1/status")["user_id"])
    ask(eve, operation, NEVER)  # what is withdrawn by whatever is asked, is by now

    hers, never = ask(eve, operation, ids), ask(eve, operation, NEVER)

    assert hers.status_code == never.status_code == (200 if operation.name in WITHOUT_404 else 404)
    assert plain(hers.json(), ids) == plain(never.json(), NEVER)


def give_a_model(home: QuietHome, user_id: str) -> None:
    """Without one a prediction is refused before any id is looked at."""
    home.store.put_model(model(user_id))
    user = home.store.user(user_id)
    if user is not None and user.champion is None:
        home.store.set_champion(user_id, 1, expected=None)


def plain(body: dict[str, Any], ids: dict[str, str]) -> Any:
    """Without the id that was asked for, and when."""
    return json.loads(json.dumps(body | ({"at": None} if "at" in body else {})).replace(ids["card_id"], "-"))


@pytest.mark.parametrize("path", PATHS)
def test_a_cursor_is_good_for_its_own_user_only(ann: Person, eve: Person, ids: dict[str, str], path: str) -> None:
    cursor = ann.get("/v1/decisions", limit=1)["next"]
    assert cursor

    hers, made_up = (eve.call("GET", path, params={"cursor": each}) for each in (cursor, "x.y"))

    assert (hers.status_code, hers.json()) == (made_up.status_code, made_up.json())
    assert hers.json()["field"] == "cursor"


def test_an_idempotency_key_is_its_own_users(ann: Person, eve: Person, ids: dict[str, str]) -> None:
    headers, body = {"idempotency-key": "k-1"}, {"choice": "pass"}
    path = f"/v1/decisions/{ids['card_id']}/label"

    mine = ann.call("POST", path, json=body, headers=headers)
    hers = eve.call("POST", path, json=body, headers=headers)

    assert (mine.status_code, hers.status_code) == (202, 404)
    assert "idempotency-replayed" not in {name.lower() for name in hers.headers}


def test_a_form_of_ones_own_takes_nothing_into_anothers_folder(
    home: QuietHome, eve: Person, ids: dict[str, str]
) -> None:
    form = eve.post("/v1/uploads", {"name": "a.csv", "size": 5})
    theirs = f"labels/{ids['user_id']}/{form['upload_id']}.csv"

    sent = requests.post(form["url"], data={**form["fields"], "key": theirs}, files={"file": b"a,b,c"}, timeout=20)

    assert sent.status_code == 403, sent.text
    assert home.blobs.keys(theirs) == []


def test_an_account_is_deleted_by_its_own_user_only(home: QuietHome, eve: Person, ids: dict[str, str]) -> None:
    before = everything_of(home, ids["user_id"])

    refused = eve.call("DELETE", "/v1/account", params={"confirm": ids["user_id"]})

    assert (refused.status_code, refused.json()["field"]) == (400, "confirm")
    assert everything_of(home, ids["user_id"]) == before
