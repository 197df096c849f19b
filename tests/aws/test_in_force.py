"""Each property of each resource that the template declares is in force on the emulator, but for what is named here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.aws import deployment
from tests.aws.declared import resolver
from tests.aws.deployment import BUILD, Stack, deploy, uploaded
from tests.aws.emulator import REGION, Emulator
from tests.aws.in_force import ABSENT, READERS, WHOLE, Difference, UnreadError, compared, differences
from tests.aws.settling import SETTERS, settle
from tests.aws.translated import expand_http_api, translate

pytestmark = [pytest.mark.aws, pytest.mark.timeout(120)]

#: With these, every condition of the template holds.
EVERYTHING = {
    "AlarmEmail": "ann@example.org",
    "Architecture": "arm64",
    "ConsoleUrl": "https://here.example",
    "FeedbackConcurrency": "2",
    "JudgeConcurrency": "3",
    "LogDays": "7",
    "MonthlyBudgetUsd": "20",
    "SessionConcurrency": "4",
    "SessionPhotoDays": "3",
    "Trainer": "sagemaker",
    "TrainerImage": "an-image",
}


#: What is served without a sign-in.
OPEN = {"GET /", "GET /console/{proxy+}"}


@dataclass(frozen=True)
class Known:
    """A difference that is known; `path` is without places in lists, `in_force` a pattern."""

    resource: str
    path: str
    in_force: str
    why: str

    def fits(self, found: Difference) -> bool:
        path = re.sub(r"\[\d+\]", "[]", found.path).removesuffix("[+]")
        return (
            bool(re.fullmatch(self.resource, found.resource))
            and path == self.path
            and bool(re.fullmatch(self.in_force, str(found.in_force)))
        )


_LAYERS = "layers are unpacked elsewhere than under /opt there"
_BATCHES = "on AWS the right to send one message is the right to send ten; the emulator has a name of its own for that"
_STATEMENTS = "Policies[].PolicyDocument.Statement[].Action"
KNOWN = [
    Known("Judge", "Environment.Variables.BACKBONE_DIR", r"/.*/InferenceLayer/python/backbone", _LAYERS),
    Known("Api", "Environment.Variables.CONSOLE_DIR", r"/.*/CommonLayer/python/console", _LAYERS),
    Known("Judge", "Environment.Variables.PHOTO_ORIGIN", r"http://127\.0\.0\.1:\d+", "its S3 has no host of its own"),
    Known(r"\w+Role", _STATEMENTS, r"(\['sqs:SendMessage', )?'?sqs:SendMessageBatch'?\]?", _BATCHES),
]
#: Left out for what runs there: it speaks no TLS, so this policy would refuse every function its objects.
NO_TLS = Known("BucketRules", WHOLE, re.escape(ABSENT), "it speaks no TLS")
#: Only with all parameters.
NO_MATHS = Known("SessionCostAlarm", WHOLE, re.escape(ABSENT), "it knows no alarm over an expression of metrics")


@pytest.fixture(scope="module")
def plain(emulator: Emulator) -> dict[str, Any]:
    """What the built template declares, before it is made fit for the emulator."""
    return expand_http_api(translate(BUILD / "template.yaml", uploaded(emulator, BUILD), REGION), "Gateway")


@pytest.fixture(scope="module")
def unsettled(emulator: Emulator, plain: Mapping[str, Any]) -> Stack:
    """With all that the template can declare, as the emulator's CloudFormation leaves it; nothing runs on this one."""

    def with_rules(template: dict[str, Any]) -> None:
        template["Resources"]["BucketRules"] = plain["Resources"]["BucketRules"]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deployment, "settle", lambda stack: None)
        return deploy(emulator, "everything", parameters=EVERYTHING, change=with_rules)


@pytest.fixture(scope="module")
def by_default(emulator: Emulator) -> Stack:
    return deploy(emulator, "by-default")


def test_all_that_is_declared_by_default_is_in_force(by_default: Stack, plain: Mapping[str, Any]) -> None:
    _assert_known(differences(by_default, plain), [*KNOWN, NO_TLS])


