"""What handlers log and count; photos, addresses, names and secrets never reach either."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from swipr.failures import describe
from swipr.sessions.measures import Measure

#: The dashboard and the alarms of template.yaml look here; stacks differ by the dimension `service`.
NAMESPACE = "Swipr"


@cache
def logger() -> Logger:
    return Logger()


class FailedError(Exception):
    """An error without its words, which Lambda would log and keep in a dead letter; raised under the error's own name.

    `plain_words` are those that never quote anything, and are all that it says.
    """

    def __init__(self, plain_words: str) -> None:
        super().__init__(plain_words)
        self.plain_words = plain_words


@contextmanager
def invocation(context: LambdaContext, **keys: str) -> Iterator[None]:
    """Every line logged within carries the request's id and `keys`, and none of an earlier or a parallel request.

    An error is logged by its place, as its words may quote what was sent, and goes on without them.
    """
    log = logger()
    # Powertools' own decorator keeps its keys on the logger, which the threads of a local runtime share.
    log.thread_safe_clear_keys()
    log.thread_safe_append_keys(function_name=context.function_name, function_request_id=context.aws_request_id, **keys)
    try:
        yield
    except Exception as error:
        log.warning("failed", extra={"reason": describe(error)})
        raise _wordless(error) from None
    finally:
        log.thread_safe_clear_keys()


def _wordless(error: Exception) -> FailedError:
    """Of the same name and from the same place, as dead letters and the local log tell both."""
    named: type[FailedError] = type(type(error).__name__, (FailedError,), {})
    return named(getattr(error, "plain_words", "")).with_traceback(error.__traceback__)


def note(**keys: str) -> None:
    """Give the lines that follow in this invocation these keys, too."""
    logger().thread_safe_append_keys(**keys)


def count(measures: Iterable[Measure]) -> None:
    """Print the figures for CloudWatch, in its embedded metric format; one machine prints none."""
    metrics = EphemeralMetrics(namespace=NAMESPACE)  # one of its own: the usual one is shared between threads
    for name, unit, value in measures:
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
