"""AWS in this process: a stack of template.yaml under moto; see tests/aws_stack.py."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any
from unittest import mock

from moto import mock_aws
from moto.core.models import botocore_stubber

from tests.aws_stack import REGION, AwsStack, build_stack

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def moto_world(*, stack: str = "swipr", region: str = REGION) -> Iterator[AwsStack]:
    """The stack of this name, empty, with fake credentials, until the block is left."""
    with ExitStack() as exits:
        names = {"AWS_DEFAULT_REGION": region, "AWS_REGION": region}
        exits.enter_context(mock.patch.dict("os.environ", _ENVIRONMENT | names))
        exits.enter_context(mock_aws())
        exits.enter_context(_one_request_at_a_time())
        yield build_stack(stack, region=region)


@contextmanager
def _one_request_at_a_time() -> Iterator[None]:
    """Requests take effect one after the other, as DynamoDB's do.

    moto undoes a refused transaction by putting back whole tables as they were before it: what another thread wrote
    meanwhile would be lost. Between the requests of an operation, threads still come in as they like.
    """
    lock, process = RLock(), botocore_stubber.process_request

    def locked(request: Any) -> Any:
        with lock:
            return process(request)

    with mock.patch.object(botocore_stubber, "process_request", locked):
        yield
