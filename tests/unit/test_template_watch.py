"""What is watched: alarms, the dashboard, the bill and the logs name things that are, and nothing goes unwatched."""

import copy
import json
from datetime import UTC, datetime

import pytest

from local.intrinsics import Resolver
from swipr.models import SessionReport
from swipr.sessions.measures import of_session
from swipr.telemetry import NAMESPACE
from tests.template_reading import TEMPLATE, functions, of_type, read

SOURCE = read(TEMPLATE.read_text(encoding="utf-8"))
STACK = "stack"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
REPORT = SessionReport(
    session_id="s", started_at=NOON, ended_at=NOON, outcome="done", deck="tinder", acting=True, photos=3, judge_ms=60
)
OURS = {measure.name for measure in of_session(REPORT)}
#: What AWS publishes by itself, as far as we look at it: names by namespace, and the dimension of each.
PUBLISHED = {
    "AWS/Lambda": ("FunctionName", {"Duration", "Errors", "Invocations", "Throttles", "DestinationDeliveryFailures"}),
    "AWS/SQS": ("QueueName", {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}),
    "AWS/ApiGateway": ("ApiId", {"4xx", "5xx", "Count", "Latency"}),  # an HTTP API's; a REST API's are 4XXError, ...
    NAMESPACE: ("service", OURS),
}
KINDS = {
    "AWS::Serverless::Function": "FunctionName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Serverless::HttpApi": "ApiId",
}


def resolver(**parameters):
    defaults = {name: str(body.get("Default", "")) for name, body in SOURCE["Parameters"].items()}
    values = defaults | {"AWS::StackName": STACK, "AWS::Region": "here"} | parameters
    return Resolver(values, SOURCE["Conditions"], lambda name, attribute: name)  # Ref and QueueName


def alarmed(source):
    """Namespace, metric, dimension and its value, of every alarm."""
    for alarm in resolver()(list(of_type(source, "AWS::CloudWatch::Alarm").values())):
        metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", [alarm]) if "MetricStat" in each]
        for metric in metrics or [alarm]:
            ((dimension),) = metric["Dimensions"]
            yield metric["Namespace"], metric["MetricName"], dimension["Name"], dimension["Value"]


def shown(source):
    """The same of the dashboard."""
    (dashboard,) = of_type(source, "AWS::CloudWatch::Dashboard").values()
    for widget in json.loads(resolver()(dashboard["DashboardBody"]))["widgets"]:
        yield from (tuple(metric[:4]) for metric in widget["properties"]["metrics"])


def unknown(watched):
    """What is watched, but never published, or of something that is not there."""
    values = {(KINDS[body["Type"]], name) for name, body in SOURCE["Resources"].items() if body["Type"] in KINDS}
    values.add(("service", STACK))
    return {
        (namespace, metric, dimension, value)
        for namespace, metric, dimension, value in watched
        if namespace not in PUBLISHED
        or PUBLISHED[namespace][0] != dimension
        or metric not in PUBLISHED[namespace][1]
        or (dimension, value) not in values
    }


def test_every_alarm_is_of_a_metric_that_exists():
    assert unknown(alarmed(SOURCE)) == set()


def test_the_dashboard_shows_metrics_that_exist():
    assert unknown(shown(SOURCE)) == set()


def test_our_own_metrics_are_of_this_stack_alone():
    service = SOURCE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]

    assert resolver()(service) == STACK


def test_nothing_that_may_fail_goes_without_an_alarm():
    alarms = {(metric, value) for _, metric, _, value in alarmed(SOURCE)}
    queues = set(of_type(SOURCE, "AWS::SQS::Queue"))
    dead = {name for name in queues if name.endswith("Dead")}

    assert {("ApproximateNumberOfMessagesVisible", name) for name in dead} <= alarms
    assert {("ApproximateAgeOfOldestMessage", name) for name in queues - dead} <= alarms
    assert {(metric, name) for metric in ("Errors", "Throttles") for name in functions(SOURCE)} <= alarms
    asynchronous = {name for name, body in functions(SOURCE).items() if "EventInvokeConfig" in body}
    assert {("DestinationDeliveryFailures", name) for name in asynchronous} <= alarms
    assert {("Duration", "Judge"), ("5xx", "Gateway"), ("DeckRefusals", STACK), ("CostMicrodollars", STACK)} <= alarms