def test_no_route_is_open_but_the_declared(by_default: Stack, plain: Mapping[str, Any]) -> None:
    bodies = plain["Resources"].values()
    declared = [body["Properties"] for body in bodies if body["Type"] == "AWS::ApiGatewayV2::Route"]

    there = by_default.emulator.client("apigatewayv2").get_routes(ApiId=by_default.physical["Gateway"])["Items"]

    described = [
        sorted((each["RouteKey"], each["AuthorizationType"]) for each in routes) for routes in (there, declared)
    ]
    assert described[0] == described[1]
    assert {key for key, kind in described[0] if kind == "NONE"} == OPEN


def test_all_that_can_be_declared_is_in_force_once_settled(unsettled: Stack, plain: Mapping[str, Any]) -> None:
    holds = resolver(unsettled, plain).holds
    assert all(holds(condition) for condition in plain["Conditions"]), "some resources would not be compared"

    assert settle(unsettled) == set(SETTERS), "what the emulator drops, and nothing else, is set afterwards"
    assert settle(unsettled) == set(), "once is enough"

    _assert_known(differences(unsettled, plain), [*KNOWN, NO_MATHS])


def test_an_update_is_in_force_too(emulator: Emulator, plain: Mapping[str, Any]) -> None:
    deploy(emulator, "updated", parameters=EVERYTHING)

    stack = deploy(emulator, "updated", parameters={"SessionPhotoDays": "2", "LogDays": "1"})

    _assert_known(differences(stack, plain), [*KNOWN, NO_TLS])


MORE = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'
Service = Callable[[str], Any]
#: How each is put out of force by hand, and what must then be reported.
BREAKS: dict[tuple[str, str], Callable[[Service, Mapping[str, str]], Any]] = {
    ("Decisions", "TimeToLiveSpecification.Enabled"): lambda service, ids: service("dynamodb").update_time_to_live(
        TableName=ids["Decisions"], TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": False}
    ),
    ("Acted", "TimeToLiveSpecification.Enabled"): lambda service, ids: service("dynamodb").update_time_to_live(
        TableName=ids["Acted"], TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True}
    ),
    ("Users", "DeletionProtectionEnabled"): lambda service, ids: service("dynamodb").update_table(
        TableName=ids["Users"], DeletionProtectionEnabled=False
    ),
    ("Bucket", "PublicAccessBlockConfiguration"): lambda service, ids: service("s3").delete_public_access_block(
        Bucket=ids["Bucket"]
    ),
    ("Bucket", "CorsConfiguration.CorsRules[0]"): lambda service, ids: service("s3").delete_bucket_cors(
        Bucket=ids["Bucket"]
    ),
    ("BucketRules", "PolicyDocument"): lambda service, ids: service("s3").delete_bucket_policy(Bucket=ids["Bucket"]),
    ("Key", "EnableKeyRotation"): lambda service, ids: service("kms").disable_key_rotation(KeyId=ids["Key"]),
    ("Refits", "VisibilityTimeout"): lambda service, ids: service("sqs").set_queue_attributes(
        QueueUrl=ids["Refits"], Attributes={"VisibilityTimeout": "30"}
    ),
    ("Judge", "MemorySize"): lambda service, ids: service("lambda").update_function_configuration(
        FunctionName=ids["Judge"], MemorySize=128
    ),
    ("SwipeTickEventInvokeConfig", "MaximumRetryAttempts"): (
        lambda service, ids: service("lambda").put_function_event_invoke_config(
            FunctionName=ids["SwipeTick"], Qualifier="$LATEST", MaximumRetryAttempts=2
        )
    ),
    ("SwipeSessionSession", "ScalingConfig.MaximumConcurrency"): (
        lambda service, ids: service("lambda").update_event_source_mapping(
            UUID=ids["SwipeSessionSession"], ScalingConfig={"MaximumConcurrency": 900}
        )
    ),
    ("JudgeRole", "ManagedPolicyArns[+]"): lambda service, ids: service("iam").attach_role_policy(
        RoleName=ids["JudgeRole"], PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    ("JudgeRole", "Policies[+]"): lambda service, ids: service("iam").put_role_policy(
        RoleName=ids["JudgeRole"], PolicyName="More", PolicyDocument=MORE
    ),
    ("Console", "CallbackURLs[0]"): lambda service, ids: service("cognito-idp").update_user_pool_client(
        UserPoolId=ids["People"], ClientId=ids["Console"], CallbackURLs=["https://elsewhere.example/"]
    ),
    ("GatewayApiGatewayDefaultStage", "DefaultRouteSettings.ThrottlingRateLimit"): (
        lambda service, ids: service("apigatewayv2").update_stage(
            ApiId=ids["Gateway"],
            StageName="$default",
            DefaultRouteSettings={"ThrottlingRateLimit": 5000.0, "ThrottlingBurstLimit": 40},
        )
    ),
    ("ProgramLog", "RetentionInDays"): lambda service, ids: service("logs").delete_retention_policy(
        logGroupName=ids["ProgramLog"]
    ),
    ("SwipeTickTick", WHOLE): lambda service, ids: service("scheduler").delete_schedule(Name=ids["SwipeTickTick"]),
    ("JudgeErrorsAlarm", WHOLE): lambda service, ids: service("cloudwatch").delete_alarms(
        AlarmNames=[ids["JudgeErrorsAlarm"]]
    ),
}


