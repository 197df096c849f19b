"""Each function's role: what it may do is written beside it, and SAM adds nothing."""

import pytest

from tests.template_reading import TEMPLATE, allowed, functions, listed, of_type, read, rights, translate

TRACES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
LOG = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}


@pytest.fixture(scope="module")
def source():
    return read(TEMPLATE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def translated(source):
    return translate(source)


def test_each_function_has_a_role_of_its_own_to_which_sam_adds_nothing(source, translated):
    roles = {name: body["Role"]["Fn::GetAtt"][0] for name, body in of_type(translated, "AWS::Lambda::Function").items()}

    assert roles == {name: f"{name}Role" for name in functions(source)}
    assert not [name for name, role in of_type(translated, "AWS::IAM::Role").items() if "ManagedPolicyArns" in role]
    assert {n: of_type(translated, "AWS::IAM::Role")[n] for n in roles.values()} == {
        n: of_type(source, "AWS::IAM::Role")[n] for n in roles.values()
    }


@pytest.mark.parametrize("name", ["SwipeTick", "SwipeSession", "Judge", "Feedback", "Api"])
def test_a_function_writes_to_the_log_that_it_was_given(source, name):
    group = source["Globals"]["Function"]["LoggingConfig"]["LogGroup"]["Ref"]

    assert LOG | {"Resource": {"Fn::GetAtt": [group, "Arn"]}} in rights(source, name)
    assert "LoggingConfig" not in functions(source)[name]


def test_the_judge_may_write_its_log_and_nothing_else(source):
    assert rights(source, "Judge") == [LOG | {"Resource": {"Fn::GetAtt": ["ProgramLog", "Arn"]}}]


def test_who_is_traced_may_send_traces_and_nobody_else(source):
    default = source["Globals"]["Function"]["Tracing"]
    traced = {name for name, body in functions(source).items() if body.get("Tracing", default) == "Active"}

    assert traced == {"SwipeTick", "SwipeSession", "Feedback", "Api"}
    assert {name for name in functions(source) if allowed(rights(source, name)) & TRACES} == traced


def test_a_queue_is_read_by_the_function_that_it_feeds_and_nobody_else(source):
    reading = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    fed = {
        (name, event["Properties"]["Queue"]["Fn::GetAtt"][0])
        for name, body in functions(source).items()
        for event in body.get("Events", {}).values()
        if event["Type"] == "SQS"
    }
    statements = [(name, each) for name in functions(source) for each in rights(source, name) if "Fn::If" not in each]

    assert fed == {("SwipeSession", "SwipeSessions"), ("Feedback", "Refits")}
    assert fed == {(n, s["Resource"]["Fn::GetAtt"][0]) for n, s in statements if reading <= set(listed(s["Action"]))}
    assert {name for name, each in statements if reading & set(listed(each["Action"]))} == {name for name, _ in fed}


def test_failures_may_be_sent_where_they_are_kept(source):
    for name, body in functions(source).items():
        if "EventInvokeConfig" in body:
            kept = body["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"]
            assert any(kept in listed(s.get("Resource")) for s in rights(source, name) if "Fn::If" not in s)


def test_the_scheduler_may_start_the_tick_and_keep_what_it_could_not_hand_over(translated):
    role = of_type(translated, "AWS::IAM::Role")["SwipeTickTickRole"]
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]

    assert [(each["Action"], each["Resource"]["Fn::GetAtt"]) for each in statements] == [
        ("lambda:InvokeFunction", ["SwipeTick", "Arn"]),
        ("sqs:SendMessage", ["TicksDead", "Arn"]),
    ]
