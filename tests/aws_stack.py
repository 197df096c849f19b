"""The tables, indexes, bucket, queues and key of template.yaml, and the adapters on them, wherever the SDK is led to.

    with moto_world() as aws:               # in this process
    with emulator_world(emulator) as aws:   # over HTTP
        aws.store.create_user(...)
        aws.blobs.put(...)

A test that moves data between worlds enters it once and uses `aws.store`, `aws.blobs`, `aws.queue` and `aws.secrets`
as it uses the local ones; `build_stack("other")` inside of it makes a second, empty install beside the first.
`aws.environment` is what all functions would have in their environment.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

import swipr.aws
from local.intrinsics import Resolver, TagLoader
from swipr.aws import clients
from swipr.ports import Blobs, Queue, Secrets, Store
from swipr.settings import Settings

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
REGION = "eu-central-1"
ACCOUNT = "123456789012"  # of both fakes
TABLES, BUCKET, QUEUES, KEY = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::KMS::Key"
ALL = (TABLES, BUCKET, QUEUES, KEY)


@dataclass
class AwsStack:
    """One stack. The adapters are built by `swipr.aws` from the settings that the template gives the functions."""

    stack: str
    environment: Mapping[str, str]
    physical: Mapping[str, str] = field(default_factory=dict)
    """What Ref says of each table, queue, key and the bucket, by logical id."""
    expiries: Mapping[str, str] = field(default_factory=dict)
    """The attribute that says when an item expires, by table."""

    @cached_property
    def settings(self) -> Settings:
        return Settings.model_validate({name.lower(): value for name, value in self.environment.items()})

    @cached_property
    def store(self) -> Store:
        return swipr.aws.store(self.settings)

    @cached_property
    def blobs(self) -> Blobs:
        return swipr.aws.blobs(self.settings)

    @cached_property
    def queue(self) -> Queue:
        return swipr.aws.queue(self.settings)

    @cached_property
    def secrets(self) -> Secrets:
        return swipr.aws.secrets(self.settings)

    def expire(self, at: datetime) -> None:
        """Delete what DynamoDB would have deleted by itself some time after `at`."""
        dynamodb = clients.dynamodb()
        for table, attribute in self.expiries.items():
            schema = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
            for item in dynamodb.scan(TableName=table)["Items"]:
                if int(item[attribute]["N"]) < at.timestamp():
                    key = {part["AttributeName"]: item[part["AttributeName"]] for part in schema}
                    dynamodb.delete_item(TableName=table, Key=key)

    def grants(self, function: str) -> list[tuple[str, str]]:
        """What the function may do: action and resource, as tests/aws_rights.py names them."""
        return _Builder(_template(), self.stack, str(clients.sqs().meta.region_name)).grants(function)

    def messages(self, queue: str) -> list[str]:
        """The bodies that wait in the queue of this logical id, oldest first; they stay there."""
        url, found = self.physical[queue], []
        sqs = clients.sqs()
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60).get("Messages"):
            found += batch
        for message in found:
            receipt = message["ReceiptHandle"]
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
        return [message["Body"] for message in found]


def build_stack(stack: str, *, region: str = REGION, kinds: Collection[str] = ALL, expiring: bool = True) -> AwsStack:
    """Make what the template declares of these kinds; inside of one of the worlds only.

    Not `expiring`: no table deletes what has expired by the clock on the wall.
    """
    builder = _Builder(_template(), stack, region, expiring=expiring)
    builder.build(kinds)
    return AwsStack(stack, builder.environment(), builder.physical, builder.expiries)


@cache
def _template() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=TagLoader)
    return read


class _Builder:
    """Makes the template's tables, bucket, queues and key; anything else is not for the adapters."""

    def __init__(self, template: Mapping[str, Any], stack: str, region: str, *, expiring: bool = True) -> None:
        self._template, self._stack, self._expiring = template, stack, expiring
        self._dynamodb, self._sqs = clients.dynamodb(), clients.sqs()
        self.physical: dict[str, str] = {}
        self.expiries: dict[str, str] = {}
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": region,
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        parameters = {name: body.get("Default", "") for name, body in template["Parameters"].items()}
        self._resolve = Resolver(parameters | pseudo, template.get("Conditions", {}), self._reference)

    def build(self, kinds: Collection[str]) -> None:
        makers = {
            TABLES: self._make_table,
            BUCKET: self._make_bucket,
            QUEUES: self._make_queue,
            KEY: self._make_key,
        }
        for kind in kinds:
            for name, body in self._template["Resources"].items():
                if body["Type"] == kind:
                    makers[kind](name, body.get("Properties", {}))

    def environment(self) -> dict[str, str]:
        """Of all functions together; each has its own part of it."""
        functions = [
            body["Properties"]
            for name, body in self._template["Resources"].items()
            if body["Type"] == "AWS::Serverless::Function"
        ]
        parts = [part for part in [self._template["Globals"]["Function"], *functions] if "Environment" in part]
        merged = {name: value for part in parts for name, value in part["Environment"]["Variables"].items()}
        return {name: str(value) for name, value in self._resolve(merged).items()}

    def grants(self, function: str) -> list[tuple[str, str]]:
        role = self._template["Resources"][function]["Properties"]["Role"]["Fn::GetAtt"][0]
        (policy,) = self._resolve(self._template["Resources"][role]["Properties"]["Policies"])
        found = []
        for statement in policy["PolicyDocument"]["Statement"]:
            actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
            if "Condition" in statement:  # a bucket's list goes by prefix
                prefixes = statement["Condition"]["StringLike"]["s3:prefix"]
                resources = [f"{bucket} {prefix}" for bucket in resources for prefix in _listed(prefixes)]
            found += [(action, resource) for action in actions for resource in resources]
        return found

    def _reference(self, name: str, attribute: str | None) -> str:
        if attribute == "Arn":
            return f"arn:aws:none:::{name}"
        return self.physical.get(name, f"{self._stack}-{name}")

    def _make_table(self, name: str, declared: Mapping[str, Any]) -> None:
        properties = self._resolve({key: value for key, value in declared.items() if key in _TABLE_PROPERTIES})
        table = f"{self._stack}-{name}"
        self._dynamodb.create_table(TableName=table, **properties)
        if "TimeToLiveSpecification" in declared:
            expiry = declared["TimeToLiveSpecification"]
            self.expiries[table] = expiry["AttributeName"]
            if self._expiring:
                self._dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
        self.physical[name] = table

    def _make_bucket(self, name: str, declared: Mapping[str, Any]) -> None:
        bucket = self._resolve(declared["BucketName"])
        client = clients.s3()
        region = client.meta.region_name
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client.create_bucket(Bucket=bucket, **where)
        self.physical[name] = bucket

    def _make_queue(self, name: str, declared: Mapping[str, Any]) -> None:
        attributes = {key: str(value) for key, value in declared.items() if key in _QUEUE_PROPERTIES}
        answer = self._sqs.create_queue(QueueName=f"{self._stack}-{name}", Attributes=attributes)
        self.physical[name] = answer["QueueUrl"]

    def _make_key(self, name: str, declared: Mapping[str, Any]) -> None:
        answer = clients.kms().create_key(Description=declared["Description"])
        self.physical[name] = answer["KeyMetadata"]["KeyId"]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_TABLE_PROPERTIES = {"BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"}
_QUEUE_PROPERTIES = {"VisibilityTimeout", "MessageRetentionPeriod", "SqsManagedSseEnabled"}