def test_what_is_put_out_of_force_is_reported(unsettled: Stack) -> None:
    settle(unsettled)
    before = _paths(differences(unsettled))

    for put_out in BREAKS.values():
        put_out(unsettled.emulator.client, unsettled.physical)

    assert set(BREAKS) <= _paths(differences(unsettled)) - before


def test_a_type_that_nothing_reads_is_refused(unsettled: Stack) -> None:
    template = {**unsettled.template, "Resources": {"New": {"Type": "AWS::New::Thing", "Properties": {}}}}

    with pytest.raises(UnreadError, match="AWS::New::Thing"):
        differences(unsettled, template)


def test_a_property_that_no_reader_knows_is_reported(unsettled: Stack) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"NewProperty": {"Deep": 1}}}
    template = {**unsettled.template, "Resources": {"Refits": queue}}

    (found,) = differences(unsettled, template)

    assert (found.path, found.in_force) == ("NewProperty", ABSENT)


def test_every_reader_is_used(plain: Mapping[str, Any]) -> None:
    assert set(READERS) == {body["Type"] for body in plain["Resources"].values()}


@pytest.mark.parametrize(
    ("declared", "in_force", "paths"),
    [
        ({"a": 1, "b": True}, {"a": "1", "b": "true", "c": "more"}, []),
        ({"a": [1, 2]}, {"a": [2, 1]}, []),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 2}]}, ["a[0]"]),
        ({"a": [{"b": 1, "c": 1}]}, {"a": [{"b": 9, "c": 9}, {"b": 1, "c": 2}]}, ["a[0].c", "a[+]"]),
        ({"a": {"b": 1}}, {"a": None}, ["a"]),
        ({"a": "1"}, {}, ["a"]),
        ({"a": '{"x": 1, "y": 2}'}, {"a": '{"y":2,"x":1}'}, []),
    ],
)
def test_what_counts_as_a_difference(declared: Any, in_force: Any, paths: list[str]) -> None:
    assert [path for path, _, _ in compared("", declared, in_force)] == paths


def _paths(found: list[Difference]) -> set[tuple[str, str]]:
    return {(each.resource, each.path) for each in found}


def _assert_known(found: list[Difference], known: list[Known]) -> None:
    """Each difference is known, and each that is known is there."""
    unknown = [each for each in found if not any(one.fits(each) for one in known)]
    assert not unknown, "\n" + "\n".join(map(str, unknown))
    gone = [one for one in known if not any(one.fits(each) for each in found)]
    assert not gone, f"these are in force by now, so take them from the list: {gone}"
