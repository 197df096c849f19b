"""What the emulator drops when it makes a stack is set afterwards, by each service's own API."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.aws.declared import resolved
from tests.aws.emulator import ACCOUNT, Emulator
from tests.aws.in_force import differences

if TYPE_CHECKING:
    from tests.aws.deployment import Stack

Properties = Mapping[str, Any]
BUDGET, ALARM = "AWS::Budgets::Budget", "AWS::CloudWatch::Alarm"


def makeable(template: Properties) -> dict[str, Any]:
    """The template without what the emulator's CloudFormation refuses: budgets, and alarms over metric maths.

    `settle` makes the budgets; those alarms are not known to the emulator at all.
    """
    resources = {
        name: body
        for name, body in template["Resources"].items()
        if body["Type"] != BUDGET and not (body["Type"] == ALARM and "Metrics" in body["Properties"])
    }
    return {**template, "Resources": resources}


def settle(stack: "Stack") -> set[tuple[str, str]]:
    """Set what was dropped; returns (type, property) of what had to be. Again, it changes nothing."""
    _make_budgets(stack)
    properties = {name: values for name, _, values in resolved(stack, stack.template)}
    dropped = {
        (each.resource, each.kind, each.property)
        for each in differences(stack, kinds={kind for kind, _ in SETTERS})
        if (each.kind, each.property) in SETTERS
    }
    for resource, kind, name in sorted(dropped):
        SETTERS[kind, name](stack.emulator, stack.physical[resource], properties[resource])
    return {(kind, name) for _, kind, name in dropped}


def _make_budgets(stack: "Stack") -> None:
    budgets = stack.emulator.client("budgets")
    known = [each["BudgetName"] for each in budgets.describe_budgets(AccountId=ACCOUNT).get("Budgets", [])]
    for resource, kind, properties in resolved(stack, stack.template):
        if kind == BUDGET:
            name = stack.physical[resource] = f"{stack.name}-{resource}"
            if name in known:  # CloudFormation would change it in place; nothing hangs on its history here
                budgets.delete_budget(AccountId=ACCOUNT, BudgetName=name)
            limit = {key: str(value) for key, value in properties["Budget"]["BudgetLimit"].items()}
            budgets.create_budget(
                AccountId=ACCOUNT,
                Budget={**properties["Budget"], "BudgetName": name, "BudgetLimit": limit},
                NotificationsWithSubscribers=properties["NotificationsWithSubscribers"],
            )


def _encryption(emulator: Emulator, name: str, declared: Properties) -> None:
    enabled = declared["SSESpecification"]["SSEEnabled"]
    emulator.client("dynamodb").update_table(TableName=name, SSESpecification={"Enabled": enabled})


def _recovery(emulator: Emulator, name: str, declared: Properties) -> None:
    emulator.client("dynamodb").update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification=declared["PointInTimeRecoverySpecification"]
    )


def _time_to_live(emulator: Emulator, name: str, declared: Properties) -> None:
    dynamodb = emulator.client("dynamodb")
    said = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    known = {key: said[key] for key in ("AttributeName",) if key in said}  # switching it off names it too
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=known | declared["TimeToLiveSpecification"])


def _reserved(emulator: Emulator, name: str, declared: Properties) -> None:
    functions, most = emulator.client("lambda"), declared["ReservedConcurrentExecutions"]
    if most is None:
        functions.delete_function_concurrency(FunctionName=name)
    else:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(most))


def _lifecycle(emulator: Emulator, name: str, declared: Properties) -> None:
    rules = [_lifecycle_rule(rule) for rule in declared["LifecycleConfiguration"]["Rules"]]
    emulator.client("s3").put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(declared: Properties) -> dict[str, Any]:
    rule = {"ID": declared["Id"], "Status": declared["Status"], "Filter": {"Prefix": declared.get("Prefix", "")}}
    if "ExpirationInDays" in declared:
        rule["Expiration"] = {"Days": int(declared["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in declared:
        rule["AbortIncompleteMultipartUpload"] = declared["AbortIncompleteMultipartUpload"]
    return rule


def _throttling(emulator: Emulator, name: str, declared: Properties) -> None:
    emulator.client("apigatewayv2").update_stage(
        ApiId=declared["ApiId"],
        StageName=name,
        DefaultRouteSettings=declared["DefaultRouteSettings"],
        RouteSettings=declared["RouteSettings"],
    )


SETTERS: dict[tuple[str, str], Callable[[Emulator, str, Properties], None]] = {
    ("AWS::ApiGatewayV2::Stage", "DefaultRouteSettings"): _throttling,
    ("AWS::ApiGatewayV2::Stage", "RouteSettings"): _throttling,
    ("AWS::DynamoDB::Table", "PointInTimeRecoverySpecification"): _recovery,
    ("AWS::DynamoDB::Table", "SSESpecification"): _encryption,
    ("AWS::DynamoDB::Table", "TimeToLiveSpecification"): _time_to_live,
    ("AWS::Lambda::Function", "ReservedConcurrentExecutions"): _reserved,
    ("AWS::S3::Bucket", "LifecycleConfiguration"): _lifecycle,
}
