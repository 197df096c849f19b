"""The judge may write its log and nothing else: what somebody gets who holds its role's credentials."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.beyond import held, is_refusal
from tests.aws.deployment import Stack, deploy
from tests.aws.emulator import ACCOUNT, Emulator

pytestmark = pytest.mark.aws

KEY = {"user_id": {"S": "ann"}}
#: By service and, for people, what is tried; each with a client of the service and the stack.
REFUSED: dict[str, Callable[[Any, Stack], object]] = {
    "dynamodb read": lambda db, s: db.get_item(TableName=s.physical["Users"], Key=KEY),
    "dynamodb scan": lambda db, s: db.scan(TableName=s.physical["Users"]),
    "dynamodb query": lambda db, s: db.query(
        TableName=s.physical["Users"],
        IndexName="DueUsers",
        KeyConditionExpression="due_shard = :s",
        ExpressionAttributeValues={":s": {"N": "0"}},
    ),
    "dynamodb write": lambda db, s: db.put_item(TableName=s.physical["Users"], Item=KEY),
    "dynamodb delete": lambda db, s: db.delete_item(TableName=s.physical["Users"], Key=KEY),
    "dynamodb transaction": lambda db, s: db.transact_write_items(
        TransactItems=[{"Put": {"TableName": s.physical["Users"], "Item": KEY}}]
    ),
    "dynamodb tables": lambda db, _: db.list_tables(),
    "s3 read": lambda s3, s: s3.get_object(Bucket=s.physical["Bucket"], Key="sessions/ann/x.zip"),
    "s3 write": lambda s3, s: s3.put_object(Bucket=s.physical["Bucket"], Key="sessions/ann/x.zip", Body=b"x"),
    "s3 delete": lambda s3, s: s3.delete_object(Bucket=s.physical["Bucket"], Key="sessions/ann/x.zip"),
    "s3 list": lambda s3, s: s3.list_objects_v2(Bucket=s.physical["Bucket"], Prefix="sessions/"),
    "s3 buckets": lambda s3, _: s3.list_buckets(),
    "sqs send": lambda sqs, s: sqs.send_message(QueueUrl=s.physical["Refits"], MessageBody="x"),
    "sqs receive": lambda sqs, s: sqs.receive_message(QueueUrl=s.physical["SwipeSessions"]),
    "kms seal": lambda kms, s: kms.encrypt(KeyId=s.physical["Key"], Plaintext=b"x"),
    "kms open": lambda kms, s: kms.decrypt(KeyId=s.physical["Key"], CiphertextBlob=b"x" * 80),
    "kms look": lambda kms, s: kms.describe_key(KeyId=s.physical["Key"]),
    "lambda itself": lambda functions, s: functions.invoke(FunctionName=s.physical["Judge"], Payload=b"{}"),
    "lambda another": lambda functions, s: functions.invoke(FunctionName=s.physical["Feedback"], Payload=b"{}"),
    "lambda environment": lambda functions, s: functions.get_function_configuration(FunctionName=s.physical["Api"]),
    "sts another role": lambda sts, s: sts.assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{s.physical['ApiRole']}", RoleSessionName="probe"
    ),
    "iam roles": lambda iam, _: iam.list_roles(),
    "iam its own": lambda iam, s: iam.put_role_policy(
        RoleName=s.physical["JudgeRole"], PolicyName="Judge", PolicyDocument='{"Version":"2012-10-17","Statement":[]}'
    ),
    "cognito-idp people": lambda people, s: people.list_users(UserPoolId=s.physical["People"]),
    "logs a new group": lambda logs, _: logs.create_log_group(logGroupName="another"),
    "logs another group": lambda logs, s: logs.create_log_stream(
        logGroupName=s.physical["AccessLog"], logStreamName="x"
    ),
    "logs read": lambda logs, s: logs.filter_log_events(logGroupName=s.physical["ProgramLog"]),
}


@pytest.fixture(scope="module")
def stack(emulator: Emulator) -> Stack:
    return deploy(emulator, "judged")


@pytest.fixture(scope="module")
def credentials(stack: Stack) -> Iterator[Mapping[str, str]]:
    with held(stack, "Judge") as credentials:
        yield credentials


@pytest.mark.parametrize("what", REFUSED)
def test_all_else_is_refused(stack: Stack, credentials: Mapping[str, str], what: str) -> None:
    client = stack.emulator.client_of(what.partition(" ")[0], credentials)

    with pytest.raises(ClientError) as refused:
        REFUSED[what](client, stack)

    assert is_refusal(refused.value), refused.value.response["Error"]


@pytest.mark.parametrize("what", ["dynamodb read", "s3 list", "sqs receive", "kms look", "lambda environment"])
def test_the_same_is_granted_to_the_owner(stack: Stack, what: str) -> None:
    REFUSED[what](stack.emulator.client(what.partition(" ")[0]), stack)


def test_it_may_write_its_log(stack: Stack, credentials: Mapping[str, str]) -> None:
    iam, role = stack.emulator.client("iam"), stack.physical["JudgeRole"]
    policy = iam.get_role_policy(RoleName=role, PolicyName="Judge")["PolicyDocument"]
    (granted,) = policy["Statement"]
    # AWS asks for the group with `:*` at its end, the emulator without.
    as_asked_here = {**granted, "Resource": granted["Resource"].removesuffix(":*")}
    iam.put_role_policy(
        RoleName=role, PolicyName="Judge", PolicyDocument=json.dumps({**policy, "Statement": [as_asked_here]})
    )
    logs = stack.emulator.client_of("logs", credentials)
    place = {"logGroupName": stack.physical["ProgramLog"], "logStreamName": "by its role"}

    try:
        logs.create_log_stream(**place)
        logs.put_log_events(**place, logEvents=[{"timestamp": 1, "message": "hello"}])
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="Judge", PolicyDocument=json.dumps(policy))
    assert granted["Resource"].endswith(":log-group:" + place["logGroupName"] + ":*")
    assert sorted(granted["Action"]) == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_it_is_told_who_it_is_and_that_is_its_own_role(stack: Stack, credentials: Mapping[str, str]) -> None:
    said = stack.emulator.client_of("sts", credentials).get_caller_identity()

    assert said["Arn"].split("/")[1] == stack.physical["JudgeRole"]


def test_its_function_runs_by_that_role(stack: Stack) -> None:
    found = stack.emulator.client("lambda").get_function_configuration(FunctionName=stack.physical["Judge"])

    assert found["Role"].rpartition("/")[2] == stack.physical["JudgeRole"]
