"""What makes a stack of the template live beside another one, and outlive its own updates."""

import json
import re

import pytest

from bundle.permissions import TEMPLATE
from bundle.translation import source, translated

#: Names that are one stack's own anyway: of a thing inside of another, or of a figure that is looked at.
INSIDE = {
    ("AWS::ApiGatewayV2::Stage", "StageName"),
    ("AWS::CloudWatch::Alarm", "MetricName"),
    ("AWS::Cognito::UserPoolResourceServer", "Identifier"),
    ("AWS::Cognito::UserPoolResourceServer", "Name"),
}
KEPT = {"AWS::Cognito::UserPool", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"}
ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def resources():
    return translated(TEMPLATE)["Resources"]


@pytest.fixture(scope="module")
def parameters():
    return source(TEMPLATE)["Parameters"]


def maps(value):
    """Every map in it."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        yield from maps(inner)


def fixed_names(resources):
    """Physical names that a second stack in the account and region would take, too."""
    return {
        f"{name}.{key}"
        for name, body in resources.items()
        for key, value in body.get("Properties", {}).items()
        if re.search(r"(Name|Identifier|Domain)$", key)
        and (body["Type"], key) not in INSIDE
        and not {"Ref", "Fn::GetAtt"} & set(value if isinstance(value, dict) else ())
        and "${AWS::StackName}" not in json.dumps(value)
    }


def dropped(resources):
    """What an update that replaces it, or the end of the stack, would delete with all it holds."""
    return {
        name
        for name, body in resources.items()
        if body["Type"] in KEPT
        and (body.get("DeletionPolicy"), body.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain")
    }


def test_a_second_stack_takes_no_name_of_the_first(resources):
    assert fixed_names(resources) == set()


def test_a_fixed_name_is_found():
    named = {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "users"}}}
    budget = {"B": {"Type": "AWS::Budgets::Budget", "Properties": {"BudgetName": {"Fn::Sub": "swipr-${AWS::Region}"}}}}
    by_stack = {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${AWS::StackName}-q"}}}}

    assert fixed_names(named | budget | by_stack) == {"T.TableName", "B.BudgetName"}


def test_alarms_look_at_figures_of_their_own_stack(resources):
    alarms = [body for body in resources.values() if body["Type"] == "AWS::CloudWatch::Alarm"]
    ours = [figure["Dimensions"] for figure in maps(alarms) if figure.get("Namespace") == "Swipr"]

    assert len(ours) >= 2
    assert all({"Name": "service", "Value": {"Ref": "AWS::StackName"}} in dimensions for dimensions in ours)


def test_what_people_gave_outlives_updates_and_the_stack(resources):
    assert dropped(resources) == set()
    assert len([body for body in resources.values() if body["Type"] in KEPT]) == 10


def test_nothing_of_a_first_deployment_that_fails_is_protected_from_being_taken_back(resources, parameters):
    protections = {
        "AWS::DynamoDB::Table": ("DeletionProtectionEnabled", {"Fn::If": ["IsInUse", True, False]}),
        "AWS::Cognito::UserPool": ("DeletionProtection", {"Fn::If": ["IsInUse", "ACTIVE", "INACTIVE"]}),
    }
    protected = [body for body in resources.values() if body["Type"] in protections]

    assert len(protected) == 8
    for body in protected:
        key, value = protections[body["Type"]]
        assert body["Properties"][key] == value
    unset = parameters["ConsoleUrl"]["Default"]
    assert source(TEMPLATE)["Conditions"]["IsInUse"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "ConsoleUrl"}, unset]}]
    }  # fmt: skip


def test_an_e_mail_names_one_person_however_it_is_written(resources):
    # By default Cognito tells capitals apart, for good.
    assert resources["People"]["Properties"]["UsernameConfiguration"] == {"CaseSensitive": False}


def test_the_api_answers_no_other_origin(resources):
    """A route of ANY takes preflights too and asks them for a token: CORS would need routes of its own."""
    assert "x-amazon-apigateway-cors" not in resources["Gateway"]["Properties"]["Body"]


def test_big_files_ask_for_a_token_and_the_page_does_not(resources):
    paths = resources["Gateway"]["Properties"]["Body"]["paths"]

    assert paths["/console/big/{name}"]["get"]["security"] == [{"SignIn": ["swipr/use"]}]
    assert paths["/console/{proxy+}"]["get"]["security"] == [{"NONE": []}]


def test_the_bucket_gives_to_the_page_only(resources):
    (rule,) = resources["Bucket"]["Properties"]["CorsConfiguration"]["CorsRules"]

    assert rule["AllowedOrigins"] == [{"Ref": "ConsoleUrl"}]
    assert set(rule["AllowedMethods"]) == {"GET", "POST"}


def test_the_command_lines_client_can_sign_a_person_in_here_and_nothing_else():
    resources = source(TEMPLATE)["Resources"]
    client = resources["CommandLine"]["Properties"]
    jwt = resources["Gateway"]["Properties"]["Auth"]["Authorizers"]["SignIn"]["JwtConfiguration"]

    assert client["GenerateSecret"] is False, "a program on a person's machine can keep none"
    assert (client["AllowedOAuthFlows"], client["AllowedOAuthScopes"]) == (["code"], ["swipr/use"])
    assert [re.fullmatch(r"http://localhost:\d+/", url) is not None for url in client["CallbackURLs"]] == [True]
    assert client["EnableTokenRevocation"] is True
    assert jwt["audience"] == [{"Ref": "Console"}, {"Ref": "CommandLine"}]
