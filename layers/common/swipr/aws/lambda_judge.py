"""The judge, invoked and waited for."""

import json
from typing import Any, cast

from swipr.aws.errors import AwsError, call, read_body
from swipr.errors import ModelError
from swipr.judging import JudgeAnswer, JudgeRequest

#: Of a request and of an answer, as Lambda has it.
MAX_BYTES = 6 * 1024 * 1024
_ANSWER_KEYS = {"backbone", "dimensions", "photos", "ms"}


class LambdaJudge:
    """`judging.Judge` by a synchronous invocation. The judge is pure, so asking again does no harm."""

    def __init__(self, client: Any, function: str) -> None:
        self._client, self._function = client, function

    def __call__(self, request: JudgeRequest) -> JudgeAnswer:
        body = json.dumps(request).encode()
        if len(body) > MAX_BYTES:
            raise ModelError(f"the request takes {len(body)} bytes, the judge reads at most {MAX_BYTES}")
        payload = self._invoke(body)
        try:
            answer = json.loads(payload)
        except ValueError:
            raise ModelError("the judge's answer is no JSON") from None
        if not isinstance(answer, dict) or not answer.keys() >= _ANSWER_KEYS:
            raise ModelError("the judge's answer is not one")
        return cast(JudgeAnswer, answer)

    def _invoke(self, body: bytes) -> bytes:
        arguments = {"FunctionName": self._function, "InvocationType": "RequestResponse", "Payload": body}
        try:
            answer = call(self._client, "invoke", **arguments)
            payload = read_body(self._client, "invoke", answer["Payload"])
        except AwsError as error:
            raise ModelError(f"the judge could not be asked: {error.code}") from None
        if "FunctionError" in answer:
            raise ModelError(f"the judge failed: {_kind_of(payload)}")
        return payload


def _kind_of(payload: bytes) -> str:
    """The error's type alone: its words may quote what it was given."""
    try:
        return str(json.loads(payload)["errorType"])[:80]
    except (ValueError, KeyError, TypeError):
        return "unknown"
