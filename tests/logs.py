"""What handlers log, as it is written on AWS: one object a line."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swipr.telemetry import logger


class Log:
    def __init__(self) -> None:
        self.written = io.StringIO()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]


@contextmanager
def handlers_log() -> Iterator[Log]:
    """The logger keeps the stream and the level that it found when it was made, which may be those of another test."""
    log, handler, level = Log(), logger().registered_handler, logger().log_level
    assert isinstance(handler, logging.StreamHandler)
    before, handler.stream = handler.stream, log.written
    logger().setLevel(logging.INFO)
    try:
        yield log
    finally:
        handler.stream = before
        logger().setLevel(level)
