"""What the local reader makes of a template, and what it refuses to guess at."""

from pathlib import Path

import pytest

from local.application import Function, QueueSpec, QueueTrigger, Schedule
from local.intrinsics import TemplateError
from local.template import environment_of, read_application
from tests.small_application import TEMPLATE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def read(tmp_path):
    def read_text(text=TEMPLATE, **options):
        path = tmp_path / "template.yaml"
        path.write_text(text, encoding="utf-8")
        return read_application(path, **options)

    return read_text


def resource(kind="AWS::KMS::Key", properties="{}"):
    return f"{TEMPLATE}  Extra: {{Type: {kind}, Properties: {properties}}}\n"


def function(properties):
    return resource("AWS::Serverless::Function", f"{{CodeUri: extra, Handler: app.lambda_handler, {properties}}}")


def variable(value, conditions=""):
    """A template whose Worker has the variable EXTRA of this value."""
    text = TEMPLATE.replace("        RECORD: !Ref Record", f"        EXTRA: {value}\n        RECORD: !Ref Record")
    return text.replace("Globals:", f"{conditions}Globals:", 1)


# --- the whole ---------------------------------------------------------------------------------------


def test_our_own_template_is_read():
    application = read_application(ROOT / "template.yaml")

    assert set(application.functions) == {"SwipeTick", "SwipeSession", "Judge", "Feedback", "Api"}
    assert application.schedules == (Schedule("SwipeTickTick", "SwipeTick", 300, 60, 1),)
    assert QueueTrigger("SwipeSessions", "SwipeSession", 1, 2) in application.queue_triggers
    assert application.queues["SwipeSessions"] == QueueSpec("SwipeSessions", 1800, 86_400, "SwipeSessionsDead", 3)
    assert application.tables == ("Users", "Decisions", "Acted", "Labels", "Models", "Matches", "Requests")
    assert [(t.function, t.prefix, t.suffix) for t in application.blob_triggers] == [
        ("Feedback", "labels/", ""),
        ("Feedback", "inbox/", "/sums.json"),
    ]
    days = {"sessions/": 7, "labels/": 7, "uploads/": 1, "reports/": 30, "exports/": 1, "predict/": 1}
    days |= {"inbox/": 30, "training/jobs/": 1}
    assert application.bucket.expiry == tuple(days.items())
    slowed = ("POST /v1/predict", "GET /v1/deck/check", "POST /v1/labels", "POST /v1/uploads", "POST /v1/exports")
    assert {r.key: r.scopes for r in application.routes} == {
        "ANY /v1/{proxy+}": ("swipr/use",),
        **dict.fromkeys((*slowed, "DELETE /v1/account"), ("swipr/use",)),
        "GET /": None,
        "GET /console/{proxy+}": None,
        "GET /console/big/{name}": ("swipr/use",),
    }


def test_our_own_functions_of_one_process_agree():
    functions = read_application(ROOT / "template.yaml").functions
    shared = environment_of(f for name, f in functions.items() if name != "Judge")

    assert shared["SESSIONS_QUEUE_URL"] == "SwipeSessions"
    assert shared["JUDGE_FUNCTION"] == "Judge"


def test_globals_and_own_properties_are_merged(read):
    worker = read(TEMPLATE.replace("      CodeUri: worker", "      CodeUri: worker\n      Timeout: 9")).functions[
        "Worker"
    ]
    api = read().functions["Api"]

    assert (worker.timeout_s, api.timeout_s) == (9, 2)
    assert set(api.environment) == {"RECORD", "SWIPR_WORLD"}
    assert api.handler == "app.lambda_handler"
    assert (worker.async_retries, worker.failures_to) == (0, "UploadsDead")


def test_environment_is_replaced_by_name(read):
    application = read(environment={"SWIPR_WORLD": "local.world"})

    assert {f.environment["SWIPR_WORLD"] for f in application.functions.values()} == {"local.world"}


def test_resource_whose_condition_is_false_does_not_exist(read):
    conditions = 'Conditions:\n  Wanted: !Equals [!Ref Record, "yes"]\n'
    text = TEMPLATE.replace("Globals:", f"{conditions}Globals:", 1)
    text += "  Strange: {Type: AWS::EC2::Instance, Condition: Wanted}\n"

    assert "Api" in read(text).functions
    with pytest.raises(TemplateError, match="Strange"):
        read(text, parameters={"Record": "yes"})


# --- intrinsics --------------------------------------------------------------------------------------

CONDITIONS = """Conditions:
  Right: !Equals [a, a]
  Wrong: !Not [!Condition Right]
  Both: !And [!Condition Right, !Condition Wrong]
  Either: !Or [!Condition Right, !Condition Wrong]
"""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("!Ref Jobs", "Jobs"),
        ("!Ref Api", "Api"),
        ("!Ref Key", "Key"),
        ("!Ref Bucket", "swipr-photos"),
        ("!GetAtt Jobs.Arn", "arn:local:sqs:::Jobs"),
        ("!GetAtt [Jobs, QueueName]", "Jobs"),
        ("{'Fn::GetAtt': [Jobs, QueueName]}", "Jobs"),
        ("!GetAtt Bucket.Arn", "arn:local:s3:::swipr-photos"),
        ("!Sub '${AWS::StackName}/${Jobs}/${Jobs.QueueName}/${!Literal}'", "swipr/Jobs/Jobs/${Literal}"),
        ("!Sub ['${Own}-${Jobs}', {Own: !Ref Key}]", "Key-Jobs"),
        ("!Join ['-', [a, !Ref Jobs]]", "a-Jobs"),
        ("!Select [1, !Split [',', 'a,b,c']]", "b"),
        ("!If [Right, a, b]", "a"),
        ("!If [Wrong, a, b]", "b"),
        ("!If [Both, a, b]", "b"),
        ("!If [Either, a, b]", "a"),
        ("7", "7"),
    ],
)
def test_value_is_resolved(read, value, plain):
    assert read(variable(value, CONDITIONS)).functions["Worker"].environment["EXTRA"] == plain


