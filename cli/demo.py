"""The demo's owner: a made-up person with a hidden taste who lets Swipr act on the simulator, and on nothing else."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cli.client import Client, ClientError
from cli.simulator import Simulator
from local import durable
from swipr import metrics

USER = "demo"
DECK = "simulator"
DEMO_FILE = "demo.json"
LEARN_S = 60.0
LABELS_PER_CALL = 10
PAGE = 100
NEW_CARDS = 40
#: The deck is filled again and again; the budget that the demo shows is of likes.
SWIPES_PER_DAY = 100_000
Json = dict[str, Any]


@dataclass(frozen=True)
class DemoSettings:
    """What the demo user chose; said on the screen."""

    labels: int = 60
    likes_per_day: int = 300
    swipes_per_session: int = 12
    session_every_s: int = 15
    pacing_s: float = 0.5
    unsure: str = "ask"
    keep_photos: bool = True
    """So that the demo's labels can follow a change of backbone; its portraits are drawn."""


@dataclass
class Totals:
    """What was judged since the deck was last full, against the hidden taste."""

    scores: list[tuple[float, bool]] = field(default_factory=list)
    agreed: int = 0
    judged: int = 0
    answered: int = 0
    liked: int = 0
    passed: int = 0
    unknown: int = 0
    filtered: int = 0
    matches: int = 0
    photos: int = 0
    judge_ms: float = 0.0
    cost_microusd: float = 0.0

    def auc(self) -> float | None:
        """How often a liked card scored above a passed one; None without both kinds."""
        liked = np.array([liked for _, liked in self.scores], bool)
        if liked.all() or not liked.any():
            return None
        return metrics.auc(np.array([score for score, _ in self.scores]), liked)


