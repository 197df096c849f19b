"""What labels set going: the head is fitted anew, training is asked for and answered, files of labels are taken in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from swipr.errors import NotFoundError
from swipr.forgetting import leave_nothing
from swipr.judging import Judge, backbone_of
from swipr.models import ExportRequest, Handoff, Label, ModelVersion, RefitRequest
from swipr.ports import Blobs, Queue, Secrets, Store, Trainer
from swipr.reembedding import reembed
from swipr.sessions.planning import acted_key
from swipr.takeout.exports import ExportState
from swipr.takeout.writer import ExportWriter
from swipr.uploads.report import Uploaded, UploadReport
from swipr.uploads.uploads import Uploads

if TYPE_CHECKING:
    from swipr.candidates.gate import Passed
    from swipr.candidates.registering import Registration

#: A label stored while the newest model was being fitted is older than it.
FOLLOWED_FOR = timedelta(days=1)
#: For so long training is asked for again with each refit, as the first time may have got lost; it is the same job.
ASKED_FOR = timedelta(days=1)


class Learned(NamedTuple):
    """What a refit led to: a new version, one that came through the gate or waits no more, a hand-off, and what is
    being trained on it by itself, in plain words."""

    model: ModelVersion | None = None
    passed: "Passed | None" = None
    handed: Handoff | None = None
    training: str | None = None


@dataclass(frozen=True)
class Feedback:
    """`token(n)` gives n random bytes as hex."""

    store: Store
    blobs: Blobs
    queue: Queue
    secrets: Secrets
    judge: Judge
    code: str
    now: Callable[[], datetime]
    token: Callable[[int], str]
    trainer: Trainer | None = None
    """None where nobody trains by itself."""

    def refit(self, request: RefitRequest) -> Learned:
        """Fit the user's head to the labels there are now, look at who waits behind the gate, and hand over what has
        become enough.

        No model if it is up to date or cannot be fitted yet. What is left of a user who was deleted is taken away.
        """
        user = self.store.user(request.user_id)
        if user is None:
            self._forget_nobody(request.user_id)
            return Learned()
        try:
            return self._refit(request.user_id)
        finally:
            handed = {user.handoff.handoff_id} if user.handoff else set()
            leave_nothing(request.user_id, store=self.store, blobs=self.blobs, handed=handed)

    def _forget_nobody(self, user_id: str) -> None:
        from swipr.handoff import handoff_ids_of_nobody

        handed = handoff_ids_of_nobody(user_id, self.blobs)
        leave_nothing(user_id, store=self.store, blobs=self.blobs, handed=handed)

    def register(self, candidate: str, *, arrived_at: datetime) -> "Registration":
        """Take in what came back from training; see `Registrar.register`."""
        from swipr.candidates.registering import Registrar

        registrar = Registrar(self.store, self.blobs, self.secrets, self.judge, self.now())
        return registrar.register(candidate, arrived_at=arrived_at)

    def export(self, request: ExportRequest, *, time_left_s: Callable[[], float]) -> ExportState | None:
        """Write the archive that was asked for; see `ExportWriter.write`."""
        return ExportWriter(self.store, self.blobs, self.now).write(request, time_left_s=time_left_s)

    def take_upload(self, uploaded: Uploaded, *, time_left_s: Callable[[], float]) -> UploadReport | None:
        """Take in a file of labels; see `Uploads.take`."""
        return self._uploads.take(uploaded, time_left_s=time_left_s)

    def _refit(self, user_id: str) -> Learned:
        from swipr.handoff import hand_over
        from swipr.learning.refitting import refit
        from swipr.learning.teaching import SEARCH_DUE

        try:
            decided = self._has_champion(user_id)
            now, code, backbone = self.now(), self.code, self._backbone
            follow = partial(self._follow, user_id)
            model = refit(user_id, self.store, self.blobs, now=now, code=code, backbone=backbone, follow=follow)
            if model is not None and SEARCH_DUE in model.metrics:
                self.queue.ask_refit(RefitRequest(user_id=user_id))
            if not decided and self._has_champion(user_id):
                self.store.wake(user_id, at=self.now())  # until now a session could only gather
            passed = self._pass_through(user_id)
            handed = hand_over(user_id, self.store, self.blobs, now=self.now(), code=self.code)
            return Learned(model, passed, handed, self._have_trained(user_id))
        except NotFoundError:
            if self.store.user(user_id) is None:  # deleted meanwhile
                return Learned()
            raise

    def _has_champion(self, user_id: str) -> bool:
        user = self.store.user(user_id)
        return user is not None and user.champion is not None

    def _pass_through(self, user_id: str) -> "Passed | None":
        from swipr.candidates.gate import pass_through
        from swipr.candidates.tuned_networks import delete_unused

        passed = pass_through(user_id, self.store, self.blobs, now=self.now(), backbone=self._backbone)
        if passed is not None:
            delete_unused(user_id, self.store, self.blobs, now=self.now())
        return passed

    def _have_trained(self, user_id: str) -> str | None:
        """Asked after each refit while the hand-off is young: whoever crashed in between is made up for."""
        user = self.store.user(user_id)
        handoff = user.handoff if user else None
        if self.trainer is None or handoff is None or not handoff.dataset:
            return None
        return self.trainer.start(handoff) if self.now() - handoff.created_at < ASKED_FOR else None

    def _follow(self, user_id: str, labels: Sequence[Label]) -> bool:
        """A new label may be of a decision made with an earlier backbone: embed its photos by the one in use.

        Whether there was such a label.
        """
        if all(label.backbone == self._backbone for label in labels):
            return False
        newest = next(iter(self.store.models(user_id, limit=1)), None)
        since = newest.created_at - FOLLOWED_FOR if newest else None
        strangers = [
            label
            for label in labels
            if label.backbone != self._backbone and (since is None or label.labelled_at > since)
        ]
        if strangers:
            at = self.now()
            reembed(strangers, store=self.store, blobs=self.blobs, judge=self.judge, backbone=self._backbone, at=at)
        return bool(strangers)

    @cached_property
    def _backbone(self) -> str:
        """Asked once: a new backbone comes with a new process, here and on AWS, where both have one layer."""
        return backbone_of(self.judge)

    @cached_property
    def _uploads(self) -> Uploads:
        def key(user_id: str, card_id: str) -> str:
            return acted_key(self.secrets, user_id, card_id)

        return Uploads(self.store, self.blobs, self.queue, self.judge, key, self.now, self.token)