def test_everything_alarmed_of_can_be_looked_at():
    looked = {(namespace, value) for namespace, _, _, value in shown(SOURCE)}

    assert {(namespace, value) for namespace, _, _, value in alarmed(SOURCE)} <= looked
    assert {name for _, name, _, value in shown(SOURCE) if value == STACK} == OURS


def test_an_alarm_tells_somebody_and_exists_only_then():
    for name, body in SOURCE["Resources"].items():
        if body["Type"] == "AWS::CloudWatch::Alarm":
            assert body["Condition"] in ("SomebodyIsTold", "BillIsWatched"), name
            assert body["Properties"]["AlarmActions"] == [{"Ref": "AlarmMail"}], name
            assert body["Properties"]["TreatMissingData"] == "notBreaching", name


def test_watching_costs_nothing_while_nobody_asked_for_it():
    """CloudWatch is free up to ten metrics of one's own, a dashboard of fifty, and, for the account, ten alarms."""
    assert len(OURS) <= 10
    assert len(list(shown(SOURCE))) <= 50
    assert not resolver().holds("SomebodyIsTold")


@pytest.mark.parametrize(
    ("mail", "limit", "watched"), [("", "0", False), ("a@b.c", "0", False), ("", "9", False), ("a@b.c", "9", True)]
)
def test_the_bill_is_watched_where_a_limit_and_an_address_are_given(mail, limit, watched):
    given = resolver(AlarmEmail=mail, MonthlyBudgetUsd=limit)

    assert given.holds("BillIsWatched") is watched
    if watched:
        budget = given(SOURCE["Resources"]["Bill"]["Properties"])
        assert budget["Budget"]["BudgetLimit"] == {"Amount": "9", "Unit": "USD"}
        told = [each["Subscribers"] for each in budget["NotificationsWithSubscribers"]]
        assert told == [[{"SubscriptionType": "EMAIL", "Address": "a@b.c"}]] * 2
        assert given(SOURCE["Resources"]["SessionCostAlarm"]["Properties"])["Threshold"] == "9"


def test_every_log_group_has_a_retention_and_all_functions_write_to_one():
    groups = of_type(SOURCE, "AWS::Logs::LogGroup")

    assert all("RetentionInDays" in group for group in groups.values())
    assert SOURCE["Globals"]["Function"]["LoggingConfig"]["LogGroup"] == {"Ref": "ProgramLog"}
    assert "ProgramLog" in groups


def test_the_access_log_needs_no_part_of_the_account_s_policy_of_its_own():
    # Logs of this beginning share one statement; else every gateway's log adds one to a policy of 5,120 characters.
    assert SOURCE["Resources"]["AccessLog"]["Properties"]["LogGroupName"] == {
        "Fn::Sub": "/aws/vendedlogs/${AWS::StackName}-access"
    }


def test_what_works_for_others_is_capped():
    for name, body in functions(SOURCE).items():
        for event in body.get("Events", {}).values():
            if event["Type"] == "SQS":
                assert "MaximumConcurrency" in event["Properties"]["ScalingConfig"], name
        reserved = resolver()({"value": body.get("ReservedConcurrentExecutions", {"Ref": "AWS::NoValue"})})
        assert reserved == {}, f"{name}: a new account has ten in all"
    limits = SOURCE["Resources"]["Gateway"]["Properties"]["DefaultRouteSettings"]
    assert set(limits) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}


# --- planted faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [("DeckRefusals", "DeckRefusal"), ("service", "Service"), ("5xx", "5XXError"), ("${Judge}", "${Queue}")],
)
def test_a_planted_metric_that_nobody_publishes_is_found(written, meant):
    faulty = copy.deepcopy(SOURCE)
    dashboard = faulty["Resources"]["Dashboard"]["Properties"]
    dashboard["DashboardBody"]["Fn::Sub"] = dashboard["DashboardBody"]["Fn::Sub"].replace(written, meant, 1)

    assert len(unknown(shown(faulty))) == 1


def test_a_planted_alarm_that_nobody_feeds_is_found():
    faulty = copy.deepcopy(SOURCE)
    faulty["Resources"]["JudgeSlowAlarm"]["Properties"]["Dimensions"][0]["Value"] = {"Ref": "TicksDead"}

    assert len(unknown(alarmed(faulty))) == 1
