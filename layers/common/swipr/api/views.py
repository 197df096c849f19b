"""Answers of the API about the account, exactly as they are sent: the published document is made from them."""

from typing import Literal

from pydantic import AwareDatetime, ConfigDict

from swipr.candidates.candidate_report import CandidateState
from swipr.models import SessionReport, Status, SwitchEvent, Value


class View(Value):
    """Built when first used: a cold start answers one of them, not all."""

    model_config = ConfigDict(defer_build=True, json_schema_serialization_defaults_required=True)


class Problem(View):
    """RFC 9457: what is wrong in plain words, and the field to mend where there is one."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
    field: str | None = None


SwitchState = Literal["on", "off", "stopping"]


class BudgetView(View):
    likes_per_day: int
    likes_today: int
    left: int
    superlikes_per_day: int
    superlikes_today: int
    swipes_per_day: int
    swipes_today: int
    day: str
    time_zone: str


Role = Literal["champion", "previous", "shadow"]


class ModelView(View):
    """`metrics` are of cards the model had not seen; `role` in which it serves, if in any; a `shadow` is only watched.

    `network`: the first characters of the tuned network's sha256, `share` its part of the blend. `candidate`: the
    folder of the inbox that it came in by. `parent`: the version it goes on from.
    """

    version: int
    kind: Literal["head", "tuned", "likeness"]
    network: str | None
    share: float | None
    candidate: str | None
    parent: int | None
    sha256: str
    backbone: str
    labels: int
    likes: int
    labels_hash: str
    penalty: float
    metrics: dict[str, float]
    code: str
    created_at: AwareDatetime
    role: Role | None


class CandidateView(View):
    """What became of a model that training sent in: `reason` in plain words, and the next step if it was refused."""

    candidate: str
    handoff_id: str
    state: CandidateState
    reason: str
    version: int | None
    at: AwareDatetime


class GateView(View):
    """How far the version that waits is: `pairs` labels given since that both versions had answered before."""

    version: int
    against: int | None
    pairs: int
    needed: int
    text: str


class ModelList(View):
    """Newest first. `gate` while a version waits."""

    models: tuple[ModelView, ...]
    candidates: tuple[CandidateView, ...]
    gate: GateView | None


class StatusView(View):
    user_id: str
    switch: SwitchState
    acting: bool
    deck: str
    deck_connected: bool
    next_due_at: AwareDatetime | None
    deck_wait_until: AwareDatetime | None
    status: Status | None
    budget: BudgetView
    held: int
    model: ModelView | None
    labels: int
    sessions: tuple[SessionReport, ...]
    now: AwareDatetime


class SwitchView(View):
    """`off` is said only when nothing that began before can still be under way. `history`: newest first."""

    switch: SwitchState
    switched_at: AwareDatetime | None
    history: tuple[SwitchEvent, ...]


class DeckChoice(View):
    """`terms`: what has to be accepted to connect it, if anything."""

    deck: str
    needs_token: bool
    terms: str | None


class DeckView(View):
    deck: str
    connected: bool
    connected_at: AwareDatetime | None
    acting: bool
    wait_until: AwareDatetime | None
    decks: tuple[DeckChoice, ...]
