"""Training jobs: only where the parameter asks for them, with the rights they need and no more."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.intrinsics import Resolver, TagLoader
from local.template import read_application

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
SOURCE = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=TagLoader)
BUCKET = "arn:aws:s3:::stack-1-here"


def resolver(trainer: str) -> Resolver:
    pseudo = {"Partition": "aws", "StackName": "stack", "AccountId": "1", "Region": "here", "URLSuffix": "x"}
    defaults = {name: str(body.get("Default", "")) for name, body in SOURCE["Parameters"].items()}
    values = defaults | {f"AWS::{name}": value for name, value in pseudo.items()} | {"Trainer": trainer}
    return Resolver(values, SOURCE["Conditions"], lambda name, attribute: f"{name}.{attribute}")


def feedback_may(trainer: str) -> list[dict[str, Any]]:
    properties = SOURCE["Resources"]["FeedbackRole"]["Properties"]
    (policy,) = resolver(trainer)(properties["Policies"])
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return statements


def of_action(statements: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    return [each for each in statements if action in json.dumps(each["Action"])]


def test_by_default_nothing_may_be_trained_and_there_is_no_role() -> None:
    assert of_action(feedback_may("none"), "sagemaker:") == []
    assert of_action(feedback_may("none"), "iam:") == []
    assert SOURCE["Resources"]["TrainingRole"]["Condition"] == "TrainerIsSageMaker"
    assert not resolver("none").holds("TrainerIsSageMaker")


def test_with_sagemaker_one_kind_of_job_may_be_started_with_one_role() -> None:
    statements = feedback_may("sagemaker")

    (start,) = of_action(statements, "sagemaker:")
    assert (start["Action"], start["Resource"]) == (
        "sagemaker:CreateTrainingJob",
        "arn:aws:sagemaker:here:1:training-job/stack-*",
    )
    (hand_on,) = of_action(statements, "iam:")
    assert (hand_on["Action"], hand_on["Resource"]) == ("iam:PassRole", "TrainingRole.Arn")
    assert hand_on["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_a_job_reads_and_writes_where_it_must_and_nowhere_else() -> None:
    role = resolver("sagemaker")(SOURCE["Resources"]["TrainingRole"]["Properties"])
    may = {json.dumps(each["Action"]): each for each in role["Policies"][0]["PolicyDocument"]["Statement"]}

    reads = {f"{BUCKET}/handoffs/*", f"{BUCKET}/labelled/*", f"{BUCKET}/training/code.zip"}
    assert set(may['"s3:GetObject"']["Resource"]) == reads
    assert set(may['"s3:PutObject"']["Resource"]) == {f"{BUCKET}/inbox/*", f"{BUCKET}/training/jobs/*"}
    assert may['"s3:ListBucket"']["Condition"] == {
        "StringLike": {"s3:prefix": ["handoffs/*", "labelled/*", "training/code.zip"]}
    }
    assert len(may) == 6
    assert all("*" not in action for action in may)
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_a_job_may_fetch_its_image() -> None:
    # SageMaker pulls it by the job's own role; without these no job would start.
    role = resolver("sagemaker")(SOURCE["Resources"]["TrainingRole"]["Properties"])
    statements = of_action(role["Policies"][0]["PolicyDocument"]["Statement"], "ecr:")

    assert {json.dumps(each["Action"]): each["Resource"] for each in statements} == {
        '["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]': (
            "arn:aws:ecr:*:*:repository/*"
        ),
        '"ecr:GetAuthorizationToken"': "*",
    }


@pytest.mark.parametrize(("trainer", "role"), [("none", ""), ("sagemaker", "arn:local:iam:::TrainingRole")])
def test_one_machine_reads_the_template_with_either(trainer: str, role: str) -> None:
    application = read_application(TEMPLATE, {"Trainer": trainer})

    environment = application.functions["Feedback"].environment
    assert (environment["TRAINER"], environment["TRAINER_ROLE"]) == (trainer, role)


def test_what_is_refused_in_the_inbox_is_not_kept_for_ever() -> None:
    bucket = read_application(TEMPLATE).bucket

    assert bucket is not None
    assert {("inbox/", 30), ("training/jobs/", 1)} <= set(bucket.expiry)
    assert not [prefix for prefix, _ in bucket.expiry if "models/".startswith(prefix)]
