"""Rights that AWS asks of a role where the emulator asks nothing: each with why, and who says so.

What can be shown here all the same is that each is spelled as AWS knows it: whoever holds the role is let through with
it and refused without it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.aws.deployment import Stack
from tests.aws.emulator import ACCOUNT
from tests.aws.grants import Grant, role_of

Probe = Callable[[Any, str], object]


class Beyond(NamedTuple):
    """`pattern` of `action place`; `probe` uses the right by the client of its service on a queue of this address."""

    pattern: str
    why: str
    probe: Probe | None


_LOGS = (
    "the emulator writes the log of a function itself, AWS by its role: Lambda guide, Defining permissions with an "
    "execution role, AWSLambdaBasicExecutionRole; the group is the stack's own, so none has to be made. No probe, as "
    "the emulator names a group without the `:*` that AWS has at its end: see test_judge_rights"
)
_TRACES = (
    "the emulator traces nothing, AWS sends what a function traces by its role: Lambda guide, Visualize invocations "
    "using X-Ray, AWSXRayDaemonWriteAccess; of it the two that write, as no rule of sampling is read"
)
_MAPPING = (
    "the emulator reads queues itself, AWS by the role of the function that it calls: Lambda guide, Using Lambda with "
    "Amazon SQS, Configuring execution role permissions: exactly these three"
)
_FAILED = (
    "the emulator keeps what failed itself, AWS by the function's role: Lambda guide, Retaining records of "
    "asynchronous invocations: sqs:SendMessage for a queue"
)

BEYOND = (
    Beyond("logs:CreateLogStream ProgramLog", _LOGS, None),
    Beyond("logs:PutLogEvents ProgramLog", _LOGS, None),
    Beyond("xray:PutTraceSegments [*]", _TRACES, None),
    Beyond("xray:PutTelemetryRecords [*]", _TRACES, None),
    Beyond("sqs:ReceiveMessage *", _MAPPING, lambda sqs, url: sqs.receive_message(QueueUrl=url)),
    Beyond("sqs:DeleteMessage *", _MAPPING, lambda sqs, url: sqs.delete_message(QueueUrl=url, ReceiptHandle="r")),
    Beyond("sqs:GetQueueAttributes *", _MAPPING, lambda sqs, url: sqs.get_queue_attributes(QueueUrl=url)),
    Beyond("sqs:SendMessage *Dead", _FAILED, lambda sqs, url: sqs.send_message(QueueUrl=url, MessageBody="-")),
)


def beyond(grant: Grant) -> Beyond | None:
    return next((each for each in BEYOND if fnmatchcase(str(grant), each.pattern)), None)


def is_let_through(grant: Grant, probe: Probe, stack: Stack, credentials: Mapping[str, str]) -> bool:
    """Whether whoever holds the role may do it; what else is wrong with the request does not matter."""
    client = stack.emulator.client_of(grant.action.partition(":")[0], credentials)
    try:
        probe(client, stack.physical[grant.place])
    except ClientError as error:
        return not is_refusal(error)
    return True


def is_refusal(error: ClientError) -> bool:
    return "not authorized to perform" in error.response["Error"].get("Message", "")


@contextmanager
def held(stack: Stack, function: str) -> Iterator[Mapping[str, str]]:
    """Credentials of the function's role, which its account's owner lets themselves have for as long."""
    iam, role = stack.emulator.client("iam"), role_of(stack, function)
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    _trust(iam, role, {**trust, "Statement": [*trust["Statement"], owner]})
    try:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        yield stack.emulator.client("sts").assume_role(RoleArn=arn, RoleSessionName="probe")["Credentials"]
    finally:
        _trust(iam, role, trust)


def _trust(iam: Any, role: str, document: Mapping[str, Any]) -> None:
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))
