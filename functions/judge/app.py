"""Judge photos: no user, no table, no bucket, no SDK, no right but its log."""

import os
from functools import cache
from typing import TYPE_CHECKING

from swipr import backbone
from swipr.photo_judge import PhotoJudge

if TYPE_CHECKING:
    from swipr.judging import JudgeAnswer, JudgeRequest


@cache
def _judge() -> PhotoJudge:
    return PhotoJudge(backbone.load(os.environ["BACKBONE_DIR"]), os.environ["PHOTO_ORIGIN"])


def lambda_handler(event: "JudgeRequest", context: object) -> "JudgeAnswer":  # noqa: ARG001
    """Raises InputError naming the field of a malformed request, ModelError for a head that does not fit."""
    return _judge()(event)
