"""AWS emulated on this machine: ministack in an environment of its own, on a loopback port, IAM in force."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".venv-aws" / "bin" / "ministack"
ACCOUNT = "123456789012"
REGION = "eu-central-1"

_START_S = 60.0
#: Who owns the account; every other key has the rights of its role.
_OWNER = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=120)


@dataclass(frozen=True)
class Emulator:
    url: str
    log: Path

    @cache  # noqa: B019  one emulator a run
    def client(self, service: str) -> Any:
        """As the account's owner."""
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=_ONCE, **_OWNER)

    def client_of(self, service: str, credentials: Mapping[str, str]) -> Any:
        """As whoever holds these credentials of STS."""
        held = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=_ONCE, **held)

    def host(self, name: str) -> str:
        """The port is in it: the emulator tells its services apart by the name in Host."""
        return f"{name}:{self.url.rpartition(':')[2]}"


@contextmanager
def emulator(folder: Path) -> Iterator[Emulator]:
    """Run it until the block is left; `folder` is for its state and log."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = folder / "emulator.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [str(PROGRAM)], cwd=folder, env=_environment(folder, port), stdout=written, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await(process, url, log)
        yield Emulator(url, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(folder: Path, port: int) -> dict[str, str]:
    """Nothing of this machine's own AWS set-up reaches it, nor the functions that it starts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "SWIPR_"))}
    return kept | {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _await(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    ends_at = time.monotonic() + _START_S
    while time.monotonic() < ends_at and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{url}/_ministack/health", timeout=2) as answer:
            assert json.loads(answer.read())
            return
        time.sleep(0.1)
    raise AssertionError(f"the emulator did not start:\n{log.read_text('utf-8', errors='replace')[-3000:]}")
