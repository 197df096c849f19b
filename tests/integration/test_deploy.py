"""`swipr deploy` against an account whose SAM only notes what it is told, and whose bucket is moto's."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from bundle.translation import source
from cli import deploy, deploy_account, deploy_answers, deploy_stack, deploy_uploads
from cli.deploy_answers import Answers
from cli.main import app
from local import recommended
from swipr.api import console_files
from swipr.errors import InputError
from tests.deploying import ACCOUNT, ADDRESS, REGION, Account
from tests.moto_world import moto_world

GIVEN = {"region": REGION, "email": "ada@example.org"}
BUCKET = f"swipr-{ACCOUNT}-{REGION}"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def aws():
    with moto_world() as world:  # its bucket is the one that this stack names
        yield world


@pytest.fixture
def account(aws, tmp_path):
    aws.blobs.delete(aws.blobs.keys(""))
    return Account(tmp_path)


@pytest.fixture
def run(account, tmp_path, capsys):
    """Deploy; the exit status and what was printed as JSON."""

    def deployed(*, ask=None, **more):
        given = GIVEN | more.pop("given", {})
        chosen = deploy.Chosen(file=tmp_path / "answers.toml", given=given, **more)
        status = deploy.run(chosen, replace(account.tools, ask=ask), as_json=True)
        return status, json.loads(capsys.readouterr().out)

    return deployed


def objects():
    return {each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])}


# --- the whole way ---------------------------------------------------------------------------------------


def test_first_time_builds_deploys_twice_uploads_and_invites(account, run):
    status, said = run(code_version="abc123")

    assert status == deploy.DONE
    assert (said["address"], said["account"], said["user_is_new"]) == (ADDRESS, ACCOUNT, True)
    assert len(account.builds) == 1
    assert ["ConsoleUrl" in account.parameters(call) for call in (0, 1)] == [False, True]
    assert account.parameters(1)["ConsoleUrl"] == ADDRESS
    assert account.parameters(1)["CodeVersion"] == "abc123"
    digest = hashlib.sha256(b"network").hexdigest()
    assert objects() == {f"console/{digest}/backbone.onnx", "console/files.json"}


def test_sam_is_told_all_it_needs_and_asks_nothing(account, run):
    run()

    told = account.sam_calls[0]
    assert told[0] == "deploy"
    assert told[told.index("--capabilities") + 1] == "CAPABILITY_IAM"
    assert told[told.index("--region") + 1] == REGION
    assert {"--resolve-s3", "--no-confirm-changeset", "--no-fail-on-empty-changeset"} <= set(told)
    assert account.parameters(0)["TickRate"] == "rate(5 minutes)"


def test_cognito_mails_the_password_to_an_address_it_takes_as_checked(account, run):
    run()

    (user,) = account.users.values()
    assert user["UserPoolId"] == "pool-1"
    assert user["DesiredDeliveryMediums"] == ["EMAIL"]
    assert {"Name": "email_verified", "Value": "true"} in user["UserAttributes"]
    assert "TemporaryPassword" not in user


def test_a_second_time_deploys_once_and_changes_nothing_else(account, run):
    run()
    status, said = run()

    assert (status, said["user_is_new"], said["uploaded"]) == (0, False, [])
    assert len(account.sam_calls) == 3
    assert account.parameters(2)["ConsoleUrl"] == ADDRESS


def test_a_domain_of_ones_own_is_the_address(account, run):
    status, said = run(given={"parameters": {"ConsoleUrl": "https://swipr.example.org"}})

    assert (status, said["address"]) == (0, "https://swipr.example.org")
    assert len(account.sam_calls) == 1


def test_big_files_may_be_kept_and_their_list_not(account, run):
    run()

    s3 = boto3.client("s3")
    kept = {key: s3.head_object(Bucket=BUCKET, Key=key)["CacheControl"] for key in objects()}
    assert kept.pop("console/files.json") == "no-cache"
    assert set(kept.values()) == {console_files.KEEP}


def test_what_is_built_may_be_deployed_without_building(account, run):
    run()
    run(builds=False)

    assert len(account.builds) == 1


def test_a_bucket_for_what_is_built_may_be_named(account, run):
    run(given={"artifacts": "mine"})

    told = account.sam_calls[0]
    assert "--resolve-s3" not in told
    assert told[told.index("--s3-bucket") + 1] == "mine"


def test_the_backbone_of_a_stack_stays_whatever_is_installed_later(account, run, tmp_path):
    run(data=tmp_path)
    (tmp_path / "backbones" / recommended.NAME).mkdir(parents=True)
    run(data=tmp_path)

    assert [told[told.index("--backbone") + 1] for told in account.builds] == ["builtin", "builtin"]
    assert deploy_uploads.default_backbone(tmp_path) == recommended.NAME


def test_another_backbone_than_the_stack_has_is_refused_before_it_is_deployed(account, run):
    run()
    account.network = b"another"

    status, said = run()

    assert (status, len(account.sam_calls)) == (1, 2)
    assert "--other-backbone" in said["error"]
    assert run(other_backbone=True)[0] == 0


# --- going on after a crash --------------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "status"), [
    ("get_caller_identity", 1), ("describe_stacks", 1), ("admin_create_user", 3), ("build", 1),
])  # fmt: skip
def test_whatever_failed_the_next_run_finishes(account, run, operation, status):
    account.failing = {operation: "InternalError"}
    assert run()[0] == status

    account.failing = {}
    again, said = run()

    assert (again, said["address"]) == (0, ADDRESS)
    assert set(account.users) == {"ada@example.org"}


def test_cut_between_the_two_deployments_the_next_run_sets_the_address(account, run):
    account.set_stack("CREATE_COMPLETE", ApiUrl=ADDRESS)  # as the first leaves it

    assert run()[0] == 0
    assert [account.parameters(call)["ConsoleUrl"] for call in range(len(account.sam_calls))] == [ADDRESS]


def test_answers_given_once_are_remembered_also_when_it_then_fails(account, run, tmp_path):
    account.failing = {"build": "x"}
    run(given={"tick_minutes": 9, "parameters": {"DecisionDays": "14"}})
    account.failing = {}

    run(given={"parameters": {"SessionPhotoDays": "3"}})

    told = account.parameters(0)
    assert (told["TickRate"], told["DecisionDays"], told["SessionPhotoDays"]) == ("rate(9 minutes)", "14", "3")


def test_an_answer_taken_out_of_the_file_is_taken_back(account, run, tmp_path):
    # CloudFormation keeps what it was told before of each parameter that it is not told again.
    run(given={"parameters": {"DecisionDays": "14", "Trainer": "none"}})
    file = tmp_path / "answers.toml"
    file.write_text(file.read_text().replace('DecisionDays = "14"\n', ""))

    run()

    assert account.parameters(-1)["DecisionDays"] == "30"
    assert set(account.parameters(-1)) == set(source(ROOT / "template.yaml")["Parameters"])


def test_an_update_still_running_is_waited_for(account, run):
    account.set_stack("UPDATE_IN_PROGRESS", ApiUrl=ADDRESS)
    account.next_states = ["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]

    assert run()[0] == 0
    assert any("waiting" in line for line in account.said)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_first_deployment_that_came_to_nothing_is_cleared_away(account, run, status):
    account.set_stack(status)

    assert run()[0] == 0
    assert account.deleted == ["swipr"]
    assert account.next_states == [], "it was waited for"


def test_sam_s_own_stack_is_cleared_away_if_it_was_cut_short_and_else_left(account, run):
    """SAM says of what a kill leaves that it was not made by SAM, and fails ever after."""
    account.sams_status = "CREATE_COMPLETE"
    assert run()[0] == 0
    assert account.deleted == []

    account.sams_status = "REVIEW_IN_PROGRESS"
    assert run()[0] == 0
    assert account.deleted == [deploy_stack.SAMS]


def test_the_bucket_of_a_deleted_stack_is_told_of_before_anything_is_built(account, run, tmp_path):
    (tmp_path / "bucket").touch()

    status, said = run()

    assert (status, account.builds, account.sam_calls) == (1, [], [])
    assert BUCKET in said["error"]
    assert "another --stack" in said["error"]


def test_a_used_stack_is_never_deleted(account, run):
    for status in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE", "CREATE_COMPLETE"):
        account.set_stack(status, ApiUrl=ADDRESS)
        assert run()[0] == 0
    account.set_stack("UPDATE_ROLLBACK_FAILED", ApiUrl=ADDRESS)

    status, said = run()

    assert (status, account.deleted) == (1, [])
    assert "continue update rollback" in said["error"]


def test_what_sam_says_no_to_is_a_failure(account, run, tmp_path):
    (tmp_path / "sam-fails").touch()

    status, said = run()

    assert status == 1
    assert "sam deploy failed" in said["error"]
    assert account.users == {}


def test_without_sam_the_next_step_is_named(account, run, tmp_path):
    (tmp_path / "sam").unlink()

    status, said = run()

    assert (status, account.asked) == (1, [])
    assert "make deploy" in said["error"]


# --- credentials -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "AccessDenied"])
def test_refused_credentials_stop_it_before_anything_is_built(account, run, code):
    account.failing = {"get_caller_identity": code}

    status, said = run()

    assert (status, account.builds, account.sam_calls) == (1, [], [])
    assert code in said["error"]
    assert "sign in again" in said["error"]


def test_no_credentials_say_how_to_get_some(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    boto3.setup_default_session()

    with pytest.raises(deploy_stack.DeployError, match="AWS_PROFILE"):
        deploy_account.account_of(deploy_account.clients_of(REGION))


def test_a_refusal_by_the_account_is_told_in_its_own_words(account, run):
    account.failing = {"describe_stacks": "AccessDenied"}

    assert "said by describe_stacks" in run()[1]["error"]


# --- training code -----------------------------------------------------------------------------------------------


def test_training_code_holds_what_a_job_imports_and_begins_with(monkeypatch, tmp_path):
    with zipfile.ZipFile(io.BytesIO(deploy_uploads.training_code(b"weights"))) as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()

    assert (tmp_path / "weights" / recommended.FILE).read_bytes() == b"weights"
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    program = "import training.data, training.installed, swipr.aws.s3, local.training_home"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={"PYTHONPATH": ".:layers/common", "PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"}, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_the_same_files_make_the_same_archive():
    assert deploy_uploads.training_code(b"x") == deploy_uploads.training_code(b"x")


def test_code_is_uploaded_where_jobs_are_started_only(account, run, monkeypatch):
    monkeypatch.setattr(recommended, "from_weights", lambda folder: b"weights")
    run()
    assert deploy_uploads.CODE not in objects()

    status, said = run(given={"parameters": {"Trainer": "sagemaker", "TrainerImage": "image"}}, weights=Path("w"))

    assert status == 0
    assert deploy_uploads.CODE in objects()
    assert deploy_uploads.CODE in said["uploaded"]


def test_without_the_network_to_begin_with_the_stack_stands_and_the_next_step_is_named(account, run, tmp_path):
    status, said = run(given={"parameters": {"Trainer": "sagemaker", "TrainerImage": "image"}}, weights=tmp_path)

    assert status == deploy.UNFINISHED
    assert "--weights" in said["error"]


# --- answers ---------------------------------------------------------------------------------------------------------


FINE = Answers(region=REGION, email="ada@example.org")


@pytest.mark.parametrize(("change", "field"), [
    ({"stack": "Swipr"}, "stack"), ({"stack": "my_stack"}, "stack"), ({"stack": "swipr-"}, "stack"),
    ({"stack": "1swipr"}, "stack"), ({"stack": ""}, "stack"), ({"stack": "my-aws-swipr"}, "stack"),
    ({"stack": "cognito-test"}, "stack"), ({"stack": "xn--swipr"}, "stack"), ({"stack": "s" * 38}, "stack"),
    ({"region": ""}, "region"), ({"region": "Frankfurt"}, "region"),
    ({"email": ""}, "email"), ({"email": "ada"}, "email"), ({"email": 'a"@example.org'}, "email"),
    ({"alarm_email": "nobody"}, "alarm_email"), ({"monthly_budget_usd": 5}, "monthly_budget_usd"),
    ({"tick_minutes": 1}, "parameter"), ({"tick_minutes": 60}, "parameter"), ({"architecture": "ppc"}, "parameter"),
    ({"parameters": {"Nonsense": "1"}}, "parameter"), ({"parameters": {"DecisionDays": "0"}}, "parameter"),
    ({"parameters": {"TickRate": "rate(9 minutes)"}}, "parameter"),
    ({"parameters": {"CodeVersion": "mine"}}, "parameter"), ({"parameters": {"TrainerImage": 'a"b'}}, "parameter"),
])  # fmt: skip
def test_a_wrong_answer_is_refused_by_name(change, field):
    with pytest.raises(InputError) as refused:
        deploy_answers.check(replace(FINE, **change))

    assert refused.value.field == field


def test_the_longest_name_fits_the_bucket_and_one_more_does_not():
    longest = "s" * (63 - len(f"-{ACCOUNT}-{REGION}"))

    deploy_answers.check(replace(FINE, stack=longest))
    with pytest.raises(InputError, match=f"leaves {len(longest)}"):
        deploy_answers.check(replace(FINE, stack=longest + "s"))


def test_a_wrong_name_is_refused_before_aws_is_asked(account, run):
    status, said = run(given={"stack": "My_Stack"})

    assert status == deploy.WRONG
    assert said["error"].startswith("stack:")
    assert (account.asked, account.builds) == ([], [])


def test_answers_are_read_back_as_they_were_written(tmp_path):
    answers = replace(FINE, alarm_email="ops@example.org", monthly_budget_usd=5, parameters={"Trainer": "none"})
    deploy_answers.write(tmp_path / "a.toml", answers)

    assert deploy_answers.read(tmp_path / "a.toml") == answers
    assert deploy_answers.read(tmp_path / "none.toml") is None


@pytest.mark.parametrize("text", ["stack = ", "wrong = 1", "tick_minutes = '5'", "tick_minutes = true"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)

    with pytest.raises(InputError):
        deploy_answers.read(tmp_path / "a.toml")


def test_the_first_time_asks_and_the_second_does_not(account, run):
    answers = {"Name of the stack": "mine", "AWS region": REGION, "E-mail of the first": "bob@example.org"}
    asked = []

    def ask(question, before):
        asked.append(question)
        return next((answer for start, answer in answers.items() if question.startswith(start)), before)

    boto3.client("s3").create_bucket(
        Bucket=f"mine-{ACCOUNT}-{REGION}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    first, second = run(ask=ask), run(ask=ask, given={"email": "bob@example.org"})

    assert (first[0], second[0], first[1]["stack"], second[1]["stack"]) == (0, 0, "mine", "mine")
    assert len(asked) == len(deploy_answers.QUESTIONS)
    assert set(account.users) == {"bob@example.org"}


def test_without_anybody_to_ask_what_is_missing_is_named(tmp_path):
    options = ["deploy", "--yes", "--json", "--region", REGION, "--answers", str(tmp_path / "a.toml")]

    ran = CliRunner().invoke(app, options)

    assert (ran.exit_code, json.loads(ran.stdout)["error"].partition(":")[0]) == (2, "email")


# --- SAM's own reading --------------------------------------------------------------------------------------------


SAM_PYTHON = ROOT / ".venv-sam" / "bin" / "python"


@pytest.mark.skipif(not SAM_PYTHON.is_file(), reason="SAM is not installed: make build")
def test_sam_reads_the_parameters_as_they_are_meant():
    meant = deploy_answers.told(FINE) | {
        "TinderPlatform": "",
        "CodeVersion": "abc-dirty",
        "TrainerImage": "1.dkr/x:latest=y",
    }
    told = [f'{name}="{value}"' for name, value in sorted(meant.items())]
    program = (
        "import sys, json; from samcli.cli.types import CfnParameterOverridesType as T; read = {};"
        "[read.update(T().convert(each, None, None)) for each in sys.argv[1:]]; print(json.dumps(read))"
    )
    ran = subprocess.run([SAM_PYTHON, "-c", program, *told], capture_output=True, text=True, timeout=60, check=True)

    assert json.loads(ran.stdout) == meant


def test_a_refusal_is_not_taken_for_no_stack(account):
    account.failing = {"describe_stacks": "Throttling"}

    with pytest.raises(OSError, match="Throttling"):
        deploy_stack.read(account._client("cloudformation"), "swipr")


def test_no_such_stack_is_none(account):
    with pytest.raises(ClientError):
        account.answer("describe_stacks", StackName="swipr")
    assert deploy_stack.read(account._client("cloudformation"), "swipr") is None
