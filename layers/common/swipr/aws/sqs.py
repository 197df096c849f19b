"""Messages in SQS: sent means stored."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from pydantic import BaseModel

from swipr.aws.errors import call
from swipr.models import ExportRequest, RefitRequest, SwipeSession

#: What SQS takes in one call.
BATCH: Final = 10
#: Tries of the entries that SQS refused inside an answer that says 200.
TRIES: Final = 3


class SqsQueue:
    """`ports.Queue`: a call that did not raise has stored its messages, but for those it returns. Raises AwsError."""

    def __init__(self, client: Any, *, sessions_url: str, refits_url: str) -> None:
        """An address may be empty where a function sends nothing to that queue."""
        self._client, self._sessions_url, self._refits_url = client, sessions_url, refits_url

    def send_session(self, session: SwipeSession) -> None:
        self._send(self._sessions_url, session)

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        waiting = iter(sessions)
        left: list[SwipeSession] = []
        while batch := list(islice(waiting, BATCH)):
            left += self._send_batch(batch)
        return left

    def _send_batch(self, batch: list[SwipeSession]) -> list[SwipeSession]:
        """Those SQS has not taken after `TRIES` tries; one that is the sender's own fault is not tried again."""
        refused: list[SwipeSession] = []
        for _ in range(TRIES):
            entries = [{"Id": str(place), "MessageBody": one.model_dump_json()} for place, one in enumerate(batch)]
            answer = call(self._client, "send_message_batch", QueueUrl=self._sessions_url, Entries=entries)
            failed = [(batch[int(entry["Id"])], entry.get("SenderFault", False)) for entry in answer.get("Failed", [])]
            refused += [one for one, ours in failed if ours]
            batch = [one for one, ours in failed if not ours]
            if not batch:
                break
        return refused + batch

    def ask_refit(self, request: RefitRequest) -> None:
        self._send(self._refits_url, request)

    def ask_export(self, request: ExportRequest) -> None:
        self._send(self._refits_url, request)

    def _send(self, url: str, message: BaseModel) -> None:
        call(self._client, "send_message", QueueUrl=url, MessageBody=message.model_dump_json())
