"""Labels changed, a file or a trained model came, or an export was asked for."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext

from swipr import bootstrap, telemetry
from swipr.models import ExportRequest, RefitRequest
from swipr.telemetry import logger
from swipr.uploads.report import Uploaded

INBOX = "inbox/"


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Records of the queue Refits, or of objects created under `labels/` and `inbox/`; a raised error brings them
    again."""
    for record in event["Records"]:
        with telemetry.invocation(context):
            take(record, context)


def take(record: dict[str, Any], context: LambdaContext) -> None:
    if record.get("eventSource") == "aws:sqs":
        do(record["body"], context)
        return
    upload = uploaded(record)
    if upload.key.startswith(INBOX):
        register(upload)
    else:
        take_upload(upload, context)


def do(body: str, context: LambdaContext) -> None:
    """One message; those written before there were kinds are refits."""
    if json.loads(body).get("kind") == "export":
        export(ExportRequest.model_validate_json(body), context)
    else:
        refit(RefitRequest.model_validate_json(body))


def export(request: ExportRequest, context: LambdaContext) -> None:
    telemetry.note(export_id=request.export_id)
    written = bootstrap.feedback().export(request, time_left_s=lambda: time_left_s(context))
    if written is not None:
        counts = written.model_dump(include={"export_id", "state", "size", "photos_left_out"})
        logger().info("export", extra={"user_id": request.user_id, **counts})


def time_left_s(context: LambdaContext) -> float:
    return float(context.get_remaining_time_in_millis() / 1000)


def refit(request: RefitRequest) -> None:
    telemetry.note(user_id=request.user_id)
    model, passed, handed, training = bootstrap.feedback().refit(request)
    if model is not None:
        fitted = {"version": model.version, "labels": model.labels, "metrics": model.metrics}
        logger().info("refit", extra={"user_id": request.user_id, **fitted})
    if passed is not None:
        looked = passed.look.model_dump(exclude={"at"})
        logger().info("gate", extra={"user_id": request.user_id, "version": passed.version, **looked})
    if handed is not None:
        due = {} if training else {"next": "run `swipr train`, or open training/train.ipynb"}
        logger().info("hand-off", extra={"user_id": request.user_id, "handoff_id": handed.handoff_id, **due})
    if training is not None:
        logger().info("training", extra={"user_id": request.user_id, "started": training})


def register(created: Uploaded) -> None:
    candidate = created.key.removeprefix(INBOX).rpartition("/")[0]
    telemetry.note(candidate=candidate)
    became = bootstrap.feedback().register(candidate, arrived_at=created.uploaded_at)
    logger().info("candidate", extra=became._asdict())


def take_upload(upload: Uploaded, context: LambdaContext) -> None:
    telemetry.note(upload_id=upload.upload_id)
    report = bootstrap.feedback().take_upload(upload, time_left_s=lambda: time_left_s(context))
    if report is not None:
        counts = report.model_dump(include={"upload_id", "state", "taken", "refused"})
        logger().info("upload", extra={"user_id": upload.user_id, **counts})


def uploaded(record: dict[str, Any]) -> Uploaded:
    created = record["s3"]["object"]
    return Uploaded(
        key=unquote_plus(created["key"]),
        size=int(created["size"]),
        uploaded_at=datetime.fromisoformat(record["eventTime"]),
        version=created.get("sequencer", ""),
    )
