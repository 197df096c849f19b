"""AWS over HTTP: a stack of template.yaml on the emulator, IAM in force; see tests/aws_stack.py."""

import itertools
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from unittest import mock

import boto3

from tests.aws.emulator import REGION, Emulator
from tests.aws_stack import ALL, AwsStack, build_stack

#: As the account's owner: what no role holds back.
OWNER = {"AccessKeyId": "test", "SecretAccessKey": "test"}

_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_numbers = itertools.count()


@contextmanager
def emulator_world(emulator: Emulator, *, kinds: Collection[str] = ALL) -> Iterator[AwsStack]:
    """A new, empty stack of these kinds of resources; until the block is left, the SDK asks the emulator.

    Nothing in it expires by the clock on the wall, as tests have a clock of their own.
    """
    with asking_as(emulator, OWNER):
        yield build_stack(f"world-{next(_numbers)}", kinds=kinds, expiring=False)


@contextmanager
def asking_as(emulator: Emulator, credentials: Mapping[str, str]) -> Iterator[None]:
    """Until the block is left, clients that are made ask the emulator with these credentials, as STS names them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | _ENVIRONMENT | {"AWS_ENDPOINT_URL": emulator.url}
    with (
        mock.patch.dict("os.environ", environment, clear=True),
        mock.patch("boto3.DEFAULT_SESSION", _session(*(credentials.get(part) for part in _PARTS))),
    ):
        yield


@cache
def _session(key: str, secret: str, token: str | None) -> boto3.Session:
    """Kept, as the SDK reads its descriptions of the services anew for each: a quarter of a second for a world."""
    return boto3.Session(key, secret, token, region_name=REGION)
