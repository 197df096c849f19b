"""Two stacks in one account and region: neither shares a thing with the other, nor opens to the other's people."""

from typing import Any

import pytest

from tests.aws.deployment import Stack, deploy
from tests.aws.emulator import Emulator
from tests.aws.in_force import differences
from tests.aws.person import Person, invited, until
from tests.handed import picture
from tests.zips import zip_of

pytestmark = [pytest.mark.aws, pytest.mark.timeout(180)]

ANN = "ann@example.org"
#: Ids that name something only within what holds it, which is the stack's own.
INNER = {"AWS::ApiGatewayV2::Stage", "AWS::Cognito::UserPoolResourceServer"}


@pytest.fixture(scope="module")
def stacks(emulator: Emulator) -> tuple[Stack, Stack]:
    """Ann may use the first alone."""
    first, second = deploy(emulator, "first"), deploy(emulator, "second")
    invited(first, ANN)
    return first, second


def test_no_id_is_shared(stacks: tuple[Stack, Stack]) -> None:
    first, second = stacks
    kinds = {name: body["Type"] for name, body in first.template["Resources"].items()}

    shared = {name for name, identity in first.physical.items() if identity in second.physical.values()}

    assert len(first.physical) == len(second.physical) > 50
    assert {kinds[name] for name in shared} == INNER
    assert not set(first.outputs.values()) & set(second.outputs.values())


def test_what_one_is_told_names_nothing_of_the_other(stacks: tuple[Stack, Stack]) -> None:
    for one, other in (stacks, stacks[::-1]):
        for function in ("SwipeTick", "SwipeSession", "Judge", "Feedback", "Api"):
            theirs = {identity for name, identity in other.physical.items() if identity != one.physical[name]}
            told = one.environment(function)
            assert not [name for name, value in told.items() if value in theirs or f"{other.name}-" in value]


def test_a_user_of_one_cannot_sign_in_to_the_other(stacks: tuple[Stack, Stack]) -> None:
    first, second = stacks
    ann = Person(first, ANN)

    with pytest.raises(KeyError, match=r"[Ll]ocation"):  # the form is shown again, and sends nobody back
        Person(second, ANN)
    elsewhere = first.emulator.host(f"{second.physical['Gateway']}.execute-api.localhost")
    assert ann.call("GET", "/v1/status").status_code == 200
    assert ann.call("GET", "/v1/status", headers={"Host": elsewhere}).status_code == 401
    assert ann.call("GET", "/", headers={"Host": elsewhere}, token="").status_code == 200, "the page is open to all"
    ann.close()


def test_an_upload_to_one_is_read_by_its_own_function_alone(stacks: tuple[Stack, Stack]) -> None:
    first, second = stacks
    ann = Person(first, ANN)
    photos = {f"{'like' if n % 2 else 'pass'}/{n}.png": picture(bool(n % 2), n, 96) for n in range(2)}

    opened = ann.upload("mine.zip", zip_of(photos))
    report = until(lambda: done(ann, opened["upload_id"]), why="its report")

    assert (report["state"], report["taken"]) == ("done", 2), report
    log = first.emulator.log.read_text("utf-8", errors="replace")
    assert f"worker spawned for {first.physical['Feedback']}" in log
    assert second.physical["Feedback"] not in log
    assert not first.emulator.client("s3").list_objects_v2(Bucket=second.physical["Bucket"]).get("Contents")
    ann.close()


def done(person: Person, upload_id: str) -> dict[str, Any] | None:
    report = person.get(f"/v1/uploads/{upload_id}")
    return report if report["state"] in ("done", "failed") else None


def test_deleting_one_leaves_the_other_as_it_is(stacks: tuple[Stack, Stack]) -> None:
    first, _ = stacks
    third = deploy(first.emulator, "third")

    first.emulator.client("cloudformation").delete_stack(StackName="third")
    until(lambda: "third" not in standing(first.emulator), why="its deletion")

    assert not differences(first)
    with pytest.raises(first.emulator.client("lambda").exceptions.ResourceNotFoundException):
        third.environment("Api")


def standing(emulator: Emulator) -> set[str]:
    listed = emulator.client("cloudformation").list_stacks()["StackSummaries"]
    return {each["StackName"] for each in listed if each["StackStatus"] != "DELETE_COMPLETE"}
