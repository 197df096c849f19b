"""The clients of the SDK: time-outs, bounded tries, and addresses that are exactly what the judge expects."""

import ast
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

import swipr.aws
from local.intrinsics import Resolver, TagLoader
from swipr import bootstrap, settings
from swipr.aws import clients
from tests.aws_stack import ACCOUNT, build_stack
from tests.moto_world import moto_world

ROOT = Path(__file__).resolve().parents[2]
AWS = ROOT / "layers" / "common" / "swipr" / "aws"
BUILDERS = ("dynamodb", "sqs", "kms", "sagemaker", "s3", "judge")
REGIONS = [("eu-central-1", "amazonaws.com"), ("us-east-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")]


@pytest.fixture
def aws():
    with moto_world() as world:
        yield world


def photo_origin(bucket, region, suffix):
    """PHOTO_ORIGIN of the judge, as template.yaml has it."""
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=TagLoader)
    stack = bucket.removesuffix(f"-{ACCOUNT}-{region}")
    pseudo = {"AWS::Region": region, "AWS::AccountId": ACCOUNT, "AWS::StackName": stack, "AWS::URLSuffix": suffix}
    declared = template["Resources"]["Judge"]["Properties"]["Environment"]["Variables"]["PHOTO_ORIGIN"]
    return Resolver(pseudo, {}, lambda name, attribute: name)(declared)


# time-outs and tries


@pytest.mark.parametrize("builder", BUILDERS)
def test_every_client_has_time_outs_and_a_bounded_number_of_tries(aws, builder):
    config = getattr(clients, builder)().meta.config

    assert 0 < config.connect_timeout <= 5
    assert 0 < config.read_timeout <= (70 if builder == "judge" else 20)
    assert config.retries["mode"] == "standard"
    assert 1 < config.retries["total_max_attempts"] <= 3


def test_the_judge_is_waited_for_longer_than_it_may_take_and_asked_twice_at_most(aws):
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=TagLoader)
    config = clients.judge().meta.config

    assert config.read_timeout > template["Resources"]["Judge"]["Properties"]["Timeout"]
    assert config.retries["total_max_attempts"] == 2


def built_as_in(function, template):
    """The clients as this function of the template has them."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"] | template["Resources"][function][
        "Properties"
    ].get("Environment", {}).get("Variables", {})
    waits = "API_" if function == "Api" else ""
    wait_s = {"judge": float(variables[f"{waits}JUDGE_WAIT_S"])}
    other_s = float(variables[f"{waits}AWS_WAIT_S"])
    return {name: getattr(clients, name)(wait_s.get(name, other_s)) for name in BUILDERS}


@pytest.mark.parametrize("function", ["Api", "SwipeTick", "SwipeSession", "Feedback"])
def test_no_call_outlasts_the_function_it_is_made_in(aws, function):
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=TagLoader)
    time_out = template["Resources"][function]["Properties"]["Timeout"]
    asks = {"SwipeTick": ("dynamodb", "sqs")}.get(function, BUILDERS)

    for name, client in built_as_in(function, template).items():
        config = client.meta.config
        tries = config.retries["total_max_attempts"]
        pauses = sum(2**number for number in range(tries - 1))  # seconds at most, as the SDK's standard mode has it
        assert name not in asks or tries * (config.connect_timeout + config.read_timeout) + pauses < time_out, name


def test_the_api_is_built_to_answer_before_it_is_given_up(aws, monkeypatch):
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    bootstrap.forget()
    settings.load.cache_clear()

    judge, blobs = bootstrap.api().judge, bootstrap.api().blobs
    bootstrap.forget()
    settings.load.cache_clear()

    assert (judge._client.meta.config.read_timeout, blobs._client.meta.config.read_timeout) == (20.0, 5.0)


def test_a_judge_that_somebody_waits_for_is_asked_once(aws):
    assert clients.judge(20.0).meta.config.retries["total_max_attempts"] == 1


def test_every_builder_is_looked_at_here():
    tree = ast.parse((AWS / "clients.py").read_text(encoding="utf-8"))
    public = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]

    assert sorted(public) == sorted(BUILDERS)


def imports_of(path):
    """What a file imports of the SDK, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name.split(".")[0] in ("boto3", "botocore", "s3transfer"))


def test_clients_are_made_in_one_place():
    importers = {}
    for folder in ("layers", "functions"):
        for path in (ROOT / folder).rglob("*.py"):
            importers |= {path: names} if (names := set(imports_of(path))) else {}

    assert importers == {
        AWS / "clients.py": {"boto3", "botocore.config"},
        AWS / "errors.py": {"botocore.exceptions"},
    }


def test_each_client_is_made_with_the_config():
    tree = ast.parse((AWS / "clients.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "boto3" in ast.unparse(node.func)]

    assert len(calls) == len(BUILDERS)
    for call in calls:
        (config,) = [word.value for word in call.keywords if word.arg == "config"]
        assert config.func.id == "_config"


def test_sdk_calls_go_through_the_one_place_that_translates_errors():
    """No adapter calls a method of a client but by `call`; signing an address asks nobody."""
    for path in AWS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                assert node.value.attr not in ("_client", "client", "_kms"), f"{path.name}: {ast.unparse(node)}"


# the world of bootstrap


def test_the_package_builds_every_adapter_from_the_settings_of_the_template(aws, monkeypatch):
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()

    chosen = settings.load()
    built = [getattr(swipr.aws, port)(chosen) for port in ("store", "blobs", "queue", "secrets", "judge")]
    again = [getattr(swipr.aws, port)(chosen) for port in ("store", "blobs", "queue", "secrets", "judge")]
    settings.load.cache_clear()

    assert chosen.swipr_world == "swipr.aws"
    assert [type(each).__name__ for each in built] == [
        "DynamoStore", "S3Blobs", "SqsQueue", "KmsSecrets", "LambdaJudge",
    ]  # fmt: skip
    assert [type(each) for each in again] == [type(each) for each in built]


def test_no_module_takes_the_place_of_a_builder():
    names = {path.stem for path in AWS.glob("*.py")}

    assert not names & {"store", "blobs", "queue", "secrets", "judge"}


def test_importing_the_world_imports_no_sdk():
    program = "import sys, swipr.aws; print(sorted({'boto3', 'botocore'} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT / "layers" / "common")},
    )

    assert ran.stdout.strip() == "[]"


# addresses


@pytest.mark.parametrize(("region", "suffix"), REGIONS)
def test_presigned_addresses_have_exactly_the_judge_s_photo_origin(region, suffix):
    with moto_world(region=region) as world:
        address = urlsplit(world.blobs.presign_get("sessions/ann/s.zip", expires_s=300))
        form, fields = world.blobs.presign_post("labels/ann/1.json", max_bytes=10, expires_s=60)

    origin = photo_origin(world.settings.bucket, region, suffix)
    assert f"{address.scheme}://{address.netloc}" == origin
    assert address.path == "/sessions/ann/s.zip"
    assert form.rstrip("/") == origin
    assert fields["key"] == "labels/ann/1.json"


def test_a_presigned_address_is_signed_with_version_four_for_its_time(aws):
    query = parse_qs(urlsplit(aws.blobs.presign_get("a/b.zip", expires_s=123)).query)

    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["123"]
    assert query["X-Amz-SignedHeaders"] == ["host"]  # the judge sends no other, but a range


def test_two_stacks_are_apart(aws):
    other = build_stack("other")
    aws.blobs.put("a", b"1")

    assert other.blobs.keys("") == []
    assert aws.blobs.keys("") == ["a"]
