"""The README's cost table is what its generator prints now, and counts what the template really has."""

import copy
import re

import pytest

from bench import costs as bench
from bundle.translation import source
from swipr.sessions import costs

ALARM = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}}


@pytest.fixture
def template():
    return copy.deepcopy(source(bench.TEMPLATE))


def test_the_readme_s_table_is_what_the_generator_prints_now():
    page = bench.README.read_text("utf-8")

    assert bench.between_markers(page, bench.text()) == page, "make costs"


def test_a_session_costs_what_the_meter_says_of_it():
    photos = bench.CARDS * bench.PHOTOS_PER_CARD
    metered = costs.session_microusd(
        session_s=36.0, judge_ms=photos * 25.0, judge_calls=2, photos=photos, cards=12, actions=12
    )

    assert bench.session_usd() == pytest.approx(metered / 1e6)
    assert bench.user_usd() == pytest.approx(720 * metered / 1e6)


def test_nothing_but_the_key_and_what_is_counted_costs_by_the_month_by_default(template):
    counted = {
        "AWS::KMS::Key", "AWS::CloudWatch::Dashboard", "AWS::CloudWatch::Alarm", "AWS::Serverless::Function",
        "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Serverless::HttpApi",
    }  # fmt: skip
    free = {
        "AWS::Budgets::Budget", "AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient", "AWS::IAM::Role",
        "AWS::Cognito::UserPoolDomain", "AWS::Cognito::UserPoolResourceServer", "AWS::Logs::LogGroup",
        "AWS::S3::BucketPolicy", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::Serverless::LayerVersion",
    }  # fmt: skip

    assert {body["Type"] for body in template["Resources"].values()} <= counted | free
    assert all(body.get("BillingMode", "PAY_PER_REQUEST") == "PAY_PER_REQUEST" for body in _properties(template))


def _properties(template):
    return [body.get("Properties", {}) for body in template["Resources"].values()]


def test_after_what_is_free_an_unused_stack_costs_the_key_and_small_change(template):
    items = bench.idle(template)

    assert [item.after_free for item in items if item.name == "the KMS key"] == [1.0]
    assert sum(item.after_free for item in items) < 1.25


def test_alarms_beyond_the_free_ones_are_counted_by_metric(template):
    before = bench.watched(template, told=False)
    template["Resources"] |= {f"More{n}": copy.deepcopy(ALARM) for n in range(11)}
    metrics = {"Metrics": [{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": "a + b"}]}
    template["Resources"]["Sum"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": metrics}

    assert bench.watched(template, told=False) == before + 13
    (item,) = [item for item in bench.idle(template) if item.name == "alarms"]
    assert item.usd == pytest.approx((before + 13) * 0.10)
    assert item.after_free == pytest.approx(max(0, before + 3) * 0.10)


def test_more_users_cost_more_and_nobody_costs_nothing_beside_the_stack():
    def row(start):
        line = next(line for line in bench.text().splitlines() if line.startswith(f"| {start}"))
        return [float(figure) for figure in re.findall(r"[\d.]+(?= \|)", line)]

    one, ten, hundred = (row(f"a stack of {n} ") for n in bench.USERS)
    assert one[0] < ten[0] < hundred[0]
    assert hundred[0] - ten[0] == pytest.approx(90 * bench.user_usd(), abs=0.02)
