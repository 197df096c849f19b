"""What log groups, alarms, the dashboard and the budget say of themselves, in CloudFormation's words."""

from collections.abc import Mapping
from typing import Any

from tests.aws.emulator import ACCOUNT, Emulator
from tests.aws.readers_data import Properties, Reader


def log_group(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    kept = {each["logGroupName"]: each.get("retentionInDays") for each in said}
    return {"LogGroupName": name, "RetentionInDays": kept[name]} if name in kept else {}


def alarm(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return dict(said[0]) if said else {}


def dashboard(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("cloudwatch").get_dashboard(DashboardName=name)
    return {"DashboardBody": said["DashboardBody"], "DashboardName": said["DashboardName"]}


def budget(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    budgets = emulator.client("budgets")
    said = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"]
    told = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)["Notifications"]
    return {
        "Budget": said,
        "NotificationsWithSubscribers": [
            {"Notification": each, "Subscribers": _told(budgets, name, each)} for each in told
        ],
    }


def _told(budgets: Any, name: str, notification: Mapping[str, Any]) -> Any:
    said = budgets.describe_subscribers_for_notification(AccountId=ACCOUNT, BudgetName=name, Notification=notification)
    return said["Subscribers"]


READERS: dict[str, Reader] = {
    "AWS::Budgets::Budget": budget,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::Logs::LogGroup": log_group,
}
