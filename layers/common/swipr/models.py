"""Values that cross a boundary: stored records, queue messages, what decks and handlers exchange.

All are frozen; a change is a new value (`model_copy`). Times are aware UTC and end in `_at` or `_until`.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from swipr.sessions.words import fold

Choice = Literal["like", "pass"]
Verdict = Literal["like", "pass", "unsure"]
#: What is sent to a deck. A super like is a like, and counts as one.
Action = Literal["like", "pass", "superlike"]

SLOT_FORMAT = "%Y%m%dT%H%M%S.%f"

#: `dry_run`, `unsure` and `failed` may become `pending`; `sent` and `unknown` are final.
State = Literal["dry_run", "unsure", "failed", "pending", "sent", "unknown"]
REOPENABLE: frozenset[State] = frozenset({"dry_run", "unsure", "failed"})

USER_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
UserId = Annotated[str, Field(pattern=USER_ID)]
CardId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}:[^\s/\\]{1,200}$")]


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- decks -----------------------------------------------------------------------------------------


class Photo(Value):
    """One photo as its deck names it. `url` may be signed and expire; it is never stored or logged."""

    photo_id: str
    url: str = Field(repr=False)


class Card(Value):
    """One profile, or one photo of a folder, in the deck's order of photos."""

    card_id: CardId
    name: str = ""
    age: int | None = None
    bio: str = Field(default="", repr=False)
    distance_km: float | None = None
    verified: bool = False
    schools: tuple[str, ...] = Field(default=(), repr=False)
    jobs: tuple[str, ...] = Field(default=(), repr=False)
    """Titles and companies, as stated."""
    photos: tuple[Photo, ...] = ()
    echo: dict[str, str] = Field(default_factory=dict, repr=False)
    """What the deck wants back with a like or pass, opaque to everybody else."""


class Offer(Value):
    """What a deck offered when asked once. `wait_until` is the deck's own word; no cards = nothing left."""

    cards: tuple[Card, ...] = ()
    wait_until: AwareDatetime | None = None


class Answer(Value):
    """What became of one like, pass or super like.

    `sent`: the deck counted it. `failed`: known not to have counted. `unknown`: nobody can tell.
    `wait_until`: the deck allows no more before then. `refused`: plain words why it allows none at all.
    `spent`: which kind the deck has no more of; for `superlikes` it goes on with likes.
    """

    state: Literal["sent", "failed", "unknown"]
    detail: str = ""
    match_id: str | None = None
    wait_until: AwareDatetime | None = None
    refused: str | None = None
    spent: Literal["likes", "superlikes"] | None = None


class Match(Value):
    """One match as the deck lists it."""

    match_id: str
    card_id: CardId
    name: str = Field(default="", repr=False)
    matched_at: AwareDatetime | None = None


class MatchList(Value):
    """What the deck lists, each match once. Not `complete`: there are more than could be read this time."""

    matches: tuple[Match, ...] = ()
    complete: bool = True
    unnamed: tuple[str, ...] = ()
    """Ids of matches that are listed, but not with whom."""


class DeckHealth(Value):
    """Whether a deck works for this user now, in plain words, with the next step where there is one."""

    works: bool
    text: str
    likes_left: int | None = None
    """The deck's own word; None where it says nothing."""
    wait_until: AwareDatetime | None = None
    refused: bool = False
    """The deck refuses this user until they have done something."""


# --- users -----------------------------------------------------------------------------------------


