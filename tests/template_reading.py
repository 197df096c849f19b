"""The template as it is written and as SAM translates it, and how tests look things up in it."""

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the translator's own imports warn of pydantic's v1 models
    from samtranslator.translator.transform import transform

from local.intrinsics import TagLoader

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"


def read(text):
    return yaml.load(text, Loader=TagLoader)


def translate(source):
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as environment:
        warnings.simplefilter("ignore")
        environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        return transform(put_code_in_bucket(copy.deepcopy(source)), {}, AwsManagedPolicies())


class AwsManagedPolicies:
    """The two managed policies that SAM itself attaches, without asking AWS."""

    def load(self):
        names = ("AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole")
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in names}


def put_code_in_bucket(source):
    """What `sam package` does: local folders become addresses in a bucket."""
    for resource in source["Resources"].values():
        for key in ("CodeUri", "ContentUri"):
            if key in resource.get("Properties", {}):
                resource["Properties"][key] = "s3://code/archive.zip"
    return source


def walk(value, path=()) -> Iterator[tuple[tuple, object]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*path, index))


def functions(source):
    return of_type(source, "AWS::Serverless::Function")


def of_type(source, kind):
    return {n: r["Properties"] for n, r in source["Resources"].items() if r["Type"] == kind}


def listed(value):
    return value if isinstance(value, list) else [value]


def rights(source, name):
    """The statements of the function's own role."""
    role = functions(source)[name]["Role"]["Fn::GetAtt"][0]
    (policy,) = of_type(source, "AWS::IAM::Role")[role]["Policies"]
    return policy["PolicyDocument"]["Statement"]


def allowed(statements):
    return {action for each in statements if "Fn::If" not in each for action in listed(each["Action"])}
