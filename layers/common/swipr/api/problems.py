"""Failures as RFC 9457 problem details."""

from swipr.api.views import Problem
from swipr.errors import ConflictError, InProgressError, InputError, KeyReusedError, ModelError, NotFoundError

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Request Entity Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

#: Seconds after which a request that is being worked on, or could not be answered, is worth another try.
RETRY_AFTER_S = 2


def problem(status: int, detail: str, field: str | None = None) -> Problem:
    return Problem(title=TITLES[status], status=status, detail=detail, field=field)


def problem_of(error: Exception) -> Problem:
    """What went wrong, in words for people; of what nobody foresaw it says nothing."""
    if isinstance(error, InputError):
        return problem(400, error.message, error.field)
    if isinstance(error, NotFoundError):
        return problem(404, str(error), error.field)
    if isinstance(error, ConflictError):
        return problem(409, str(error))
    if isinstance(error, KeyReusedError):
        return problem(422, str(error), "Idempotency-Key")
    if isinstance(error, ModelError):
        return problem(503, f"the photos could not be judged: {error}; try again")
    return problem(500, "something went wrong here; it was written down")


def is_worth_waiting(error: Exception) -> bool:
    return isinstance(error, InProgressError | ModelError)
