"""docs/permissions.md says what the template grants, and the template grants nothing careless."""

from pathlib import Path

import pytest

from bundle.permissions import PAGE, page, roles
from bundle.tools import BuildError

TEMPLATE = """
Resources:
  Work:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
      Policies:
        - PolicyName: Work
          PolicyDocument:
            Statement:
              - STATEMENT
"""


@pytest.fixture(scope="module")
def ours():
    return roles()


@pytest.fixture
def of_statement(tmp_path):
    def read(text: str, more: str = ""):
        file = tmp_path / "template.yaml"
        file.write_text(TEMPLATE.replace("STATEMENT", text) + more)
        return roles(file)

    return read


def test_the_page_is_what_the_template_grants_now(ours):
    assert Path(PAGE).read_text("utf-8") == page(ours), "make permissions"


def test_every_function_has_a_role_of_its_own(ours):
    functions = {"Api", "Feedback", "Judge", "SwipeSession", "SwipeTick"}
    users = [user for role in ours for user in role.users]

    assert functions <= set(users)
    assert all(users.count(name) == 1 for name in functions)


def test_no_action_is_a_pattern_and_no_policy_is_managed_elsewhere(ours):
    assert [right for role in ours for right in role.rights if "*" in right.action] == []
    assert [role.name for role in ours if role.managed] == []


def test_only_what_has_a_reason_is_about_everything(ours):
    starred = {(right.action, right.only) for role in ours for right in role.rights if "*" in right.resources}

    assert starred, "the search finds those there are"
    assert all(only for _, only in starred)


def test_the_judge_writes_its_log_and_nothing_else(ours):
    (judge,) = [role for role in ours if role.users == ("Judge",)]

    assert {(right.action, right.resources) for right in judge.rights} == {
        ("logs:CreateLogStream", ("ProgramLog",)),
        ("logs:PutLogEvents", ("ProgramLog",)),
    }


# --- that the generator can fail -----------------------------------------------------------------------------


def test_a_star_without_a_reason_is_refused(of_statement):
    with pytest.raises(BuildError, match=r"Work may s3:GetObject on \*: say why"):
        of_statement('{Effect: Allow, Action: s3:GetObject, Resource: "*"}')


def test_a_star_s_reason_stands_beside_it(of_statement):
    ((right,),) = [
        role.rights for role in of_statement('{Effect: Allow, Action: a:B, Resource: "*"}  # no names there')
    ]

    assert (right.resources, right.only) == (("*",), "no names there")


@pytest.mark.parametrize("text", [
    "{Effect: Allow, NotAction: s3:GetObject, Resource: x}",
    "{Effect: Allow, Action: s3:GetObject, Resource: x, NotResource: y}",
    "{Effect: Deny, Action: s3:GetObject, Resource: x}",
])  # fmt: skip
def test_statements_that_say_it_backwards_are_refused(of_statement, text):
    with pytest.raises(BuildError, match="allow by Action"):
        of_statement(text)


def test_rights_outside_of_a_role_are_refused(of_statement):
    apart = "  More:\n    Type: AWS::IAM::Policy\n    Properties: {}\n"

    with pytest.raises(BuildError, match="More: write it in its role"):
        of_statement("{Effect: Allow, Action: a:B, Resource: x}", apart)
