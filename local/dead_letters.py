"""Dead letters of this machine: in the database, and back into the lanes they came from."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from local.application import BlobTrigger
from local.queue import Message, SqliteQueue
from swipr.dead_letters import BATCH, BOXES, HIDE_S, DeadLetter, Kept, listed, resend

LOOK = 1000


class LocalLetters:
    """`dead_letters.Letters` over the queue of a running install."""

    def __init__(self, queue: SqliteQueue, triggers: Sequence[BlobTrigger], now: Callable[[], datetime]) -> None:
        self._queue, self._triggers, self._now = queue, triggers, now

    def look(self, queue: str) -> Sequence[Kept]:
        return [_kept(message) for message in self._queue.peek(queue, limit=LOOK)]

    def take(self, queue: str) -> Sequence[Kept]:
        found = self._queue.receive(queue, at=self._now(), visibility_s=HIDE_S, limit=BATCH)
        return [_kept(message) for message in found]

    def send(self, queue: str, body: str) -> None:
        self._queue.send(queue, body)

    def invoke(self, function: str, event: Mapping[str, Any]) -> None:
        """As the object's own announcement did: into the lane of the trigger that the event names."""
        (record,) = event["Records"]
        name, created = record["s3"].get("configurationId"), record["s3"]["object"]
        if (name, function) not in {(trigger.name, trigger.function) for trigger in self._triggers}:
            raise OSError(f"template.yaml has no event {name} of {function} any more")
        made = {
            "key": unquote_plus(created["key"]),
            "size": int(created["size"]),
            "sequencer": created.get("sequencer", ""),
            "at": record["eventTime"],
        }
        self._queue.send(name, json.dumps(made))

    def drop(self, queue: str, kept: Kept) -> None:  # noqa: ARG002 - other worlds need the queue's name
        self._queue.delete(kept.receipt)

    def release(self, queue: str, kept: Kept) -> None:  # noqa: ARG002
        self._queue.change_visibility(kept.receipt, at=self._now(), visibility_s=0)

    # --- for the command line

    def answer(self, method: str) -> list[DeadLetter]:
        """What lies there (GET), or what became of it when it was sent again (POST)."""
        boxes = list(BOXES.values())
        return resend(self, boxes, now=self._now) if method == "POST" else listed(self, boxes, at=self._now())


def _kept(message: Message) -> Kept:
    return Kept(message.message_id, message.body, message.sent_at, message.receipt)
