"""Who waits behind the gate: one version of a user at most, and of two the one of the newer hand-off."""

from dataclasses import dataclass
from datetime import datetime

from swipr.candidates import candidate_report
from swipr.candidates.candidate import handoff_of
from swipr.candidates.candidate_report import CandidateReport
from swipr.errors import ConflictError, NotFoundError
from swipr.models import Handoff, ModelVersion, User
from swipr.ports import Blobs, Store

_ATTEMPTS = 8


def read_handoff(candidate: str, blobs: Blobs) -> Handoff | None:
    """The hand-off that a candidate answers; None where there is none, or one of another make."""
    try:
        return Handoff.model_validate_json(blobs.get(f"handoffs/{handoff_of(candidate)}.json"))
    except (NotFoundError, ValueError):
        return None


@dataclass(frozen=True)
class Waiting:
    store: Store
    blobs: Blobs
    now: datetime

    def join(self, version: ModelVersion, handoff: Handoff) -> None:
        """Let the version wait, and say so in its report. Idempotent. Raises ConflictError: deliver again."""
        waits = self._let_wait(version, handoff)
        candidate_report.write(version.user_id, self._report(version, handoff, waits=waits), self.blobs)

    def newer_waits(self, user: User, handoff: Handoff) -> bool:
        shadow = self.store.model(user.user_id, user.shadow) if user.shadow is not None else None
        if shadow is None or shadow.candidate is None:
            return False
        other = read_handoff(shadow.candidate, self.blobs)
        return other is not None and other.created_at > handoff.created_at

    def _let_wait(self, version: ModelVersion, handoff: Handoff) -> bool:
        """False where a newer one waits, or its user has put it in charge already."""
        for _ in range(_ATTEMPTS):
            user = self.store.user(version.user_id)
            if user is None or version.version in (user.champion, user.previous) or self.newer_waits(user, handoff):
                return False
            if user.shadow == version.version:
                return True
            if self.store.set_shadow(version.user_id, version.version, expected=user.shadow):
                self._take_leave(version.user_id, user.shadow)
                return True
        raise ConflictError("the waiting version keeps changing: deliver again")

    def _take_leave(self, user_id: str, before: int | None) -> None:
        """Of the version that waited until now."""
        shadow = self.store.model(user_id, before) if before is not None else None
        report = candidate_report.read(user_id, shadow.candidate, self.blobs) if shadow and shadow.candidate else None
        if report is not None:
            reason = "a candidate of a newer hand-off took its place"
            gone = report.model_copy(update={"state": "retired", "reason": reason, "at": self.now})
            candidate_report.write(user_id, gone, self.blobs)

    def _report(self, version: ModelVersion, handoff: Handoff, *, waits: bool) -> CandidateReport:
        reason = f"it is version {version.version} and waits behind the gate: it is asked beside the one in charge"
        return CandidateReport(
            candidate=version.candidate or "",
            handoff_id=handoff.handoff_id,
            state="registered" if waits else "retired",
            reason=reason if waits else f"it is version {version.version}; another one took its place behind the gate",
            version=version.version,
            metrics=version.metrics,
            at=self.now,
        )
