"""What functions, layers, roles, mappings and schedules say of themselves, in CloudFormation's words."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tests.aws.emulator import Emulator
from tests.aws.readers_data import Properties, Reader


def function(emulator: Emulator, name: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("lambda").get_function(FunctionName=name)
    running = said["Configuration"]
    return {
        **running,
        "Code": _code(emulator, declared["Code"], running["CodeSha256"]),
        "Layers": [layer["Arn"] for layer in running.get("Layers", [])],
        "ReservedConcurrentExecutions": said.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "Tags": own([{"Key": key, "Value": value} for key, value in said.get("Tags", {}).items()]),
    }


def layer(emulator: Emulator, arn: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("lambda").get_layer_version_by_arn(Arn=arn)
    return {
        "CompatibleRuntimes": said.get("CompatibleRuntimes"),
        "Content": _code(emulator, declared["Content"], said["Content"]["CodeSha256"]),
        "LayerName": said["LayerArn"].rpartition(":")[2],
    }


def _code(emulator: Emulator, declared: Mapping[str, str], in_force: str) -> Any:
    """Where it was declared to come from, if that is what runs: the services keep only its digest."""
    return declared if _digest(emulator, declared["S3Bucket"], declared["S3Key"]) == in_force else in_force


@lru_cache
def _digest(emulator: Emulator, bucket: str, key: str) -> str:
    data = emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def permission(emulator: Emulator, sid: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("lambda").get_policy(FunctionName=declared["FunctionName"])["Policy"]
    for statement in json.loads(said)["Statement"]:
        if statement["Sid"] == sid:
            condition = statement.get("Condition", {})
            return {
                "Action": statement["Action"],
                "FunctionName": statement["Resource"].rpartition(":")[2],
                "Principal": statement["Principal"].get("Service"),
                "SourceAccount": condition.get("StringEquals", {}).get("AWS:SourceAccount"),
                "SourceArn": condition.get("ArnLike", {}).get("AWS:SourceArn"),
            }
    return {}


def invoke_config(emulator: Emulator, _: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("lambda").get_function_event_invoke_config(
        FunctionName=declared["FunctionName"], Qualifier=declared["Qualifier"]
    )
    name, qualifier = said["FunctionArn"].split(":")[6:]
    return {**said, "FunctionName": name, "Qualifier": qualifier}


def mapping(emulator: Emulator, identity: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("lambda").get_event_source_mapping(UUID=identity)
    most = said.get("ScalingConfig", {}).get("MaximumConcurrency")
    return {
        **said,
        "FunctionName": said["FunctionArn"].rpartition(":")[2],
        # The service counts with it: as a text it stops the emulator's deliveries, so here it must be a number.
        "ScalingConfig": {"MaximumConcurrency": most if isinstance(most, int) else f"not a number: {most!r}"},
    }


def role(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    iam = emulator.client("iam")
    said = iam.get_role(RoleName=name)["Role"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    written = [iam.get_role_policy(RoleName=name, PolicyName=each) for each in inline]
    return {
        "AssumeRolePolicyDocument": said["AssumeRolePolicyDocument"],
        "ManagedPolicyArns": [each["PolicyArn"] for each in attached],
        "Policies": [{key: each[key] for key in ("PolicyName", "PolicyDocument")} for each in written],
        "Tags": own(said.get("Tags", [])),
    }


def schedule(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    said: Properties = emulator.client("scheduler").get_schedule(Name=name)
    return said


def own(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Without those that CloudFormation adds to everything it makes."""
    return [tag for tag in tags if not tag["Key"].startswith("aws:")]


READERS: dict[str, Reader] = {
    "AWS::IAM::Role": role,
    "AWS::Lambda::EventInvokeConfig": invoke_config,
    "AWS::Lambda::EventSourceMapping": mapping,
    "AWS::Lambda::Function": function,
    "AWS::Lambda::LayerVersion": layer,
    "AWS::Lambda::Permission": permission,
    "AWS::Scheduler::Schedule": schedule,
}
