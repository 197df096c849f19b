"""What the SDK raises, translated once: service, operation and code, and nothing that a log must not hold."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError


class AwsError(OSError):
    """A call failed; it may or may not have happened. `answer` is the service's own, never part of the message."""

    def __init__(self, service: str, operation: str, code: str, answer: Mapping[str, Any] | None = None) -> None:
        self.plain_words = f"{service} {operation}: {code}"  # of which each is a word of AWS's or of ours
        super().__init__(self.plain_words)
        self.service, self.operation, self.code = service, operation, code
        self.answer: Mapping[str, Any] = answer or {}


def call(client: Any, operation: str, /, **arguments: Any) -> Any:
    """The answer of one SDK call. Raises AwsError."""
    method: Callable[..., Any] = getattr(client, operation)
    try:
        return method(**arguments)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise AwsError(_service(client), operation, code, error.response) from None
    except (
        BotoCoreError,
        HTTPClientError,
    ) as error:  # no connection, a time-out, half an answer
        raise AwsError(_service(client), operation, type(error).__name__) from None


def read_body(client: Any, operation: str, body: Any) -> bytes:
    """All of an answer that comes as a stream. Raises AwsError when it breaks off."""
    try:
        read: bytes = body.read()
    except (BotoCoreError, HTTPClientError) as error:
        raise AwsError(_service(client), operation, type(error).__name__) from None
    return read


def _service(client: Any) -> str:
    return str(client.meta.service_model.service_name)
