"""What a plain template declares, with each Ref, GetAtt and Sub filled in by the ids that its resources got."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from local.intrinsics import Resolver
from tests.aws.emulator import ACCOUNT, REGION

if TYPE_CHECKING:
    from tests.aws.deployment import Stack

_HERE = f"{REGION}:{ACCOUNT}"
#: The Arn of each type whose Ref is not its Arn, as AWS documents it; `{}` is the Ref.
_ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{_HERE}:table/{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{_HERE}:key/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_HERE}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_HERE}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
}

#: What a property that is left out means, where something in force would matter: it is compared as if it were written.
UNLESS_DECLARED: dict[str, dict[str, Any]] = {
    "AWS::ApiGatewayV2::Api": {"CorsConfiguration": None},
    "AWS::DynamoDB::Table": {"GlobalSecondaryIndexes": [], "TimeToLiveSpecification": {"Enabled": False}},
    "AWS::IAM::Role": {"ManagedPolicyArns": [], "Policies": []},
    "AWS::Lambda::Function": {"ReservedConcurrentExecutions": None},
}


def resolver(stack: "Stack", template: Mapping[str, Any]) -> Resolver:
    kinds = {name: body["Type"] for name, body in template["Resources"].items()}

    def reference(name: str, attribute: str | None) -> str:
        physical = stack.physical[name]
        return physical if attribute is None else _attribute(kinds[name], physical, attribute)

    return Resolver(_parameters(stack, template), template.get("Conditions", {}), reference)


def resolved(stack: "Stack", template: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(logical id, type, properties) of each resource whose condition holds."""
    resolve = resolver(stack, template)
    for name, body in template["Resources"].items():
        if "Condition" not in body or resolve.holds(body["Condition"]):
            properties = resolve(body.get("Properties", {}))
            yield name, body["Type"], {**UNLESS_DECLARED.get(body["Type"], {}), **properties}


def _parameters(stack: "Stack", template: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {name: body.get("Default") for name, body in template["Parameters"].items()}
    pseudo = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": REGION,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": "amazonaws.com",
    }
    return {**defaults, **stack.parameters, **pseudo}


def _attribute(kind: str, physical: str, attribute: str) -> str:
    last = physical.rpartition("/")[2]
    if kind == "AWS::SQS::Queue":
        return {"Arn": f"arn:aws:sqs:{_HERE}:{last}", "QueueName": last, "QueueUrl": physical}[attribute]
    assert attribute == "Arn", f"teach this the attribute {attribute} of {kind}"
    return _ARNS[kind].format(physical)
