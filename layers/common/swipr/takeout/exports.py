"""Everything that is kept for one user, as a file they can take along: asked for, written, fetched.

An export is two objects under `exports/<user>/`: `<id>.json` says how it is with it, `<id>.zip` is the archive. Both go
after a day.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from swipr.errors import NotFoundError
from swipr.models import ExportRequest, Value
from swipr.ports import Blobs, Queue, Store
from swipr.uploads.report import new_upload_id

KEPT_FOR = timedelta(days=1)
ADDRESS_EXPIRES_S = 300
#: One that was asked for and not written within this time is asked for anew.
PATIENCE = timedelta(minutes=15)
_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{16}")


class ExportState(Value):
    """`why` it failed or was withdrawn, with the next step; `url` (short-lived) and `size` (bytes) when ready."""

    export_id: str
    state: Literal["waiting", "writing", "ready", "failed", "withdrawn"]
    asked_at: AwareDatetime
    at: AwareDatetime
    expires_at: AwareDatetime
    size: int | None = None
    photos_left_out: int = 0
    why: str | None = None
    url: str | None = Field(default=None, repr=False)


@dataclass(frozen=True)
class ExportDesk:
    """`token(n)` gives n random bytes as hex."""

    store: Store
    blobs: Blobs
    queue: Queue
    now: Callable[[], datetime]
    token: Callable[[int], str]

    def ask(self, user_id: str) -> ExportState:
        """Ask for an archive, or for the one on its way. Raises NotFoundError for an unknown user."""
        if self.store.user(user_id) is None:
            raise NotFoundError("no such user")
        at = self.now()
        under_way = self._under_way(user_id, at)
        if under_way is not None:
            return under_way
        state = ExportState(
            export_id=new_upload_id(at, self.token(8)), state="waiting", asked_at=at, at=at, expires_at=at + KEPT_FOR
        )
        write_state(self.blobs, user_id, state)
        self.queue.ask_export(ExportRequest(user_id=user_id, export_id=state.export_id))
        return state

    def state(self, user_id: str, export_id: str) -> ExportState:
        """Raises NotFoundError for one that does not exist, has expired or is somebody else's."""
        state = read_state(self.blobs, user_id, export_id)
        if state is None or state.expires_at <= self.now():
            raise NotFoundError("no such export, or it has expired; ask for another one")
        if state.state != "ready":
            return state
        url = self.blobs.presign_get(archive_key(user_id, export_id), expires_s=ADDRESS_EXPIRES_S)
        return state.model_copy(update={"url": url})

    def _under_way(self, user_id: str, at: datetime) -> ExportState | None:
        ids = [key.rpartition("/")[2].removesuffix(".json") for key in self.blobs.keys(export_prefix(user_id))]
        newest = max((export_id for export_id in ids if _ID.fullmatch(export_id)), default=None)
        state = read_state(self.blobs, user_id, newest) if newest else None
        waits = state is not None and state.state in ("waiting", "writing") and at - state.asked_at < PATIENCE
        return state if waits else None


def export_prefix(user_id: str) -> str:
    return f"exports/{user_id}/"


def archive_key(user_id: str, export_id: str) -> str:
    return f"{export_prefix(user_id)}{export_id}.zip"


def state_key(user_id: str, export_id: str) -> str:
    return f"{export_prefix(user_id)}{export_id}.json"


def read_state(blobs: Blobs, user_id: str, export_id: str) -> ExportState | None:
    """None where there is none, or where the id can be nobody's."""
    if _ID.fullmatch(export_id) is None:
        return None
    try:
        return ExportState.model_validate_json(blobs.get(state_key(user_id, export_id)))
    except NotFoundError:
        return None


def write_state(blobs: Blobs, user_id: str, state: ExportState) -> None:
    body = state.model_dump_json(exclude={"url"}, exclude_none=True).encode()
    blobs.put(state_key(user_id, state.export_id), body, content_type="application/json")
