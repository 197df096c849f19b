"""The stand-in of `console_api` with cards to ask about: a label once per Idempotency-Key, answers that get lost."""

import json
from collections import Counter

from werkzeug.wrappers import Request, Response

from tests.e2e.console_api import ConsoleApi, problem, reply

ALL_ANSWERED = "every card whose photos can still be shown has your answer"


class TeachApi(ConsoleApi):
    """`cards` are asked about in their order; `stored` holds labels by card, `written` how often each was stored."""

    def __init__(self, cards: int = 40) -> None:
        super().__init__()
        self.cards = [self.card(n) for n in range(cards)]
        self.stored: dict[str, dict] = {}
        self.written: Counter[str] = Counter()
        self.answers: dict[str, tuple[bytes, Response]] = {}
        """Idempotency-Key -> the body it came with, and what was answered."""
        self.lost = 0
        """How many of the next posts of labels are done, but answered as if a gateway had given up."""
        self.report_facts = self._report()
        self.facts["labels"] = 0

    def card(self, n: int, **changes: object) -> dict:
        facts = {
            "card_id": f"simulator:q{n}", "name": f"Person {n}", "photos": 1 + n % 3, "score": 0.58, "threshold": 0.62,
            "held": False, "chosen_by": ("uncertain", "diverse", "random")[n % 3], "why": "near to your line",
        }  # fmt: skip
        return facts | changes

    def _report(self) -> dict:
        points = [(10, 0.66, 0.55, 0.74), (20, 0.73, 0.64, 0.79), (50, 0.81, 0.78, 0.85)]
        return {
            "labels": {"n": 60, "by_choice": {"like": 29, "pass": 31}},
            "model": {
                "version": 3, "n": 60, "auc": 0.86, "auc_low": 0.77, "auc_high": 0.95,
                "text": "version 3, learned from 60 labels",
            },
            "curve": {
                "points": [
                    {"labels": n, "draws": 5, "auc": auc, "auc_low": low, "auc_high": high}
                    for n, auc, low, high in points
                ],
                "text": "each point",
            },
        }  # fmt: skip

    def signed_in(self, request: Request, parts: list[str]) -> Response:
        match [request.method, *parts]:
            case ["GET", "v1", "labels", "next"]:
                return self.next_cards(int(request.args["limit"]))
            case ["GET", "v1", "report"]:
                return reply(self.report_facts)
            case ["POST", "v1", "labels"]:
                return self.post(request)
            case ["GET", "v1", "labels", card_id]:
                label = self.stored.get(card_id)
                return reply({"card_id": card_id} | label) if label else problem(404, "no such label")
        return super().signed_in(request, parts)

    def next_cards(self, limit: int) -> Response:
        left = [one for one in self.cards if one["card_id"] not in self.stored or one["chosen_by"] == "recheck"]
        return reply({"cards": left[:limit], "text": None if left else ALL_ANSWERED})

    def post(self, request: Request) -> Response:
        key, body = request.headers["Idempotency-Key"], request.get_data()
        before, answer = self.answers.get(key, (body, None))
        if before != body:
            return problem(422, "was used for another request")
        if answer is None:
            answer = self.take(json.loads(body)["labels"])
            self.answers[key] = (body, answer)
        if self.lost:
            self.lost -= 1
            return problem(504, "The gateway gave up.")
        return Response(answer.get_data(), answer.status, mimetype=answer.mimetype)

    def take(self, labels: list[dict]) -> Response:
        known = {one["card_id"]: one for one in self.cards}
        for number, label in enumerate(labels):
            if label["card_id"] not in known:
                body = {"title": "Not Found", "status": 404, "detail": "no card", "field": f"labels[{number}].card_id"}
                return reply(body, 404)
        return reply({"stored": [self.store(**label) for label in labels]}, 202)

    def store(self, card_id: str, choice: str, source: str, chosen_by: str) -> dict:
        before = self.stored.get(card_id)
        earlier = [{"choice": before["choice"]}, *before["earlier"]] if before else []
        label = {"choice": choice, "source": source, "chosen_by": chosen_by, "earlier": earlier}
        self.stored[card_id] = label
        self.written[card_id] += 1
        self.facts["labels"] = len(self.stored)
        return {"card_id": card_id} | label

    def remove(self, card_id: str) -> Response:
        label = self.stored.pop(card_id, None)
        self.facts["labels"] = len(self.stored)
        return reply({"removed": {"card_id": card_id} | label}) if label else problem(404, "no such label")
