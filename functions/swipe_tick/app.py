"""The schedule starts sessions; the queue carries them; here each is run."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from swipr import bootstrap, telemetry
from swipr.models import SwipeSession
from swipr.sessions.measures import of_session
from swipr.telemetry import logger

#: Left for writing the ending down before the function is stopped, seconds.
RESERVE_S = 5.0


def tick_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 (Lambda's signature)
    with telemetry.invocation(context):
        queued = bootstrap.ticker()()
        logger().info("tick", extra={"queued": queued})


def session_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Batch size is 1: a raised error brings exactly this session again."""
    for record in event["Records"]:
        with telemetry.invocation(context):
            run(SwipeSession.model_validate_json(record["body"]), context)


def run(session: SwipeSession, context: LambdaContext) -> None:
    telemetry.note(session_id=session.session_id)
    report = bootstrap.session_runner()(
        session,
        context.aws_request_id,
        lambda: context.get_remaining_time_in_millis() / 1000 - RESERVE_S,
    )
    if report is not None:
        logger().info("session", extra={"user_id": session.user_id, **report.model_dump(mode="json")})
        telemetry.count(of_session(report))