def test_no_value_leaves_the_property_out(read):
    text = TEMPLATE.replace("      VisibilityTimeout: 1", "      VisibilityTimeout: !If [Right, !Ref AWS::NoValue, 1]")

    assert read(text.replace("Globals:", f"{CONDITIONS}Globals:", 1)).queues["Jobs"].visibility_s == 30


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (resource("AWS::Events::Rule"), "Extra: AWS::Events::Rule is not played here; teach local/template.py"),
        (resource("AWS::Serverless::Api"), "Extra: AWS::Serverless::Api"),
        (variable("!ImportValue x"), "Fn::ImportValue is not played here; use one of"),
        (variable("{'Fn::Cidr': x}"), "Fn::Cidr is not played here"),
        (variable("!Ref Nothing"), "Nothing is referred to"),
        (variable("!Sub '${Nothing.Arn}'"), "Nothing is referred to"),
        (variable("!GetAtt Jobs.Colour"), "Jobs: its attribute Colour is not played here"),
        (variable("!If [Nowhere, a, b]"), "condition 'Nowhere' is not defined"),
        (function("SnapStart: {ApplyOn: x}"), "Extra: property SnapStart is not played here"),
        (function("Runtime: nodejs22.x"), "Extra: Runtime 'nodejs22.x'"),
        (function("Events: {E: {Type: Kinesis, Properties: {}}}"), "Extra.E: events of type Kinesis"),
        (
            function("Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, FilterCriteria: x}}}"),
            "Extra.E: event property FilterCriteria",
        ),
        (function("Events: {E: {Type: SQS, Properties: {Queue: 'arn:aws:sqs:::Far'}}}"), "no queue of this template"),
        (
            function("Events: {E: {Type: ScheduleV2, Properties: {ScheduleExpression: 'cron(0 * * * ? *)'}}}"),
            r"Extra.E: 'cron\(0 \* \* \* \? \*\)' is not played here; use rate",
        ),
        (
            function("Events: {E: {Type: S3, Properties: {Bucket: !Ref Bucket, Events: 's3:ObjectRemoved:*'}}}"),
            "Extra.E: s3:ObjectRemoved",
        ),
        (
            function(
                "Events: {E: {Type: HttpApi, Properties: {ApiId: !Ref Gateway, Method: GET, Path: /, "
                "Auth: {Authorizer: Other}}}}"
            ),
            "Extra.E: Other is no JWT authorizer of Gateway",
        ),
        (resource("AWS::S3::Bucket", "{BucketName: second}"), "Bucket, Extra: one bucket is played here"),
        (TEMPLATE.replace("Globals:", "Globals:\n  Api: {Name: x}"), "Globals: section Api is not played here"),
        (TEMPLATE + "  Key: {Type: AWS::KMS::Key}\n", "'Key' is written twice"),
        (TEMPLATE.replace('Default: ""', "Description: x"), "parameter Record has no default"),
    ],
)
def test_what_is_not_played_is_refused_by_name(read, text, words):
    with pytest.raises(TemplateError, match=words):
        read(text)


@pytest.mark.parametrize(
    ("declared", "value", "words"),
    [
        ("{Type: String, Default: a, AllowedValues: [a, b]}", "c", "'c' is none of a, b"),
        ("{Type: String, Default: a, AllowedPattern: '[a-z]'}", "A", r"'A' does not fit \[a-z\]"),
        ("{Type: Number, Default: 5, MinValue: 2, MaxValue: 9}", "10", "10 is outside"),
        ("{Type: Number, Default: 5, MinValue: 2, MaxValue: 9}", "1", "1 is outside"),
    ],
)
def test_parameter_that_aws_would_refuse_is_refused(read, declared, value, words):
    text = TEMPLATE.replace(
        'Record: {Type: String, Default: ""}', f'Record: {{Type: String, Default: ""}}\n  Other: {declared}'
    )

    read(text)
    with pytest.raises(TemplateError, match=words):
        read(text, parameters={"Other": value})


def test_unknown_parameter_is_refused(read):
    with pytest.raises(TemplateError, match=r"parameter Recrod is given, but the template has Record"):
        read(parameters={"Recrod": "x"})


def test_replacing_a_variable_nobody_declares_is_refused(read):
    with pytest.raises(TemplateError, match="SWIPE_WORLD is replaced, but no function declares it"):
        read(environment={"SWIPE_WORLD": "x"})


def test_two_values_for_one_variable_are_refused():
    def with_environment(name, **environment):
        return Function(name, Path(), "app.f", environment, 128, 3, 2, 60, None)

    same = [with_environment("A", X="1", Y="1"), with_environment("B", X="1", Z="2")]
    assert environment_of(same) == {"X": "1", "Y": "1", "Z": "2"}
    with pytest.raises(TemplateError, match="C and A give X different values"):
        environment_of([*same, with_environment("C", X="2")])
