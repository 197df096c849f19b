"""The context that a handler is called with, as the local runtime makes it."""

import time
from typing import Any

from local.functions import Context

TIME_LEFT_S = 300.0


def a_context(function: str = "Api", request_id: str = "lambda-1") -> Any:
    deadline = time.monotonic() + TIME_LEFT_S
    return Context(function, 256, lambda: deadline, aws_request_id=request_id)
