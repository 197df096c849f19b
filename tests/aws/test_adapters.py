"""The adapters where rights are in force: what a role does not allow is refused, and told as our error."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

import swipr.aws
from swipr.aws.errors import AwsError
from swipr.errors import NotFoundError
from swipr.models import RefitRequest
from swipr.settings import Settings
from tests.aws.emulator import ACCOUNT, REGION, Emulator
from tests.aws_stack import AwsStack
from tests.contract.values import a_user
from tests.emulator_world import asking_as, emulator_world

pytestmark = pytest.mark.aws

CONTEXT = {"user": "ann", "deck": "tinder"}
ASKED: dict[str, Callable[[Settings], object]] = {
    "dynamodb get_item": lambda s: swipr.aws.store(s).user("ann"),
    "dynamodb transact_get_items": lambda s: swipr.aws.store(s).label("ann", "tinder:1"),
    "dynamodb query": lambda s: swipr.aws.store(s).labels("ann"),
    "s3 put_object": lambda s: swipr.aws.blobs(s).put("a/b", b"x"),
    "s3 list_objects_v2": lambda s: swipr.aws.blobs(s).keys(""),
    "s3 delete_objects": lambda s: swipr.aws.blobs(s).delete(["a/b"]),
    "sqs send_message": lambda s: swipr.aws.queue(s).ask_refit(RefitRequest(user_id="ann")),
    "kms encrypt": lambda s: swipr.aws.secrets(s).seal(b"token", context=CONTEXT),
}


@pytest.fixture
def aws(emulator: Emulator) -> Iterator[AwsStack]:
    with emulator_world(emulator) as world:
        world.store.create_user(a_user("ann"))
        world.blobs.put("a/b", b"kept")
        yield world


def role(emulator: Emulator, name: str, *statements: Mapping[str, Any]) -> Mapping[str, str]:
    """The credentials of a new role that is allowed these statements and nothing else."""
    iam, lasting = emulator.client("iam"), {"Version": "2012-10-17"}
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(lasting | {"Statement": [trust]}))
    if statements:
        policy = json.dumps(lasting | {"Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=policy)
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    held: Mapping[str, str] = emulator.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return held


def test_a_role_without_rights_is_refused_by_every_service(emulator, aws):
    with asking_as(emulator, role(emulator, f"{aws.stack}-nothing")):
        for call, ask in ASKED.items():
            with pytest.raises(AwsError, match=f"^{call}: AccessDenied"):
                ask(aws.settings)

    assert aws.blobs.get("a/b") == b"kept"
    assert aws.messages("Refits") == []


def test_a_photo_that_may_not_be_read_is_as_if_it_were_not_there(emulator, aws):
    with asking_as(emulator, role(emulator, f"{aws.stack}-blind")), pytest.raises(NotFoundError):
        swipr.aws.blobs(aws.settings).get("a/b")


def test_a_role_may_do_what_its_policy_allows_and_no_more(emulator, aws):
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{aws.settings.users_table}"
    reader = role(emulator, f"{aws.stack}-reader", {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": table})

    with asking_as(emulator, reader):
        store = swipr.aws.store(aws.settings)
        assert store.user("ann") == a_user("ann")
        with pytest.raises(AwsError, match="put_item: AccessDenied"):
            store.create_user(a_user("bob"))
        with pytest.raises(AwsError, match="get_items: AccessDenied"):
            store.label("ann", "tinder:1")


def test_a_key_with_the_wrong_secret_is_refused(emulator, aws):
    held = role(emulator, f"{aws.stack}-thief", {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"})

    with (
        asking_as(emulator, {**held, "SecretAccessKey": "x" * 40}),
        pytest.raises(AwsError, match=r"get_item: \w*Signature"),
    ):
        swipr.aws.store(aws.settings).user("ann")
