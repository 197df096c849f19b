"""The project's own stack on the emulator: what `make build` made, deployed through CloudFormation."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tests.aws.emulator import ACCOUNT, REGION, ROOT, Emulator
from tests.aws.settling import makeable, settle
from tests.aws.translated import code_folders, expand_http_api, translate

BUILD = ROOT / ".aws-sam" / "build"
ARTEFACTS = f"artefacts-{ACCOUNT}"

_AT_MOST_S = 120.0
_LAYERS_AT = "/opt/"


class DeploymentError(Exception):
    """The stack did not come up; the message says which resource and why."""


@dataclass(frozen=True)
class Stack:
    """One stack on the emulator. `template` is what was deployed, plain CloudFormation."""

    emulator: Emulator
    name: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def outputs(self) -> dict[str, str]:
        (described,) = self.emulator.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}

    @cached_property
    def physical(self) -> dict[str, str]:
        """What Ref says of each resource, by logical id."""
        listed = self.emulator.client("cloudformation").describe_stack_resources(StackName=self.name)
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed["StackResources"]}

    def environment(self, function: str) -> dict[str, str]:
        found = self.emulator.client("lambda").get_function_configuration(FunctionName=self.physical[function])
        variables: dict[str, str] = found["Environment"]["Variables"]
        return variables

    def invoke(self, function: str, event: Any) -> dict[str, Any]:
        """The answer of Lambda, its payload read; an error of the function stands under FunctionError."""
        answer = self.emulator.client("lambda").invoke(
            FunctionName=self.physical[function], Payload=json.dumps(event).encode()
        )
        return {**answer, "Payload": json.loads(answer["Payload"].read() or b"null")}

    def log(self) -> str:
        """What its functions wrote, oldest first."""
        logs, group = self.emulator.client("logs"), self.physical["ProgramLog"]
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        read = [logs.get_log_events(logGroupName=group, logStreamName=each["logStreamName"]) for each in streams]
        events = sorted((event for each in read for event in each["events"]), key=lambda event: event["timestamp"])
        return "\n".join(event["message"] for event in events)


def deploy(
    emulator: Emulator,
    name: str = "swipr",
    *,
    parameters: Mapping[str, str] | None = None,
    build: Path = BUILD,
    change: Callable[[dict[str, Any]], None] = lambda template: None,
) -> Stack:
    """Make the stack, or bring it up to date. Raises DeploymentError.

    `change` may alter the plain template before it is deployed, as a test of an update does.
    """
    address = uploaded(emulator, build)
    template = expand_http_api(translate(build / "template.yaml", address, REGION), "Gateway")
    given = dict(parameters or {})
    fit_to_emulator(template, emulator, build)
    write_numbers(template, given)
    allow_batches(template)
    change(template)
    _apply(emulator, name, makeable(template), given)
    stack = Stack(emulator, name, template, given)
    settle(stack)
    return stack


@cache  # what `make build` made stays as it is while tests run
def uploaded(emulator: Emulator, build: Path) -> dict[str, str]:
    """The S3 address of each function and layer as `sam build` left it, uploaded once by its contents."""
    s3, addresses = emulator.client("s3"), {}
    if ARTEFACTS not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=ARTEFACTS, CreateBucketConfiguration={"LocationConstraint": REGION})
    known = {each["Key"] for each in s3.list_objects_v2(Bucket=ARTEFACTS).get("Contents", [])}
    for name, folder in code_folders(build / "template.yaml").items():
        data = _zipped(folder)
        key = f"{hashlib.sha256(data).hexdigest()[:32]}.zip"
        if key not in known:
            s3.put_object(Bucket=ARTEFACTS, Key=key, Body=data)
        addresses[name] = f"s3://{ARTEFACTS}/{key}"
    return addresses


def fit_to_emulator(template: dict[str, Any], emulator: Emulator, build: Path) -> None:
    """What must differ there: it unpacks layers elsewhere, and its S3 has no host of its own.

    The folders of the built layers are named instead of /opt, and the judge fetches from the emulator's origin. That
    origin speaks no TLS, so the bucket's policy, which refuses all else, is left out (tests/aws/test_in_force.py).
    """
    del template["Resources"]["BucketRules"]
    for body in template["Resources"].values():
        if body["Type"] != "AWS::Lambda::Function":
            continue
        variables = body["Properties"]["Environment"]["Variables"]
        for key, value in variables.items():
            if isinstance(value, str) and value.startswith(_LAYERS_AT):
                variables[key] = str(_in_layer(build, value.removeprefix(_LAYERS_AT)))
        if "PHOTO_ORIGIN" in variables:
            variables["PHOTO_ORIGIN"] = emulator.url


def write_numbers(template: dict[str, Any], given: Mapping[str, str]) -> None:
    """How many sessions at once, as a number: the emulator's poller stops at a parameter's value, a text to it."""
    for body in template["Resources"].values():
        scaling = body.get("Properties", {}).get("ScalingConfig", {})
        if isinstance(scaling.get("MaximumConcurrency"), dict):
            name = scaling["MaximumConcurrency"]["Ref"]
            scaling["MaximumConcurrency"] = int(given.get(name, template["Parameters"][name]["Default"]))


def allow_batches(template: dict[str, Any]) -> None:
    """Who may send a message may send several: on AWS by the same right, which the emulator calls SendMessageBatch."""
    for body in template["Resources"].values():
        for policy in body["Properties"].get("Policies", []) if body["Type"] == "AWS::IAM::Role" else []:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement.get("Action", [])
                if "sqs:SendMessage" in (actions if isinstance(actions, list) else [actions]):
                    statement["Action"] = [
                        *([actions] if isinstance(actions, str) else actions),
                        "sqs:SendMessageBatch",
                    ]


def _in_layer(build: Path, inner: str) -> Path:
    (found,) = [
        build / layer / inner for layer in ("CommonLayer", "InferenceLayer") if (build / layer / inner).exists()
    ]
    return found


def _apply(emulator: Emulator, name: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
    emulator.client("s3").put_object(Bucket=ARTEFACTS, Key=f"{name}.json", Body=json.dumps(template))
    cloudformation = emulator.client("cloudformation")
    request = {
        "StackName": name,
        "TemplateURL": f"{emulator.url}/{ARTEFACTS}/{name}.json",
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    known = [each["StackName"] for each in cloudformation.list_stacks()["StackSummaries"]]
    try:
        (cloudformation.update_stack if name in known else cloudformation.create_stack)(**request)
    except cloudformation.exceptions.ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
    _await(cloudformation, name)


def _await(cloudformation: Any, name: str) -> None:
    ends_at = time.monotonic() + _AT_MOST_S
    while time.monotonic() < ends_at:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.1)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [
            f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}"
            for e in events
            if "FAILED" in e["ResourceStatus"]
        ]
        raise DeploymentError(f"{stack['StackStatus']}: {failed}")


def _zipped(folder: Path) -> bytes:
    """Not deflated, and with one time for all: the same files make the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes())
    return packed.getvalue()
