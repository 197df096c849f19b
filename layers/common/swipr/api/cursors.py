"""Where the next page of a list begins: sealed, so that it is good for its own user, list and filter only."""

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import datetime

from swipr.errors import InputError
from swipr.ports import Secrets

#: A place in a list that is ordered by time, then by id, newest first.
Place = tuple[datetime, str]


@dataclass(frozen=True)
class Cursors:
    secrets: Secrets

    def seal(self, place: Place, *, user_id: str, of: str) -> str:
        """`of` names the list and its filter."""
        at, name = place
        text = base64.urlsafe_b64encode(json.dumps([at.isoformat(), name]).encode()).decode()
        return f"{text}.{self._seal(user_id, of, text)}"

    def open(self, cursor: str | None, *, user_id: str, of: str) -> Place | None:
        """None for none. Raises InputError for what `seal` did not give for this user, list and filter."""
        if cursor is None:
            return None
        text, _, seal = cursor.partition(".")
        expected = self._seal(user_id, of, text)
        if not hmac.compare_digest(seal.encode(errors="replace"), expected.encode()):
            raise InputError("cursor", "is not one that this list gave with this filter; start without it")
        at, name = json.loads(base64.urlsafe_b64decode(text))
        return datetime.fromisoformat(at), name

    def _seal(self, user_id: str, of: str, text: str) -> str:
        # Each part quoted: no other three parts make the same text.
        return self.secrets.keyed_hash(f"cursor {json.dumps([user_id, of, text])}")[:32]
