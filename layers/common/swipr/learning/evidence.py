"""What a refit knows of its own labels by models that had not seen them: for the report, for asking, for the page.

One object per user beside the packed features, written anew with each version, so that what is forgotten leaves it.
"""

from pydantic import AwareDatetime

from swipr.errors import NotFoundError
from swipr.models import Choice, Value
from swipr.ports import Blobs


class Doubt(Value):
    """A label that a model which had not seen it contradicts. `loss` is its log loss, nats."""

    card_id: str
    choice: Choice
    score: float
    loss: float
    said: bool
    """The verdict there, true: like."""


class CurvePoint(Value):
    """How good a model from `labels` labels is on the user's other labels: mean of draws, lowest and highest AUC."""

    labels: int
    draws: int
    auc: float
    auc_low: float
    auc_high: float
    accuracy: float
    log_loss: float


class Evidence(Value):
    """Left-out answers of the newest version, all arrays in the same order of labels.

    `scores` are calibrated without their own fold; `left_out` are as the model in use is calibrated.
    """

    version: int
    backbone: str
    labels_hash: str
    made_at: AwareDatetime
    scores: tuple[float, ...]
    left_out: tuple[float, ...]
    liked: tuple[bool, ...]
    said: tuple[bool, ...]
    threshold: float
    uncalibrated: tuple[float, ...] = ()
    """`left_out` as the models alone would have had it; empty where the calibration cannot be undone."""
    doubtful: tuple[Doubt, ...] = ()
    """Worst first: the more of 50 labels and 15 of 100."""
    curve: tuple[CurvePoint, ...] = ()
    """Of the last search of the penalty."""


def evidence_key(user_id: str) -> str:
    return f"features/{user_id}/evidence.json"


def read(user_id: str, blobs: Blobs) -> Evidence | None:
    """None before the first model, and where what is stored is of another make."""
    try:
        return Evidence.model_validate_json(blobs.get(evidence_key(user_id)))
    except (NotFoundError, ValueError):
        return None


def write(user_id: str, evidence: Evidence, blobs: Blobs) -> None:
    blobs.put(evidence_key(user_id), evidence.model_dump_json().encode(), content_type="application/json")
