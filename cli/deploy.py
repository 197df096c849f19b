"""`swipr deploy`: the program as a stack on AWS, its page, and its first user. Every step may be done again."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import deploy_account, deploy_answers, deploy_stack, deploy_uploads
from cli.deploy_account import Clients
from cli.deploy_answers import Answers
from cli.deploy_stack import DeployError, Stack
from cli.said import DEFAULT_DATA, AsJson, DataFolder
from swipr.aws.errors import AwsError
from swipr.errors import InputError

BUILD = Path(".aws-sam/build")
DONE, FAILED, WRONG, UNFINISHED = 0, 1, 2, 3
MONTHLY = "A stack that nobody uses costs about $1 a month for its key, and what the README says of alarms and queues."


@dataclass(frozen=True)
class Tools:
    """What a deployment uses of the world outside."""

    run: deploy_stack.Run
    clients: Callable[[str], Clients]
    """By region."""
    ask: deploy_answers.Ask | None
    """None where nobody can be asked."""
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    sam: Path
    build: Path


@dataclass(frozen=True)
class Chosen:
    """`given` replaces remembered answers; the rest is of this run only."""

    file: Path
    given: Mapping[str, Any]
    again: bool = False
    builds: bool = True
    other_backbone: bool = False
    data: Path = DEFAULT_DATA
    weights: Path | None = None
    code_version: str = "unknown"


class UnfinishedError(Exception):
    """The stack stands; what comes after it is not done."""


def deploy(
    stack: Annotated[str | None, typer.Option(help="Name of the stack: lower-case letters, digits, hyphens.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region, for example eu-central-1.")] = None,
    email: Annotated[str | None, typer.Option(help="Of the first user, who gets a password by mail.")] = None,
    alarm_email: Annotated[str | None, typer.Option(help="Who is told of alarms; empty for nobody.")] = None,
    monthly_budget: Annotated[
        int | None, typer.Option(min=0, help="Tell of a bill beyond these dollars; 0: no.")
    ] = None,
    tick_minutes: Annotated[int | None, typer.Option(min=2, max=59, help="Between two looks for due users.")] = None,
    architecture: Annotated[str | None, typer.Option(help="x86_64 or arm64.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: any other parameter of template.yaml; may come several times.")
    ] = None,
    artifacts: Annotated[str | None, typer.Option(help="Bucket for what is built; else SAM keeps one.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask everything again.")] = False,
    build: Annotated[bool, typer.Option(help="Build first; --no-build deploys what is built.")] = True,
    backbone: Annotated[
        str | None, typer.Option(help="Which one to build in; left out, the recommended if installed, and so it stays.")
    ] = None,
    other_backbone: Annotated[
        bool, typer.Option("--other-backbone", help="Deploy another than the stack has: labels so far teach no more.")
    ] = False,
    weights: Annotated[Path | None, typer.Option(help="For training jobs: folder with the network's file.")] = None,
    data: DataFolder = DEFAULT_DATA,
    answers: Annotated[Path, typer.Option(help="Where answers are remembered.")] = deploy_answers.FILE,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: options, remembered answers, defaults.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put Swipr on AWS, or bring it up to date: build, deploy, upload, first user. Asks the first time.

    Exit status: 0 all is done; 1 it failed; 2 an answer is missing or wrong, and nothing was begun; 3 the stack is
    deployed, but uploads or the first user are not done. Running it again goes on in each case.
    """
    given = {
        "stack": stack, "region": region, "email": email, "alarm_email": alarm_email, "artifacts": artifacts,
        "monthly_budget_usd": monthly_budget, "tick_minutes": tick_minutes, "architecture": architecture,
        "backbone": backbone, "parameters": _pairs(parameter) if parameter else None,
    }  # fmt: skip
    folder = os.environ.get("SWIPR_WEIGHTS")
    chosen = Chosen(
        file=answers,
        given={name: value for name, value in given.items() if value is not None},
        again=again,
        builds=build,
        other_backbone=other_backbone,
        data=data,
        weights=weights or (Path(folder) if folder else None),
        code_version=_commit(),
    )
    can_ask = not yes and sys.stdin.isatty()
    raise typer.Exit(run(chosen, _tools(ask=_prompt if can_ask else None), as_json=as_json))