class Demo:
    """Sets the demo user up once, then follows what Swipr does for them."""

    def __init__(self, client: Client, simulator: Simulator, data_folder: Path, chosen: DemoSettings) -> None:
        self.client, self.simulator, self.chosen = client, simulator, chosen
        self._file = data_folder / DEMO_FILE
        self._known = json.loads(self._file.read_text()) if self._file.exists() else {}
        self.token: str = self._known.setdefault("token", str(uuid.uuid4()))
        self._seen: str | None = None
        self.totals = Totals()

    # --- setting up, safe to do again after a crash ------------------------------------------------

    def connect(self) -> None:
        self._remember()
        self.simulator.post("/sim/users", {"token": self.token})
        self.client.put("/v1/deck", {"deck": DECK, "token": self.token})
        self.client.put("/v1/settings", self._settings())

    def teach(self) -> Iterator[int]:
        """Give the labels of the hidden taste that are still missing, yielding how many were given so far."""
        given = 0
        if self.client.get("/v1/status")["labels"] >= self.chosen.labels:
            return
        examples = self.simulator.get("/sim/train", token=self.token, n=self.chosen.labels)["cards"]
        for start in range(0, len(examples), LABELS_PER_CALL):
            chunk = examples[start : start + LABELS_PER_CALL]
            self.client.post("/v1/labels", {"labels": [self._label(example) for example in chunk]})
            given += len(chunk)
            yield given

    def wait_for_model(self) -> Json:
        """The status once a model has learned from the labels. Raises ClientError if none comes."""
        deadline = time.monotonic() + LEARN_S
        while time.monotonic() < deadline:
            status = self.client.get("/v1/status")
            if status["model"] and status["model"]["labels"] >= min(self.chosen.labels, status["labels"]):
                return status
            time.sleep(0.1)
        raise ClientError("no model came of the labels within a minute")

    def switch_on_once(self) -> None:
        """Allow acting on the simulator and switch on, the first time only: later it is the user's to decide."""
        if self._known.get("switched_on"):
            return
        self.client.put("/v1/acting", {"acting": True, "deck": DECK})
        self.client.put("/v1/switch", {"enabled": True})
        self._known["switched_on"] = True
        self._remember()

    # --- following -----------------------------------------------------------------------------------

    def new_sessions(self) -> list[Json]:
        """Sessions that ended since the last call, oldest first, each with `agreed` and `judged`."""
        reports = self.client.get("/v1/status")["sessions"]
        if self._seen is None:
            self._seen = self._known.get("seen", "")
        new = [report for report in reversed(reports) if report["session_id"] > self._seen]
        for report in new:
            self._seen = self._known["seen"] = report["session_id"]
            self._compare(report)
        if new:
            self._remember()
        return new

    def answer_held(self) -> int:
        """Answer what Swipr was unsure about, by the hidden taste, as its owner would; returns how many."""
        status = self.client.get("/v1/status")
        if not status["held"]:
            return 0
        truth = self._truth()
        held = [
            {"card_id": decision["card_id"], "choice": truth[decision["card_id"]], "source": "asked"}
            for decision in self._decisions(PAGE)
            if decision["state"] == "unsure" and not decision["label"] and decision["card_id"] in truth
        ]
        if held:
            self.client.post("/v1/labels", {"labels": held[:PAGE]})
        self.totals.answered += len(held)
        return len(held)

    def counters(self) -> Json:
        counters: Json = self.simulator.get("/sim/counters", token=self.token)
        return counters

    def at_the_end(self) -> bool:
        """Whether the deck has no cards left and that has not been said yet, after a restart too."""
        cards = self.counters()["cards"]
        if self.counters()["cards_left"] or self._known.get("ended_at_cards") == cards:
            return False
        self._known["ended_at_cards"] = cards
        self._remember()
        return True

    def deal_new_cards(self) -> None:
        self.simulator.post("/sim/deck", {"token": self.token, "cards": NEW_CARDS})
        self.totals = Totals()

    # --- small ones -------------------------------------------------------------------------------------

    def _compare(self, report: Json) -> None:
        own = [d for d in self._decisions(PAGE) if d["session_id"] == report["session_id"]]
        truth = self._truth() if own else {}
        agreed = judged = 0
        for decision in own:
            liked = truth.get(decision["card_id"])
            if decision["score"] is None or liked is None or decision["filtered"]:
                continue
            self.totals.scores.append((decision["score"], liked == "like"))
            if decision["verdict"] in ("like", "pass"):
                judged += 1
                agreed += decision["verdict"] == liked
        report |= {"agreed": agreed, "judged": judged}
        totals = self.totals
        totals.agreed += agreed
        totals.judged += judged
        for name in ("liked", "passed", "unknown", "filtered", "matches", "photos", "judge_ms", "cost_microusd"):
            setattr(totals, name, getattr(totals, name) + report[name])

    def _decisions(self, limit: int) -> list[Json]:
        decisions: list[Json] = self.client.get("/v1/decisions", limit=limit)["decisions"]
        return decisions

    def _truth(self) -> dict[str, str]:
        truth = self.simulator.get("/sim/truth", token=self.token)["cards"]
        return {f"{DECK}:{card_id}": choice for card_id, choice in truth.items()}

    def _label(self, example: Json) -> Json:
        photos = [base64.b64encode(self.simulator.photo(address)).decode() for address in example["photos"]]
        return {"card_id": f"{DECK}:{example['id']}", "choice": example["label"], "photos": photos}

    def _settings(self) -> Json:
        wanted = self.client.get("/v1/settings")
        chosen = self.chosen
        return wanted | {
            "likes_per_day": chosen.likes_per_day,
            "swipes_per_day": SWIPES_PER_DAY,
            "swipes_per_session": chosen.swipes_per_session,
            "session_every_s": chosen.session_every_s,
            "pacing_s": chosen.pacing_s,
            "unsure": chosen.unsure,
            "keep_photos": chosen.keep_photos,
        }

    def _remember(self) -> None:
        durable.write_file(self._file, json.dumps(self._known).encode(), temp=self._file.parent)
