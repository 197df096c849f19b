"""Every client of the SDK, each with time-outs and a bounded number of tries: the only place that makes one."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

CONNECT_S = 2.0
READ_S = 8.0
#: A photo archive of a session is some MB; between two bytes of it this may pass.
OBJECT_READ_S = 20.0
#: `wait_s` where nobody waits: above the judge's own 60 s (template.yaml), as giving up earlier would leave it working
#: for nobody.
JUDGE_READ_S = 65.0
TRIES = 3


def dynamodb(wait_s: float = READ_S) -> Any:
    """`wait_s`, here and below: for how long it may be silent, at most; whoever is waited for gives less."""
    return boto3.client("dynamodb", config=_config(min(READ_S, wait_s)))


def sqs(wait_s: float = READ_S) -> Any:
    return boto3.client("sqs", config=_config(min(READ_S, wait_s)))


def kms(wait_s: float = READ_S) -> Any:
    return boto3.client("kms", config=_config(min(READ_S, wait_s)))


def sagemaker(wait_s: float = READ_S) -> Any:
    return boto3.client("sagemaker", config=_config(min(READ_S, wait_s)))


def s3(wait_s: float = OBJECT_READ_S) -> Any:
    """Addresses name the bucket as host, and its region: the one origin that the judge fetches from."""
    addresses = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
    # A part of an object has no checksum of its own, so asking for one would only lengthen the addresses.
    choices = {"signature_version": "s3v4", "s3": addresses, "response_checksum_validation": "when_required"}
    return boto3.client("s3", config=_config(min(OBJECT_READ_S, wait_s), choices=choices))


def judge(wait_s: float = JUDGE_READ_S) -> Any:
    """For the judge, which is pure: asked once more at most, as each try may last a minute.

    Where less is waited for it is asked once, and whoever waits asks again.
    """
    return boto3.client("lambda", config=_config(wait_s, tries=2 if wait_s >= JUDGE_READ_S else 1))


def _config(read_timeout: float = READ_S, *, tries: int = TRIES, choices: Mapping[str, Any] | None = None) -> Config:
    retries = {"mode": "standard", "total_max_attempts": tries}
    limits = {"connect_timeout": CONNECT_S, "read_timeout": read_timeout, "retries": retries}
    return Config(tcp_keepalive=True, **limits, **(choices or {}))
