"""One run of `swipr simulate`: a person teaches, switches on, and looks again until the deck is empty."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from cli.client import Client, ClientError
from cli.simulate_lesson import KINDS, LEAST_OF_A_KIND, Lesson, draw
from cli.simulator import Simulator

USER = "simulate"
DECK = "simulator"
#: Lifted as far as a user may: the budget and the pace are limits of a product, not of what is measured.
LIKES_PER_DAY = 10_000
SWIPES_PER_DAY = 100_000
SWIPES_PER_SESSION = 100
SESSION_EVERY_S = 5
#: More train cards than anybody has: all of them.
ALL = 1_000_000
PAGE = 100
POLL_S = 0.05
MODEL_S = 300.0
SESSION_S = 300.0
#: So many looks in a row that swiped nothing, and the deck will never be empty.
FRUITLESS = 5
Json = dict[str, Any]


class CourseError(Exception):
    """The deck could not be played to its end; the message says why."""


@dataclass(frozen=True)
class Deck:
    """What the deck got, by its own card ids, and the hidden truth about each card of it."""

    truth: dict[str, str]
    likes: dict[str, int]
    passes: dict[str, int]
    matches: int


class Course:
    def __init__(self, client: Client, simulator: Simulator) -> None:
        self._client, self._simulator = client, simulator
        self._token = ""
        self._seen = ""

    def connect(self) -> None:
        """Give the user a deck, and settings that nothing waits for."""
        self._token = self._simulator.post("/sim/users", {})["token"]
        self._client.put("/v1/deck", {"deck": DECK, "token": self._token})
        wanted = {
            "likes_per_day": LIKES_PER_DAY,
            "swipes_per_day": SWIPES_PER_DAY,
            "swipes_per_session": SWIPES_PER_SESSION,
            "session_every_s": SESSION_EVERY_S,
            "pacing_s": 0,
            "unsure": "act",
        }
        self._client.put("/v1/settings", self._client.get("/v1/settings") | wanted)

    def lesson(self, count: int, seed: int) -> Lesson:
        """Raises NotEnoughError."""
        examples = self._simulator.get("/sim/train", token=self._token, n=ALL)["cards"]
        return draw(examples, count, seed=seed, deck=DECK, fetch=self._photo)

    def _photo(self, address: str) -> bytes:
        """Empty if it cannot be served."""
        try:
            return self._simulator.photo(address)
        except requests.HTTPError:
            return b""

    def teach(self, lesson: Lesson) -> Iterator[int]:
        """Give the labels, yielding how many were given; each call is learned from before the next.

        Refits between calls would otherwise depend on the clock, and with them the model.
        """
        given = dict.fromkeys(KINDS, 0)
        for labels in lesson.calls():
            self._client.post("/v1/labels", {"labels": labels})
            for label in labels:
                given[label["choice"]] += 1
            if min(given.values()) >= LEAST_OF_A_KIND:
                self._wait_for_model(sum(given.values()))
            yield sum(given.values())

    def swipe(self) -> Iterator[Json]:
        """Switch on and look again and again, yielding each session's report, the one that found no card last."""
        self._client.put("/v1/acting", {"acting": True, "deck": DECK})
        fruitless = 0
        while fruitless < FRUITLESS:
            # Switching on looks at the deck at once: no waiting for the next slot.
            self._client.put("/v1/switch", {"enabled": True})
            for report in self._wait_for_sessions():
                yield report
                if report["outcome"] == "deck_empty":
                    return
                fruitless = 0 if report["liked"] + report["passed"] + report["filtered"] else fruitless + 1
        raise CourseError(f"the deck was not swiped to its end: {self._say()}")

    def deck(self) -> Deck:
        """Raises CourseError if the deck still holds a card."""
        truth = self._simulator.get("/sim/truth", token=self._token)["cards"]
        counters = self._simulator.get("/sim/counters", token=self._token)
        if counters["cards_left"]:
            raise CourseError(f"{counters['cards_left']} cards were left in the deck: {self._say()}")
        return Deck(truth, counters["likes_by_card"], counters["passes_by_card"], counters["matches"])

    def scores(self) -> dict[str, float]:
        """The recorded scores by the deck's own card ids."""
        found: dict[str, float] = {}
        query: dict[str, str | int] = {"limit": PAGE}
        while True:
            page = self._client.get("/v1/decisions", **query)
            for decision in page["decisions"]:
                if decision["score"] is not None:
                    found[decision["card_id"].removeprefix(f"{DECK}:")] = decision["score"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    # --- waiting ------------------------------------------------------------------------------------------

    def _wait_for_model(self, labels: int) -> None:
        def learned() -> bool:
            model = self._client.get("/v1/status")["model"]
            return model is not None and model["labels"] >= labels

        if not _within(MODEL_S, learned):
            raise CourseError(f"no model came of {labels} labels within {MODEL_S:g} s")

    def _wait_for_sessions(self) -> list[Json]:
        """Sessions that ended since the last call, oldest first; at least one."""
        ended: list[Json] = []

        def looked() -> bool:
            reports = self._client.get("/v1/status")["sessions"]
            ended.extend(report for report in reversed(reports) if report["session_id"] > self._seen)
            return bool(ended)

        if not _within(SESSION_S, looked):
            raise CourseError(f"no session ended within {SESSION_S:g} s: {self._say()}")
        self._seen = ended[-1]["session_id"]
        return ended

    def _say(self) -> str:
        """What the user reads about the last session."""
        try:
            status = self._client.get("/v1/status")["status"]
        except ClientError as error:
            return str(error)
        return str(status["text"]) if status else "no session has run"


def _within(seconds: float, done: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True
