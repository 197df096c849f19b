"""Teach Swipr the labels that lie in a folder as `like/` and `pass/`, through the API."""

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.client import Client, ClientError
from swipr.decks.folder_photo import SMALL_SIDE_PX, small_photo
from swipr.decks.folder_scan import Found, PhotoFolder, read_unchanged
from swipr.errors import PhotoError
from swipr.photos import shrink

#: Of one call: the API takes 6 MB, base64 and all.
CALL_BYTES = 2_500_000
CALL_LABELS = 50
LEARN_S = 120.0
_CHOICES = ("like", "pass")
Json = dict[str, Any]


class Lesson:
    """`refused`: files that are no readable photos."""

    def __init__(self, folder: Path) -> None:
        self._folders = {choice: PhotoFolder(folder / choice) for choice in _CHOICES}
        self._found = [(choice, found) for choice in _CHOICES for found in self._folders[choice].look().files.values()]
        self.total = len(self._found)
        self.refused: list[str] = []

    def fingerprint(self) -> str:
        """The same for the same files, so that a lesson is given once and later corrections stand."""
        lines = [f"{choice} {found.path} {found.size} {found.modified_ns}" for choice, found in self._found]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def give(self, client: Client) -> Iterator[int]:
        """Send the labels, yielding how many files were dealt with so far. Raises ClientError."""
        done, chunk, size = 0, [], 0
        for choice, found in self._found:
            label = self._label(choice, found)
            if label is not None:
                chunk.append((found.path, label))
                size += len(label["photos"][0])
            done += 1
            if size > CALL_BYTES or len(chunk) == CALL_LABELS:
                self._send(client, chunk)
                chunk, size = [], 0
                yield done
        self._send(client, chunk)
        yield done

    def _label(self, choice: str, found: Found) -> Json | None:
        try:
            card_id = self._folders[choice].identify(found).card_id
            body = _sendable(read_unchanged(found)) if card_id else b""
        except (OSError, PhotoError):
            body = b""
        if not body:
            self.refused.append(f"{choice}/{found.path}")
            return None
        return {"card_id": card_id, "choice": choice, "photos": [base64.b64encode(body).decode()], "source": "taught"}

    def _send(self, client: Client, chunk: list[tuple[str, Json]]) -> None:
        """All at once, or one by one if the judge cannot read one of them."""
        if not chunk:
            return
        try:
            client.post("/v1/labels", {"labels": [label for _, label in chunk]})
        except ClientError as error:
            if "labels[" not in str(error):
                raise
            if len(chunk) == 1:
                self.refused.append(f"{chunk[0][1]['choice']}/{chunk[0][0]}")
                return
            for single in chunk:
                self._send(client, [single])


def wait_for_model(client: Client) -> Json:
    """The status once all labels have been learned from. Raises ClientError if that takes too long."""
    deadline = time.monotonic() + LEARN_S
    while time.monotonic() < deadline:
        status = client.get("/v1/status")
        if status["model"] and status["model"]["labels"] >= status["labels"]:
            return status
        time.sleep(0.1)
    raise ClientError(f"no model came of the labels within {LEARN_S:g} s")


def _sendable(photo: bytes) -> bytes:
    small = small_photo(photo)
    return small if len(small) <= CALL_BYTES else shrink(small, SMALL_SIDE_PX)