def run(chosen: Chosen, tools: Tools, *, as_json: bool = False) -> int:
    """The exit status; prints the page's address, or why there is none."""
    try:
        said = deployed(chosen, tools)
    except (InputError, DeployError, UnfinishedError, AwsError) as error:
        text = deploy_account.in_words(error) if isinstance(error, AwsError) else str(error)
        typer.echo(json.dumps({"error": text})) if as_json else typer.echo(f"swipr: {text}", err=True)
        kinds = ((InputError, WRONG), (UnfinishedError, UNFINISHED))
        return next((status for kind, status in kinds if isinstance(error, kind)), FAILED)
    typer.echo(json.dumps(said) if as_json else _lines(said))
    return DONE


def deployed(chosen: Chosen, tools: Tools) -> dict[str, Any]:
    """Do all of it. Raises InputError, DeployError, AwsError, and UnfinishedError once the stack stands."""
    answers = _answers(chosen, tools)
    if not tools.sam.is_file():
        raise DeployError("SAM is not installed; `make deploy` does that, and then everything else")
    clients = tools.clients(answers.region)
    account = deploy_account.account_of(clients)
    deploy_answers.write(chosen.file, answers)
    before = _ready(answers, clients("cloudformation"), tools)
    if before is None:
        deploy_account.check_bucket_is_free(clients("s3"), f"{answers.stack}-{account}-{answers.region}")
    if chosen.builds:
        _build(chosen, answers, tools)
    if before and not chosen.other_backbone:
        deploy_uploads.check_backbone(clients("s3"), before.outputs.get("BucketName", ""), tools.build)
    stack = _stack(chosen, answers, before, clients("cloudformation"), tools)
    try:
        uploads = _upload(chosen, answers, clients, stack, tools)
        is_new = deploy_account.add_first_user(clients("cognito-idp"), stack.outputs["SignInPool"], answers.email)
    except (AwsError, DeployError) as error:
        text = deploy_account.in_words(error) if isinstance(error, AwsError) else str(error)
        raise UnfinishedError(f"the stack is deployed, but not all is done: {text}") from None
    return {
        "address": _address(answers, stack),
        "stack": answers.stack,
        "region": answers.region,
        "account": account,
        "sign_in": stack.outputs["SignInUrl"],
        "user": answers.email,
        "user_is_new": is_new,
        "uploaded": uploads,
    }


# --- steps -----------------------------------------------------------------------------------------------


def _answers(chosen: Chosen, tools: Tools) -> Answers:
    remembered = deploy_answers.read(chosen.file)
    before = remembered or Answers()
    further = {**before.parameters, **chosen.given.get("parameters", {})}
    known = replace(before, **{**chosen.given, "parameters": further})
    if not known.backbone:  # what is chosen once stays, whatever is installed later
        known = replace(known, backbone=deploy_uploads.default_backbone(chosen.data))
    if not known.region:
        known = replace(known, region=deploy_account.default_region())
    if tools.ask and (chosen.again or remembered is None):
        tools.say(MONTHLY)
        known = deploy_answers.asked(known, tools.ask)
    deploy_answers.check(known)
    return known


def _ready(answers: Answers, cloudformation: Any, tools: Tools) -> Stack | None:
    """The stack as it is, once nothing is in the way of deploying to it."""
    if not answers.artifacts:
        deploy_stack.ready(cloudformation, deploy_stack.SAMS, tools.sleep, tools.say)
    return deploy_stack.ready(cloudformation, answers.stack, tools.sleep, tools.say)


