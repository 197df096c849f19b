"""The stack on AWS: what state it is in, SAM's deployment of it, and what it tells of itself."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.deploy_answers import ROOT
from swipr.aws.errors import AwsError, call

#: SAM's own environment, as the Makefile makes it.
SAM: Final = ".venv-sam"
Run = Callable[[Sequence[str], Mapping[str, str]], int]
#: Of all that a deployment of SAM does; the stack itself takes about five minutes.
DEPLOY_S: Final = 3600
LOOK_S: Final = 5.0
LOOKS: Final = 720
#: SAM's own stack, with a bucket for what is built; if it was cut short, SAM goes on with it no more.
SAMS: Final = "aws-sam-cli-managed-default"
#: Never used by anybody: a set of changes that was not carried out, a creation that was taken back. No update takes it.
_UNMADE = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}
_BROKEN = {
    "ROLLBACK_FAILED": "its first deployment failed and could not be taken back; delete it in CloudFormation",
    "DELETE_FAILED": "it could not be deleted; finish that in CloudFormation",
    "UPDATE_ROLLBACK_FAILED": "an update could not be taken back; choose 'continue update rollback' in CloudFormation",
}


class DeployError(Exception):
    """It cannot be done; the message says why and what to do. Doing it again goes on where it was."""


@dataclass(frozen=True)
class Stack:
    """What of it matters here; `outputs` of template.yaml by their names."""

    status: str
    outputs: Mapping[str, str]


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit status; what the program prints goes where errors go, as the answer may be read by a program."""
    try:
        done = subprocess.run(  # noqa: S603  our own arguments
            arguments, cwd=ROOT, env={**os.environ, **environment}, stdout=2, timeout=DEPLOY_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"{Path(arguments[0]).name} took more than an hour; look in CloudFormation, then try again") \
            from None  # fmt: skip
    return done.returncode


def read(cloudformation: Any, name: str) -> Stack | None:
    """None if there is no such stack. Raises AwsError."""
    try:
        (found,) = call(cloudformation, "describe_stacks", StackName=name)["Stacks"]
    except AwsError as error:
        if error.code == "ValidationError" and "does not exist" in str(error.answer):
            return None
        raise
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    return Stack(found["StackStatus"], outputs)


def ready(cloudformation: Any, name: str, sleep: Callable[[float], None], say: Callable[[str], None]) -> Stack | None:
    """The stack once it may be deployed to; None if it is to be made. Raises DeployError and AwsError.

    What an interrupted deployment left running is waited for; what never came to be is removed.
    """
    stack = _settled(cloudformation, name, sleep, say)
    if stack and stack.status in _BROKEN:
        raise DeployError(f"the stack {name} is {stack.status}: {_BROKEN[stack.status]}, then deploy again")
    if stack and stack.status in _UNMADE:
        say(f"The stack {name} was begun and never made ({stack.status}); that is removed.")
        call(cloudformation, "delete_stack", StackName=name)
        stack = _settled(cloudformation, name, sleep, say, leaving=True)
    return stack if stack and stack.status != "DELETE_COMPLETE" else None


def _settled(
    cloudformation: Any,
    name: str,
    sleep: Callable[[float], None],
    say: Callable[[str], None],
    *,
    leaving: bool = False,
) -> Stack | None:
    """With `leaving` a state from before its deletion is not yet the end."""
    for look in range(LOOKS):
        stack = read(cloudformation, name)
        if stack is None:
            return None
        if not leaving if stack.status in _UNMADE else not stack.status.endswith("_IN_PROGRESS"):
            return stack
        if look == 0:
            say(f"The stack {name} is {stack.status}; waiting for the end of it ...")
        sleep(LOOK_S)
    raise DeployError(f"something works on the stack {name} for an hour already; look in CloudFormation")


def deploy(
    run: Run, sam: Path, template: Path, *, name: str, region: str, artifacts: str, parameters: Mapping[str, str]
) -> None:
    """One `sam deploy`; nothing to change is fine. Raises DeployError."""
    if not template.is_file():
        raise DeployError("nothing is built yet; leave --no-build out")
    place = ["--s3-bucket", artifacts, "--s3-prefix", name] if artifacts else ["--resolve-s3"]
    arguments = [
        str(sam), "deploy", "--template-file", str(template), "--stack-name", name, "--region", region, *place,
        "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
        "--parameter-overrides", *(f'{key}="{value}"' for key, value in sorted(parameters.items())),
    ]  # fmt: skip
    if run(arguments, {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(ROOT / SAM / "state")}):
        raise DeployError("sam deploy failed, as it says above; put that right and run the same command again")