def _with_something_to_find(word: str) -> str:
    if not fold(word):
        raise ValueError("nothing of this word can be seen, so it would never be found; type it anew or leave it out")
    return word


Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60),
    AfterValidator(_with_something_to_find),
]
Words = Annotated[tuple[Word, ...], Field(max_length=100)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Filters(Value):
    """Which cards are passed before any photo is downloaded. Words are whole words, in any case and script."""

    model_config = ConfigDict(strict=True)

    age_min: int | None = Field(default=None, ge=18, le=120)
    age_max: int | None = Field(default=None, ge=18, le=120)
    distance_km_max: float | None = Field(default=None, ge=0, le=30_000)
    """A card that states no distance is kept."""
    photos_min: int | None = Field(default=None, ge=1, le=9)
    photos_max: int | None = Field(default=None, ge=1, le=9)
    bio_required: bool = False
    verified_only: bool = False
    must_have_words: Words = ()
    """At least one of them in the bio, a school or a job."""
    banned_words: Words = ()
    """None of them in the bio, a school or a job."""
    school_words: Words = ()
    """At least one of them in a school."""
    job_words: Words = ()
    """At least one of them in a job."""

    @model_validator(mode="after")
    def _in_order(self) -> "Filters":
        for least, most in (("age_min", "age_max"), ("photos_min", "photos_max")):
            low, high = getattr(self, least), getattr(self, most)
            if low is not None and high is not None and low > high:
                raise ValueError(f"{least} is above {most}; no card could pass both")
        return self


class SuperlikeNever(Value):
    """Ends the list: what comes after it is not asked."""

    when: Literal["never"]


class SuperlikeOutOfLikes(Value):
    """The deck allows no more likes: a super like instead."""

    when: Literal["out_of_likes"]


class SuperlikeWord(Value):
    """One of the words stands in the bio, a school or a job."""

    when: Literal["word"]
    words: Annotated[Words, Field(min_length=1)]


class SuperlikeScore(Value):
    """The score is above this."""

    when: Literal["score_above"]
    score: float = Field(ge=0, le=1)


SuperlikeStrategy = Annotated[
    SuperlikeNever | SuperlikeOutOfLikes | SuperlikeWord | SuperlikeScore, Field(discriminator="when")
]


class QuietHours(Value):
    """No session from `start` until `end` by the user's clock; over midnight where `end` is the earlier."""

    start: ClockTime
    end: ClockTime

    @model_validator(mode="after")
    def _not_all_day(self) -> "QuietHours":
        if self.start == self.end:
            raise ValueError("start and end are the same; to stop altogether, switch off")
        return self


class UserSettings(Value):
    """What a user may choose. Limits are promises: see `swiping`."""

    model_config = ConfigDict(strict=True)

    time_zone: str = "UTC"
    likes_per_day: int = Field(default=20, ge=0, le=10_000)
    swipes_per_day: int = Field(default=500, ge=0, le=100_000)
    """Likes and passes together."""
    superlikes_per_day: int = Field(default=1, ge=0, le=100)
    """Of the likes a day, at most; without a strategy none is sent."""
    superlikes: Annotated[tuple[SuperlikeStrategy, ...], Field(max_length=10)] = (SuperlikeNever(when="never"),)
    """Asked in order, of cards to be liked only; the first that applies makes the like a super like."""
    filters: Filters = Filters()
    quiet_hours: QuietHours | None = None
    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = WEEKDAYS
    """Days of the week, in the user's time zone, on which sessions run."""
    swipes_per_session: int = Field(default=12, ge=1, le=100)
    session_every_s: int = Field(default=900, ge=5, le=86_400)
    pacing_s: float = Field(default=2.0, ge=0, le=30)
    unsure: Literal["ask", "pass", "act"] = "ask"
    wish: Literal["balanced", "precision"] = "balanced"
    precision_at_least: float = Field(default=0.8, ge=0.5, le=0.99)
    card_rule: Literal["mean", "any", "best_weighted"] = "mean"
    handoff_min_labels: int = Field(default=200, ge=1, le=100_000)
    """New labels before training is asked for; later, as many as there were at the last time."""
    handoff_min_hours: float = Field(default=24.0, ge=0, le=8760)
    keep_photos: bool = False
    """Keep the photos of labels, for training and so that labels can follow a change of backbone."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        """Places only: names like `localtime` mean something else on each machine."""
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no IANA time zone, for example Europe/Berlin") from error
        if name != "UTC" and "/" not in name:
            raise ValueError(f"{name!r} names no place; choose one such as Europe/Berlin, or UTC")
        return name


class Lease(Value):
    """The right to run one user's session: who, until when, and a fence that only ever grows."""

    owner: str
    until: AwareDatetime
    fence: int


class InFlight(Value):
    """The one action that has begun and whose answer is not stored yet."""

    card_id: CardId
    action: Action
    fence: int
    begun_at: AwareDatetime


class Status(Value):
    """What the user reads about the deck and the last session, in plain words."""

    code: Literal[
        "ready", "running", "done", "dry_run_unchanged", "deck_empty", "deck_waits", "deck_unavailable",
        "judge_failed", "refused", "held_cards", "budget_spent", "untaught", "nothing_new", "quiet", "off", "failed",
    ]  # fmt: skip
    text: str
    at: AwareDatetime


class SwitchEvent(Value):
    """One turn of the switch: by the user, or by Swipr itself when the deck refuses."""

    at: AwareDatetime
    enabled: bool
    by: Literal["you", "swipr"]
    reason: str = ""


class SessionReport(Value):
    """What one session did; counts are of cards unless the name says otherwise."""

    session_id: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    outcome: str
    deck: str
    acting: bool
    cards: int = 0
    filtered: int = 0
    liked: int = 0
    """Super likes too."""
    superliked: int = 0
    passed: int = 0
    unsure: int = 0
    unknown: int = 0
    failed: int = 0
    matches: int = 0
    photos: int = 0
    photo_errors: int = 0
    judge_ms: float = 0.0
    """Time spent in the judge, milliseconds, all photos together."""
    cost_microusd: float = 0.0


class Handoff(Value):
    """A request to train on one version of a user's labels; `labels_hash` names it, `split_seed` splits it by card."""

    schema_version: Literal[1, 2] = 2
    handoff_id: str
    user_id: UserId
    labels_hash: str
    labels: int
    likes: int
    passes: int
    model_version: int
    """The head that learned from exactly these labels: what a candidate has to beat."""
    split_seed: int
    base_backbone: str
    """sha256 of the backbone that head is for."""
    code: str
    dataset: str = ""
    """Key of the labels with their features and where their kept photos lie; see `dataset`."""
    photos: int = 0
    """How many of the labels have kept photos: without any, only a head can be trained."""
    wanted: tuple[str, ...]
    """Names of the objects that answer it, each below `inbox/<handoff_id>-<run>/`."""
    created_at: AwareDatetime
    deadline_at: AwareDatetime


class User(Value):
    user_id: UserId
    enabled: bool = False
    deck: str = "tinder"
    acting_on: str | None = None
    """The deck this user allowed to act on; anything else than `deck` is a dry run."""
    settings: UserSettings = UserSettings()
    settings_revision: int = 0
    next_due_at: AwareDatetime | None = None
    deck_wait_until: AwareDatetime | None = None
    deck_token: bytes | None = Field(default=None, repr=False)
    """Sealed by Secrets with the context user + deck."""
    deck_connected_at: AwareDatetime | None = None
    switched_at: AwareDatetime | None = None
    switch_history: tuple[SwitchEvent, ...] = ()
    """Newest first."""
    status: Status | None = None

    lease: Lease | None = None
    fence: int = 0
    in_flight: InFlight | None = None
    session_id: str | None = None
    session_swipes: int = 0
    session_ended: bool = True

    budget_day: date | None = None
    budget_zone: str = "UTC"
    likes_today: int = 0
    superlikes_today: int = 0
    swipes_today: int = 0
    matches_read_at: AwareDatetime | None = None
    labels: int = 0
    """How many are stored."""
    held: tuple[CardId, ...] = ()
    """Cards that wait for the user's own answer, oldest first."""

    champion: int | None = None
    previous: int | None = None
    highest_champion: int = 0
    """The highest version that ever was champion: none up to it is promoted again but by the user."""
    shadow: int | None = None
    """A trained version that is asked beside the champion and only watched, until the gate promotes or retires it."""
    handoff: Handoff | None = None
    """The last one."""
    recent_sessions: tuple[SessionReport, ...] = ()
    """Newest first."""

    @property
    def acting(self) -> bool:
        return self.acting_on == self.deck


class DueUser(Value):
    user_id: UserId
    due_at: AwareDatetime


class SwipeSession(Value):
    """Queue message: run the session of one user's slot. The id is the slot, so the same slot is one session."""

    version: Literal[1] = 1
    user_id: UserId
    due_at: AwareDatetime

    @property
    def session_id(self) -> str:
        return self.due_at.astimezone(UTC).strftime(SLOT_FORMAT)

    @staticmethod
    def slot_of(session_id: str) -> datetime:
        """The slot that a session id names."""
        return datetime.strptime(session_id, SLOT_FORMAT).replace(tzinfo=UTC)


class RefitRequest(Value):
    """Queue message: this user's labels changed."""

    version: Literal[1] = 1
    kind: Literal["refit"] = "refit"
    user_id: UserId


class ExportRequest(Value):
    """Queue message: this user wants everything that is kept for them."""

    version: Literal[1] = 1
    kind: Literal["export"] = "export"
    user_id: UserId
    export_id: str


# --- decisions, labels, models ------------------------------------------------------------------------


class BlobRange(Value):
    """Bytes `first` to `last` (both included) of a stored object."""

    key: str
    first: int = Field(ge=0)
    last: int = Field(ge=0)


class Prediction(Value):
    """What one version of the model said of a card before the user's own word on it was known."""

    version: int
    score: float
    verdict: Verdict


#: Raw logits of tuned networks, mean over a card's photos, by the first 12 characters of the network's sha256.
NetworkLogits = dict[str, float]


class Decision(Value):
    """A recorded verdict: what was seen, by which model, why, and what the deck answered."""

    user_id: UserId
    card_id: CardId
    session_id: str
    name: str = ""
    verdict: Verdict
    reason: str
    state: State
    score: float | None = None
    photo_scores: tuple[float | None, ...] = ()
    threshold: float | None = None
    model_version: int | None = None
    backbone: str | None = None
    shadow: Prediction | None = None
    """What the version that waits behind the gate said at the same moment."""
    network_logits: NetworkLogits = Field(default_factory=dict)
    photos: tuple[BlobRange, ...] = ()
    features: BlobRange | None = None
    """Float16 little-endian mean of the photos' features, one row."""
    photos_expire_at: AwareDatetime | None = None
    """When photos and features go; the decision itself stays until `expires_at`."""
    filtered: bool = False
    action: Action | None = None
    """What was sent, or begun; None while nothing was."""
    match_id: str | None = None
    detail: str = ""
    tries: int = 0
    """How often the deck would not take it."""
    decided_at: AwareDatetime
    acted_at: AwareDatetime | None = None
    expires_at: AwareDatetime

    def shows_photos(self, at: datetime) -> bool:
        """Whether its photos and features may still be read: what has expired may be there a while longer."""
        return self.photos_expire_at is None or at < self.photos_expire_at


class MatchRecord(Value):
    """A match, by which decision it came (none: the user swiped by themselves), and what the user noted of it."""

    user_id: UserId
    match_id: str = Field(min_length=1, max_length=200)
    card_id: CardId
    name: str = Field(default="", repr=False)
    matched_at: AwareDatetime
    """By the deck; where it does not say, when it was first seen."""
    decided_at: AwareDatetime | None = None
    """Of the decision that led to it; the decision itself may have expired."""
    action: Action | None = None
    score: float | None = None
    threshold: float | None = None
    model_version: int | None = None
    gone_at: AwareDatetime | None = None
    """Since when the deck no longer lists it."""
    outcome: Literal["no_reply", "talked", "met", "not_for_me"] | None = None
    outcome_at: AwareDatetime | None = None
    expires_at: AwareDatetime
    """Moved on while the deck still lists it."""


class StoredAnswer(Value):
    """An answer of the API as it was given, to be given again for the same Idempotency-Key."""

    status: int
    content_type: str
    body: str
    headers: dict[str, str] = Field(default_factory=dict)


class EarlierRequest(Value):
    """What was asked under an Idempotency-Key before; no answer yet while it is being worked on."""

    digest: str
    """sha256 of method, path and body."""
    begun_at: AwareDatetime
    answer: StoredAnswer | None = None


class Earlier(Value):
    """A label of a card that its user has given anew since."""

    choice: Choice
    chosen_by: str
    labelled_at: AwareDatetime


class Label(Value):
    """A person's own judgement of a card."""

    user_id: UserId
    card_id: CardId
    choice: Choice
    source: Literal["correction", "taught", "asked", "upload"] = "taught"
    chosen_by: str = "person"
    """How this card came to be asked about: `person`, `diverse`, `uncertain`, `random`, `recheck`."""
    labelled_at: AwareDatetime
    backbone: str
    """sha256 of the backbone that made `features`."""
    features: bytes = Field(default=b"", repr=False)
    """Float16 little-endian, one row: the mean of the card's photos' features."""
    predicted: tuple[Prediction, ...] = ()
    """What was said of the card before this label was known: first by the version in charge, then by the shadow."""
    network_logits: NetworkLogits = Field(default_factory=dict)
    """By networks that have not learned from this very label."""
    earlier: tuple[Earlier, ...] = ()
    """Newest first; 5 are kept."""


class Network(Value):
    """A tuned network beside the shared backbone; its one output `logit` is blended with the head's."""

    key: str
    sha256: str
    size_bytes: int = Field(ge=1)
    size_px: int = Field(ge=16, le=1024)
    share: float = Field(default=0.5, gt=0, le=1)
    """Of the network in the blend of logits; 1 leaves the frozen part out."""

    @property
    def short(self) -> str:
        """As `NetworkLogits` names it."""
        return self.sha256[:12]


class ModelVersion(Value):
    """One trained version. `head` is the binary of `heads`; `sha256` is of those bytes.

    `head`: over the shared backbone. `tuned`: blended with a network of its own; slope, intercept and lines of its head
    are for the blend. `likeness`: below two labels of a kind; it ranks by likeness to the likes and never decides.
    """

    user_id: UserId
    version: int = Field(ge=1)
    kind: Literal["head", "tuned", "likeness"] = "head"
    network: Network | None = None
    """Of a `tuned` one."""
    candidate: str | None = None
    """The folder of the inbox that it came in by; None if it was fitted here."""
    parent: int | None = None
    """The version that was to be beaten, of a candidate; that it goes on from, of a refit."""
    head: bytes = Field(repr=False)
    sha256: str
    backbone: str
    labels: int
    likes: int
    labels_hash: str
    penalty: float
    metrics: dict[str, float] = Field(default_factory=dict)
    code: str
    created_at: AwareDatetime


def is_final(state: State) -> bool:
    return state in ("sent", "unknown")


def stand_in(card_id: str) -> str:
    """The match id of a like whose answer says that it is a match, but not which: the card's id at its deck."""
    return card_id.partition(":")[2]
