"""Dead letters of a stack on AWS: in its queues, and back to where they came from."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self

import boto3
from botocore.config import Config

from swipr.aws.errors import AwsError, call
from swipr.dead_letters import BATCH, HIDE_S, Kept

#: Long enough for SQS to ask all its servers instead of some.
WAIT_S = 1
#: For looking only: nobody else sees a letter meanwhile, and a look at hundreds takes less.
LOOK_S = 120
_LIMITS = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


class StackLetters:
    """`dead_letters.Letters` over the queues that the stack has made. Everything raises AwsError."""

    def __init__(self, stack: str, cloudformation: Any, sqs: Any, functions: Any, *, wait_s: int = WAIT_S) -> None:
        self._stack, self._cloudformation = stack, cloudformation
        self._sqs, self._functions, self._wait_s = sqs, functions, wait_s

    @classmethod
    def of(cls, stack: str, region: str | None) -> Self:
        """With the credentials of this shell. Raises AwsError when there is no region."""
        try:
            session = boto3.Session(region_name=region)
            return cls(stack, *(session.client(name, config=_LIMITS) for name in ("cloudformation", "sqs", "lambda")))
        except Exception as error:
            raise AwsError("aws", "sign in", type(error).__name__) from None

    def look(self, queue: str) -> Sequence[Kept]:
        found: dict[str, Kept] = {}
        try:
            while fresh := [one for one in self._receive(queue, LOOK_S) if one.letter_id not in found]:
                found |= {kept.letter_id: kept for kept in fresh}
        finally:
            for kept in found.values():
                self.release(queue, kept)
        return list(found.values())

    def take(self, queue: str) -> Sequence[Kept]:
        return self._receive(queue, int(HIDE_S))

    def send(self, queue: str, body: str) -> None:
        call(self._sqs, "send_message", QueueUrl=self._physical[queue], MessageBody=body)

    def invoke(self, function: str, event: Mapping[str, Any]) -> None:
        name, payload = self._physical[function], json.dumps(event).encode()
        call(self._functions, "invoke", FunctionName=name, InvocationType="Event", Payload=payload)

    def drop(self, queue: str, kept: Kept) -> None:
        call(self._sqs, "delete_message", QueueUrl=self._physical[queue], ReceiptHandle=kept.receipt)

    def release(self, queue: str, kept: Kept) -> None:
        url = self._physical[queue]
        call(self._sqs, "change_message_visibility", QueueUrl=url, ReceiptHandle=kept.receipt, VisibilityTimeout=0)

    def _receive(self, queue: str, visibility_s: int) -> Sequence[Kept]:
        answer = call(
            self._sqs,
            "receive_message",
            QueueUrl=self._physical[queue],
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=visibility_s,
            WaitTimeSeconds=self._wait_s,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["ERROR_CODE"],
        )
        return [_kept(message) for message in answer.get("Messages", [])]

    @cached_property
    def _physical(self) -> Mapping[str, str]:
        """Addresses of queues and names of functions, by the names of template.yaml."""
        found: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            page = call(self._cloudformation, "list_stack_resources", StackName=self._stack, **more)
            made = page["StackResourceSummaries"]
            found |= {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in made}
            if "NextToken" not in page:
                return found
            more = {"NextToken": page["NextToken"]}


def _kept(message: Mapping[str, Any]) -> Kept:
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    error = message.get("MessageAttributes", {}).get("ERROR_CODE", {}).get("StringValue", "")
    return Kept(message["MessageId"], message["Body"], sent_at, message["ReceiptHandle"], error)
