"""Labels changed, or a file of labels came: learn from it."""

from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext

from swipr import bootstrap
from swipr.models import RefitRequest
from swipr.telemetry import logger


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 (Lambda's signature)
    """Records of the queue Refits, or of objects created under `labels/`; a raised error brings them again."""
    for record in event["Records"]:
        if record.get("eventSource") == "aws:sqs":
            refit(RefitRequest.model_validate_json(record["body"]))
        else:
            take_upload(record)


def refit(request: RefitRequest) -> None:
    model = bootstrap.feedback().refit(request)
    if model is not None:
        fitted = {"version": model.version, "labels": model.labels, "metrics": model.metrics}
        logger().info("refit", extra={"user_id": request.user_id, **fitted})


def take_upload(record: dict[str, Any]) -> None:
    created = record["s3"]["object"]
    bootstrap.feedback().take_upload(
        unquote_plus(created["key"]),
        size=int(created["size"]),
        uploaded_at=datetime.fromisoformat(record["eventTime"]),
    )
