"""One logger and one metrics collector for all handlers; photos, addresses and secrets never reach either."""

from functools import cache

from aws_lambda_powertools import Logger, Metrics


@cache
def logger() -> Logger:
    return Logger()


@cache
def metrics() -> Metrics:
    return Metrics(namespace="Swipr")
