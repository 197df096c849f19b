"""Answers of the API about cards, labels, matches, uploads and predictions, exactly as they are sent."""

from typing import Literal

from pydantic import AwareDatetime

from swipr.api.views import View
from swipr.models import Action, Choice, Earlier, State, Verdict
from swipr.uploads.report import ReportRow


class GivenLabel(View):
    choice: Choice
    labelled_at: AwareDatetime


class DecisionView(View):
    """`photos`: how many can still be seen. `label`: the user's own word on the card."""

    card_id: str
    session_id: str
    name: str
    verdict: Verdict
    reason: str
    state: State
    score: float | None
    photo_scores: tuple[float | None, ...]
    threshold: float | None
    model_version: int | None
    filtered: bool
    action: Action | None
    match_id: str | None
    detail: str
    decided_at: AwareDatetime
    acted_at: AwareDatetime | None
    photos: int
    label: GivenLabel | None


class DecisionPage(View):
    """Newest first. `next` goes on, also where a page of a filtered list is empty; without it the list is over."""

    decisions: tuple[DecisionView, ...]
    next: str | None


class LabelView(View):
    """`earlier`: what the user said of the card before, newest first."""

    card_id: str
    choice: Choice
    source: Literal["correction", "taught", "asked", "upload"]
    chosen_by: str
    labelled_at: AwareDatetime
    earlier: tuple[Earlier, ...]


class LabelPage(View):
    """Newest first."""

    labels: tuple[LabelView, ...]
    next: str | None


class StoredLabels(View):
    stored: tuple[LabelView, ...]


class RemovedLabel(View):
    removed: LabelView


class CardToLabel(View):
    """A card to ask about, and why it: send `chosen_by` back with its label. Of a `recheck` no score is told."""

    card_id: str
    name: str
    photos: int
    score: float | None
    threshold: float | None
    held: bool
    """Swiping waits for this answer."""
    chosen_by: Literal["diverse", "uncertain", "random", "recheck"]
    why: str


class CardsToLabel(View):
    """`text`: what to do where there is no card to ask about."""

    cards: tuple[CardToLabel, ...]
    text: str | None = None


class DoubtfulLabel(View):
    """A label that a model which had not seen it contradicts. `loss`: its log loss, nats. `photos`: that can be seen.

    The same choice again, with `chosen_by` recheck, confirms it.
    """

    card_id: str
    choice: Choice
    chosen_by: str
    labelled_at: AwareDatetime
    score: float
    loss: float
    said: Choice
    text: str
    photos: int


class DoubtfulLabels(View):
    """Worst first; `n` of them in all. `version`: of the model whose left-out scores these are."""

    labels: tuple[DoubtfulLabel, ...]
    n: int
    version: int | None
    text: str


class UploadForm(View):
    """POST the `fields`, then the file as the field `file`, to `url`, as multipart/form-data."""

    upload_id: str
    key: str
    expires_at: AwareDatetime
    url: str
    fields: dict[str, str]


class UploadEntry(View):
    upload_id: str
    key: str
    name: str
    state: Literal["waiting", "reading", "done", "failed"]
    why: str | None
    taken: int
    refused: int
    seen: int
    total: int | None
    restored: dict[str, int] | None
    """Of an export's archive: how many of each kind."""
    uploaded_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    at: AwareDatetime


class UploadView(UploadEntry):
    rows: tuple[ReportRow, ...]


class UploadList(View):
    """Newest first."""

    uploads: tuple[UploadEntry, ...]


class Prediction(View):
    score: float
    verdict: Verdict
    reason: str
    threshold: float
    model_version: int
    qualities: dict[str, float]


class MatchView(View):
    """With the decision that led to it, if it was Swipr's; `gone_at`: since when the deck no longer lists it."""

    match_id: str
    card_id: str
    name: str
    matched_at: AwareDatetime
    decided_at: AwareDatetime | None
    action: Action | None
    score: float | None
    threshold: float | None
    model_version: int | None
    gone_at: AwareDatetime | None
    outcome: Literal["no_reply", "talked", "met", "not_for_me"] | None
    outcome_at: AwareDatetime | None


class MatchPage(View):
    """Newest first. `read_at`: when the deck's own list was last read."""

    matches: tuple[MatchView, ...]
    next: str | None
    read_at: AwareDatetime | None
