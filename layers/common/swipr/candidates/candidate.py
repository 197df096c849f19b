"""What comes back from training: a folder `inbox/<handoff_id>-<run>/`, complete once its `sums.json` is there."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from swipr.models import Value

NETWORK, HEAD, CARD, METRICS, LEFT_OUT, SUMS = (
    "model.onnx",
    "head.bin",
    "card.json",
    "metrics.json",
    "left_out.json",
    "sums.json",
)
#: What a hand-off wants; the last is written last, and its arrival is the event.
WANTED = (NETWORK, HEAD, CARD, METRICS, LEFT_OUT, SUMS)
MAX_BYTES = {NETWORK: 16_000_000, HEAD: 11_264, CARD: 1_000_000, METRICS: 1_000_000, LEFT_OUT: 5_000_000, SUMS: 10_000}
#: Largest difference of a logit between what training wrote down for the parity pictures and what the judge gives.
PARITY_WITHIN = 0.15
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Sum(Value):
    sha256: Sha256
    size_bytes: int = Field(ge=1)


class Sums(Value):
    """Every file of the folder but this one, by name."""

    schema_version: Literal[1] = 1
    files: dict[str, Sum]


class CandidateCard(Value):
    """Where a candidate comes from. `parity` are its logits for `parity.pictures(size_px)`, in their order.

    A candidate without a network (`network_sha256` None, no model.onnx) is a head alone.
    """

    schema_version: Literal[1] = 1
    candidate: str
    handoff_id: str
    user_id: str
    labels_hash: str
    """Of the hand-off that it answers."""
    dataset_sha256: Sha256
    """Of the bytes it learned from."""
    labels: int
    backbone: Sha256
    network_sha256: Sha256 | None = None
    size_px: int | None = Field(default=None, ge=16, le=1024)
    share: float = Field(default=0.5, gt=0, le=1)
    opset: int | None = None
    parity: tuple[float, ...] = ()
    code: str
    seed: int
    settings: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    made_at: AwareDatetime
    note: str = Field(default="", max_length=2000)


class LeftOut(Value):
    """The network's raw logits for labels, each by a network that had not seen that card's fold; by card id."""

    schema_version: Literal[1] = 1
    logits: dict[str, float]


def folder(candidate: str) -> str:
    return f"inbox/{candidate}/"


def mark(candidate: str, became: Literal["registered", "refused"]) -> str:
    """Key of the empty object beside the hand-off that tells whoever trains what became of an answer to it."""
    return f"handoffs/{handoff_of(candidate)}/{became}/{candidate}"


def handoff_of(candidate: str) -> str:
    """The hand-off's id within a candidate's name."""
    return candidate.rpartition("-")[0]
