"""What tests of several folders share."""

import os
from collections.abc import Iterator

import pytest

from tests.aws import emulator as aws_emulator
from tests.aws.emulator import Emulator

REQUIRED = "SWIPR_REQUIRE_AWS"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """AWS emulated on this machine, one for all tests of a process; each makes what it needs under names of its own."""
    if not aws_emulator.PROGRAM.is_file():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail("the emulator is not installed: make test-aws installs it")
        pytest.skip(f"the emulator of AWS is not installed: make test-aws does that (fails where {REQUIRED}=1)")
    with aws_emulator.emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running
