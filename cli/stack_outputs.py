"""What the command line has to know of a stack on AWS: asked of CloudFormation once, then kept with the tokens."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from cli.client import ClientError
from local import durable

#: Outputs of template.yaml.
API, PAGES, CLIENT = "ApiUrl", "SignInUrl", "CommandLineClient"


@dataclass(frozen=True)
class Kept:
    """Addresses of a stack and the tokens of whoever signed in to it; empty before and after.

    `ends_at`: of the access token, seconds since 1970.
    """

    api: str
    pages: str
    client: str
    access_token: str = ""
    refresh_token: str = ""
    ends_at: float = 0.0

    def __repr__(self) -> str:
        return f"Kept({self.api})"


def place(stack: str, region: str | None) -> Path:
    """Below the person's own configuration. Raises ClientError for what can be no stack's name."""
    for name in (stack, region or "default"):
        if not name.replace("-", "").isalnum() or not name.isascii():
            raise ClientError(f"{name!r} is no name: letters, digits and hyphens only")
    folder = os.environ.get("SWIPR_CONFIG") or typer.get_app_dir("swipr")
    return Path(folder) / "stacks" / f"{stack}.{region or 'default'}.json"


def read(file: Path) -> Kept | None:
    """None where there is none that could be read."""
    try:
        return Kept(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(file: Path, kept: Kept) -> None:
    """For its owner alone, from the first byte. Raises ClientError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with durable.draft([json.dumps(asdict(kept)).encode()], temp=file.parent) as draft:
            durable.rename(draft, file)
    except OSError as error:
        raise ClientError(f"{file}: cannot be written: {error.strerror}") from None


def ask(stack: str, region: str | None) -> Kept:
    """Of the stack itself, with the AWS credentials of this shell. Raises ClientError with the next step."""
    from cli import deploy_stack
    from swipr.aws.errors import AwsError

    try:
        found = deploy_stack.read(_cloudformation(region), stack)
    except AwsError as error:
        raise ClientError(
            f"{error}: the stack's addresses are asked of AWS once; look at --region and sign in to AWS "
            "(`aws configure sso`), then try again"
        ) from None
    if found is None:
        raise ClientError(f"there is no stack {stack} in this account and region; --region names another")
    missing = [name for name in (API, PAGES, CLIENT) if name not in found.outputs]
    if missing:
        raise ClientError(f"the stack {stack} does not say its {missing[0]}: deploy it again with `swipr deploy`")
    return Kept(found.outputs[API], found.outputs[PAGES], found.outputs[CLIENT])


def _cloudformation(region: str | None) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    limits = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
    try:
        return boto3.Session(region_name=region).client("cloudformation", config=limits)
    except BotoCoreError as error:
        raise ClientError(f"{str(error).rstrip('.')}; name the region with --region, or set AWS_PROFILE") from None