def _build(chosen: Chosen, answers: Answers, tools: Tools) -> None:
    tools.say("Building ...")
    arguments = [sys.executable, "-m", "bundle.build", "--architecture", answers.architecture]
    arguments += ["--data", str(chosen.data.resolve()), "--target", str(tools.build), "--backbone", answers.backbone]
    if tools.run(arguments, {}):
        raise DeployError("the build failed, as it says above; put that right and run the same command again")


def _stack(chosen: Chosen, answers: Answers, before: Stack | None, cloudformation: Any, tools: Tools) -> Stack:
    """Deployed once, or twice where the page's address is known only afterwards."""
    known = _address(answers, before) if before else answers.parameters.get("ConsoleUrl", "")
    _sam(chosen, answers, tools, known)
    stack = _after(cloudformation, answers.stack)
    if known != _address(answers, stack):
        tools.say("The page has its address now; once more, so that signing in leads back to it.")
        _sam(chosen, answers, tools, _address(answers, stack))
        stack = _after(cloudformation, answers.stack)
    return stack


def _after(cloudformation: Any, name: str) -> Stack:
    stack = deploy_stack.read(cloudformation, name)
    if stack is None or "ApiUrl" not in stack.outputs:
        raise DeployError(f"SAM says that {name} is deployed, but it tells no address; look in CloudFormation")
    return stack


def _sam(chosen: Chosen, answers: Answers, tools: Tools, address: str) -> None:
    parameters = deploy_answers.told(answers) | {"CodeVersion": chosen.code_version}
    deploy_stack.deploy(
        tools.run,
        tools.sam,
        tools.build / "template.yaml",
        name=answers.stack,
        region=answers.region,
        artifacts=answers.artifacts,
        parameters=parameters | ({"ConsoleUrl": address} if address else {}),
    )


def _address(answers: Answers, stack: Stack) -> str:
    """A domain of one's own goes before the gateway's address."""
    return answers.parameters.get("ConsoleUrl") or stack.outputs.get("ApiUrl", "")


def _upload(chosen: Chosen, answers: Answers, clients: Clients, stack: Stack, tools: Tools) -> list[str]:
    s3, bucket = clients("s3"), stack.outputs["BucketName"]
    done = deploy_uploads.put_console_files(s3, bucket, tools.build)
    if answers.parameters.get("Trainer") == "sagemaker":
        done.append(deploy_uploads.put_training_code(s3, bucket, chosen.weights, tools.say))
    return done


# --- the outside -------------------------------------------------------------------------------------------


def _tools(ask: deploy_answers.Ask | None) -> Tools:
    sam = deploy_answers.ROOT / deploy_stack.SAM / "bin" / "sam"
    return Tools(deploy_stack.run, deploy_account.clients_of, ask, _say, time.sleep, sam, deploy_answers.ROOT / BUILD)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _prompt(question: str, before: str) -> str:
    return str(typer.prompt(question, default=before, err=True))


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if wrong := [name for name, sign, _ in pairs if not sign or not name]:
        raise typer.BadParameter(f"{wrong[0]!r}: write NAME=VALUE", param_hint="--parameter")
    return {name: value for name, _, value in pairs}


def _commit() -> str:
    """Which code is deployed, where git tells."""
    git = ["git", "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        ran = subprocess.run(git, cwd=deploy_answers.ROOT, capture_output=True, text=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return ran.stdout.strip() if ran.returncode == 0 else "unknown"


def _lines(said: Mapping[str, Any]) -> str:
    user = "Cognito mailed them a password" if said["user_is_new"] else "was there already"
    uploads = ", ".join(said["uploaded"]) or "all was there already"
    return "\n".join(
        [
            f"Stack     {said['stack']} in {said['region']}, account {said['account']}",
            f"Uploaded  {uploads}",
            f"User      {said['user']}: {user}",
            f"Page      {said['address']}",
        ]
    )
