"""A candidate arrives: it is checked, and becomes a version that waits behind the gate; or is refused with the reason.

Every step may be done again: what is known of a candidate stands in the version that was made of it, and only one can
be the next version. A refused one leaves a report and nothing else.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from swipr import dataset
from swipr.candidates import candidate_report
from swipr.candidates.candidate import LEFT_OUT, MAX_BYTES, SUMS, LeftOut, folder, handoff_of, mark
from swipr.candidates.candidate_report import CandidateReport
from swipr.candidates.checks import Checked, HandedOver, check
from swipr.candidates.tuned_head import TunedHead, tuned_head
from swipr.candidates.tuned_networks import delete_unused, network_key
from swipr.candidates.waiting import Waiting, read_handoff
from swipr.dataset import Line
from swipr.errors import ConflictError, InputError, NotFoundError, UnfinishedError
from swipr.forgetting import leave_nothing
from swipr.judging import Judge
from swipr.models import BlobRange, Handoff, ModelVersion, Network
from swipr.ports import Blobs, Secrets, Store
from swipr.sessions.planning import forgotten_key

NO_HANDOFF = "inbox: no hand-off has this name, so nothing is kept; see `handoffs/` for the open ones"
MISNAMED = (
    "inbox: a candidate's folder is called <hand-off>-<run>, the run of letters, digits, dots and underscores; this "
    "one was not, and was deleted: copy it again by its own name"
)
_PLACE = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,200}")
_NAME = re.compile(r"[0-9a-f]{32}-[A-Za-z0-9._]{1,64}")
#: A file that is missing by then will not come: until then the event is delivered again.
FILES_FOLLOW = timedelta(seconds=90)
#: More versions than anybody has.
_ALL_MODELS = 100_000
_ATTEMPTS = 8


class Registration(NamedTuple):
    """What became of the event. `unchanged`: it had become something before, or there is nothing any more."""

    candidate: str
    state: Literal["registered", "refused", "unchanged"]
    reason: str = ""
    user_id: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class Registrar:
    """`now` is the time of this delivery."""

    store: Store
    blobs: Blobs
    secrets: Secrets
    judge: Judge
    now: datetime

    def register(self, candidate: str, *, arrived_at: datetime) -> Registration:
        """Idempotent. Raises UnfinishedError while files may still follow, ModelError if the judge cannot be asked:
        deliver again."""
        handoff = self._handoff(candidate)
        if handoff is None:
            if _PLACE.fullmatch(candidate):
                self._say_misnamed(candidate)
                self._empty(candidate)  # its user may have been deleted while it was made
            return Registration(candidate, "refused", NO_HANDOFF)
        if self.store.user(handoff.user_id) is None:
            self._forget(handoff)
            return Registration(candidate, "refused", "inbox: its user was deleted; nothing of it is kept")
        try:
            return self._registered(candidate, handoff)
        except InputError as error:
            return self._refused(candidate, handoff, str(error))
        except NotFoundError as error:
            if self.store.user(handoff.user_id) is None:
                return Registration(candidate, "refused", "inbox: its user was deleted; nothing of it is kept")
            if self.now - arrived_at < FILES_FOLLOW:
                raise UnfinishedError("a file of the candidate is not there yet") from None
            return self._refused(candidate, handoff, str(error))
        finally:
            if leave_nothing(handoff.user_id, store=self.store, blobs=self.blobs, handed={handoff.handoff_id}):
                self._empty(candidate)

    # --- in order

    @property
    def _line(self) -> Waiting:
        return Waiting(self.store, self.blobs, self.now)

    def _handoff(self, candidate: str) -> Handoff | None:
        return read_handoff(candidate, self.blobs) if _NAME.fullmatch(candidate) else None

    def _registered(self, candidate: str, handoff: Handoff) -> Registration:
        version = self._answer_to(handoff)
        if version is None:
            if not self.blobs.keys(folder(candidate) + SUMS):
                return Registration(candidate, "unchanged", "its folder is gone", handoff.user_id)
            self._refuse_old(handoff)
            lines = dataset.read(self.blobs.get(handoff.dataset)) if handoff.dataset else []
            version = self._publish(self._checked(candidate, handoff, lines), handoff, lines)
        if version.candidate != candidate:
            raise InputError(
                "inbox",
                f"the hand-off was answered already, by {version.candidate}, which became version {version.version}; "
                "delete this folder, nothing is missing",
            )
        return self._settled(version, handoff)

    def _answer_to(self, handoff: Handoff) -> ModelVersion | None:
        """The version made of the hand-off's first candidate."""
        return _answer_among(self.store.models(handoff.user_id, limit=_ALL_MODELS), handoff)

    def _refuse_old(self, handoff: Handoff) -> None:
        user = self.store.user(handoff.user_id)
        if user is not None and self._line.newer_waits(user, handoff):
            raise InputError("inbox", f"version {user.shadow}, of a newer hand-off, waits already; nothing is missing")

    def _checked(self, candidate: str, handoff: Handoff, lines: Sequence[Line]) -> Checked:
        cards = {line.card_id for line in lines}

        def strangers(named: Set[str]) -> Set[str]:
            """But not who was forgotten since: of them no line is left."""
            unknown = named - cards
            return unknown - self._forgotten(handoff.user_id, unknown)

        handed = HandedOver(handoff, sum(bool(line.photos) for line in lines), strangers)
        return check(candidate, handed, blobs=self.blobs, judge=self.judge)

    def _publish(self, checked: Checked, handoff: Handoff, lines: Sequence[Line]) -> ModelVersion:
        """The network first, then the labels' logits, then the version that leads to them; or the one before it."""
        network = self._keep_network(checked, handoff.user_id)
        if network is not None:
            for line in lines:
                if line.card_id in checked.left_out:
                    logits = {network.short: checked.left_out[line.card_id]}
                    self.store.note_logits(handoff.user_id, line.card_id, logits, labelled_at=line.labelled_at)
        head = self._head(checked, network, handoff, lines)
        for _ in range(_ATTEMPTS):
            # One reading tells whether there is an answer and which version is next: of two deliveries at once, one
            # finds the other's, or finds its number taken.
            versions = self.store.models(handoff.user_id, limit=_ALL_MODELS)
            if other := _answer_among(versions, handoff):
                self._give_up(network, other)
                return other
            version = self._version(checked, handoff, network, head, after=versions)
            if self.store.put_model(version):
                return version
        raise ConflictError("refits of this user keep publishing: deliver again")

    def _keep_network(self, checked: Checked, user_id: str) -> Network | None:
        if checked.network is None or checked.card.size_px is None:
            return None
        sha256 = hashlib.sha256(checked.network).hexdigest()
        network = Network(
            key=network_key(user_id, sha256),
            sha256=sha256,
            size_bytes=len(checked.network),
            size_px=checked.card.size_px,
            share=checked.card.share,
        )
        self.blobs.put(network.key, checked.network)
        return network

    def _give_up(self, network: Network | None, other: ModelVersion) -> None:
        if network is not None and network != other.network:
            self.blobs.delete([network.key])

    def _head(self, checked: Checked, network: Network | None, handoff: Handoff, lines: Sequence[Line]) -> TunedHead:
        user = self.store.user(handoff.user_id)
        if network is None or user is None:
            return TunedHead(checked.head, {})
        return tuned_head(checked.head, network, checked.left_out, lines, user.settings)

    def _version(
        self,
        checked: Checked,
        handoff: Handoff,
        network: Network | None,
        head: TunedHead,
        *,
        after: Sequence[ModelVersion],
    ) -> ModelVersion:
        user = self.store.user(handoff.user_id)
        taught = self.store.model(handoff.user_id, handoff.model_version)
        return ModelVersion(
            user_id=handoff.user_id,
            version=1 + max((each.version for each in after), default=0),
            kind="head" if network is None else "tuned",
            network=network,
            candidate=checked.card.candidate,
            parent=user.champion if user else None,
            head=head.head,
            sha256=hashlib.sha256(head.head).hexdigest(),
            backbone=handoff.base_backbone,
            labels=handoff.labels,
            likes=handoff.likes,
            labels_hash=handoff.labels_hash,
            penalty=taught.penalty if taught else 1.0,
            metrics=checked.metrics | head.metrics,
            code=checked.card.code[:200],
            created_at=self.now,
        )

    # --- what follows from the version

    def _settled(self, version: ModelVersion, handoff: Handoff) -> Registration:
        """Behind the gate, with a report, without its folder: however often, and wherever it stopped before."""
        user_id, candidate = version.user_id, version.candidate or ""
        report = candidate_report.read(user_id, candidate, self.blobs)
        known = report is not None and report.state != "refused"
        self.blobs.put(mark(candidate, "registered"), b"")
        if not known:
            self._line.join(version, handoff)
        self._empty(candidate)
        if known:
            return Registration(candidate, "unchanged", "it was registered before", user_id, version.version)
        delete_unused(user_id, self.store, self.blobs, now=self.now)
        return Registration(candidate, "registered", "", user_id, version.version)

    def _refused(self, candidate: str, handoff: Handoff, reason: str) -> Registration:
        report = CandidateReport(
            candidate=candidate, handoff_id=handoff.handoff_id, state="refused", reason=reason, at=self.now
        )
        candidate_report.write(handoff.user_id, report, self.blobs)
        self.blobs.put(mark(candidate, "refused"), b"")
        if self._names_forgotten(candidate, handoff):  # whoever forgot them, found no report of this one yet
            self._empty(candidate)
        return Registration(candidate, "refused", reason, handoff.user_id)

    def _say_misnamed(self, candidate: str) -> None:
        """To whom the hand-off belongs that its name begins with, if any."""
        handoff = read_handoff(f"{candidate[:32]}-", self.blobs)
        if handoff is None or self.store.user(handoff.user_id) is None:
            return
        report = CandidateReport(
            candidate=candidate, handoff_id=handoff.handoff_id, state="refused", reason=MISNAMED, at=self.now
        )
        candidate_report.write(handoff.user_id, report, self.blobs)
        leave_nothing(handoff.user_id, store=self.store, blobs=self.blobs, handed={handoff.handoff_id})

    def _names_forgotten(self, candidate: str, handoff: Handoff) -> bool:
        try:
            part = BlobRange(key=folder(candidate) + LEFT_OUT, first=MAX_BYTES[LEFT_OUT], last=MAX_BYTES[LEFT_OUT])
            self.blobs.get_range(part)
        except NotFoundError:
            pass
        else:
            return True  # too long to be looked at
        try:
            cards = LeftOut.model_validate_json(self.blobs.get(folder(candidate) + LEFT_OUT)).logits
        except (NotFoundError, ValueError):
            return False
        return bool(self._forgotten(handoff.user_id, cards))

    def _forgotten(self, user_id: str, cards: Iterable[str]) -> set[str]:
        keys = {forgotten_key(self.secrets, user_id, card_id): card_id for card_id in cards}
        return {keys[key] for key in self.store.acted(user_id, keys)} if keys else set()

    def _forget(self, handoff: Handoff) -> None:
        leave_nothing(handoff.user_id, store=self.store, blobs=self.blobs, handed={handoff.handoff_id})

    def _empty(self, candidate: str) -> None:
        if keys := self.blobs.keys(folder(candidate)):
            self.blobs.delete(keys)


def _answer_among(versions: Iterable[ModelVersion], handoff: Handoff) -> ModelVersion | None:
    answers = (each for each in versions if each.candidate and handoff_of(each.candidate) == handoff.handoff_id)
    return next(answers, None)
