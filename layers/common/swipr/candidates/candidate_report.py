"""What became of a candidate: one object under `reports/<user>/candidates/`, for its user and for the gate."""

from collections.abc import Sequence
from typing import Literal

from pydantic import AwareDatetime, Field

from swipr.errors import NotFoundError
from swipr.models import Value
from swipr.ports import Blobs

#: `registered`: it waits behind the gate. `retired`: it waited, and was not better, or a newer one took its place.
CandidateState = Literal["registered", "refused", "promoted", "retired"]
Outcome = Literal["wait", "promote", "retire"]


class Look(Value):
    """What the gate saw when it looked: of `pairs` cards, `right` answers each (unsure counts half)."""

    pairs: int
    p_better: float
    right: float
    right_before: float
    outcome: Outcome
    at: AwareDatetime


class CandidateReport(Value):
    """`reason` in plain words, with the next step where it was refused. `looks` of the gate, oldest first."""

    candidate: str
    handoff_id: str
    state: CandidateState
    reason: str
    version: int | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    at: AwareDatetime


def candidates_prefix(user_id: str) -> str:
    return f"reports/{user_id}/candidates/"


def read(user_id: str, candidate: str, blobs: Blobs) -> CandidateReport | None:
    """None where there is none (it expires with other reports), or one of another make."""
    return _read(f"{candidates_prefix(user_id)}{candidate}.json", blobs)


def write(user_id: str, report: CandidateReport, blobs: Blobs) -> None:
    key = f"{candidates_prefix(user_id)}{report.candidate}.json"
    blobs.put(key, report.model_dump_json().encode(), content_type="application/json")


def newest_first(user_id: str, blobs: Blobs, *, limit: int = 20) -> Sequence[CandidateReport]:
    found = [report for key in blobs.keys(candidates_prefix(user_id)) if (report := _read(key, blobs))]
    return sorted(found, key=lambda report: report.at, reverse=True)[:limit]


def _read(key: str, blobs: Blobs) -> CandidateReport | None:
    try:
        return CandidateReport.model_validate_json(blobs.get(key))
    except (NotFoundError, ValueError):
        return None
