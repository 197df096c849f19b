"""On, off, tick, label, undo, promote, roll back and forget in any order: a model of the rules agrees with the system.

Hypothesis chooses the steps; a failing run is made as short as it can be and printed.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from swipr.api.dispatch import answer
from swipr.api.exchange import Request
from swipr.api.parts import Api
from swipr.api.routes import OPERATIONS
from swipr.models import Answer
from tests.doubles import FakeJudge, card, model
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.worlds import FaultInstall, installs
from tests.install import USER

#: (pieces, runs of a piece) at full size and in the tests; each of so many steps.
SIZES = ((10, 50), (2, 10))
STEPS = 50
CARDS, VERSIONS, BUDGET = 14, 3, 3
TASTES = ("like", "pass", "unsure", "like")
NUMBERS = st.integers(0, CARDS - 1)
CHOICES = st.sampled_from(["like", "pass"])
BY_NAME = {operation.name: operation for operation in OPERATIONS}


class Swipe(NamedTuple):
    day: str
    choice: str
    card_id: str


class Rules:
    """What the promises say must be so, kept without Swipr."""

    def __init__(self) -> None:
        self.on = True
        self.labels: dict[str, str] = {}
        self.champion, self.previous = 1, None
        self.forgotten: set[str] = set()
        self.swiped: list[Swipe] = []
        self.swiped_while_off = 0
        self.swiped_after_forgetting: list[str] = []

    def swipe(self, swipe: Swipe) -> None:
        self.swiped.append(swipe)
        self.swiped_while_off += not self.on
        if swipe.card_id in self.forgotten:
            self.swiped_after_forgetting.append(swipe.card_id)

    def promote(self, version: int) -> None:
        if version != self.champion:
            self.champion, self.previous = version, self.champion

    def roll_back(self) -> bool:
        if self.previous is None:
            return False
        self.promote(self.previous)
        return True


class Machine(RuleBasedStateMachine):
    steps = 0
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).runs += 1
        self.exits = ExitStack()
        install = self.exits.enter_context(installs("local"))
        self.home: FaultInstall = install(1, cards=[card(n, TASTES[n % 4]) for n in range(CARDS)], budget=BUDGET)
        for version in range(2, VERSIONS + 1):
            self.home.store.put_model(model(USER, version))
        self.known = Rules()
        self.home.deck.answers = self._answer
        self.api = _api(self.home)

    def teardown(self) -> None:
        self.exits.close()

    # --- steps

    @rule(enabled=st.booleans())
    def turn_switch(self, enabled: bool) -> None:
        assert self.ask("turnSwitch", body={"enabled": enabled}) < 300
        self.known.on = enabled

    @rule(minutes=st.integers(1, 300))
    def tick(self, minutes: int) -> None:
        self.home.clock.sleep(60 * minutes)
        before = len(self.home.queued)
        self.home.tick()
        assert len(self.home.queued) - before <= 1
        assert self.known.on or len(self.home.queued) == before, "a user who is off is due"

    @rule(again=st.booleans())
    def run_session(self, again: bool) -> None:
        if self.home.queued:
            assert self.home.deliver(self.home.queued[0])
            if not again:
                self.home.queued.pop(0)

    @rule(number=NUMBERS, choice=CHOICES)
    def label(self, number: int, choice: str) -> None:
        status = self.ask("correctDecision", number, body={"choice": choice})
        assert (status < 300) == self.decided(f"fake:{number}"), status
        if status < 300:
            self.known.labels[f"fake:{number}"] = choice

    @rule(number=NUMBERS)
    def undo(self, number: int) -> None:
        card_id = f"fake:{number}"
        known = card_id in self.known.labels and self.decided(card_id)
        assert (self.ask("undoCorrection", number) < 300) == known
        if known:
            del self.known.labels[card_id]

    @rule(version=st.integers(1, VERSIONS + 1))
    def promote(self, version: int) -> None:
        assert (self.ask("promoteModel", version=version) < 300) == (version <= VERSIONS)
        if version <= VERSIONS:
            self.known.promote(version)

    @rule()
    def roll_back(self) -> None:
        assert (self.ask("rollBackModel") < 300) == self.known.roll_back()

    @rule(number=NUMBERS)
    def forget(self, number: int) -> None:
        assert self.ask("forgetCard", number) < 300
        self.known.forgotten.add(f"fake:{number}")
        self.known.labels.pop(f"fake:{number}", None)

    # --- what must hold after each

    @invariant()
    def rules_and_system_agree(self) -> None:
        type(self).steps += 1
        user = self.home.store.user(USER)
        assert user is not None
        assert user.enabled == self.known.on
        assert (user.champion, user.previous) == (self.known.champion, self.known.previous)
        assert {label.card_id: label.choice for label in self.home.store.labels(USER)} == self.known.labels
        assert user.labels == len(self.known.labels)

    @invariant()
    def promises_hold(self) -> None:
        cards, likes = Counter(each.card_id for each in self.known.swiped), defaultdict[str, int](int)
        for each in self.known.swiped:
            likes[each.day] += each.choice != "pass"
        assert not [card_id for card_id, count in cards.items() if count > 1], "a card was swiped twice"
        assert max(likes.values(), default=0) <= BUDGET, "over budget"
        assert not self.known.swiped_while_off, "swiped while off"
        assert not self.known.swiped_after_forgetting, "a forgotten card was swiped"

    @invariant()
    def what_is_forgotten_is_gone(self) -> None:
        at = self.home.clock.now()
        for card_id in self.known.forgotten:
            assert self.home.store.decision(USER, card_id, at=at) is None
            assert self.home.store.label(USER, card_id) is None
        records = {match.card_id for match in self.home.store.matches(USER, at=at)}
        assert not records & self.known.forgotten

    # --- around it

    def ask(self, name: str, number: int | None = None, *, version: int | None = None, body: Any = None) -> int:
        ids: Mapping[str, str] = {"card_id": f"fake:{number}", "version": str(version)}
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if body is not None else {}
        said = answer(BY_NAME[name], self.api, Request(USER, "POST", "/", ids, {}, headers, sent), _raise)
        return said.status

    def decided(self, card_id: str) -> bool:
        return self.home.store.decision(USER, card_id, at=self.home.clock.now()) is not None

    def _answer(self, choice: str, card: Any) -> Answer:
        self.known.swipe(Swipe(self.home.clock.now().date().isoformat(), choice, card.card_id))
        return Answer(state="sent")


def _raise(what: str, error: Exception) -> None:
    raise AssertionError(what) from error


def _api(home: FaultInstall) -> Api:
    return Api(
        store=home.store,
        blobs=home.blobs,
        queue=home,
        secrets=home.secrets,
        judge=FakeJudge(lambda url, first, last: home.blobs.get_range(home.range_of(url, first, last))),
        decks=("fake",),
        tokenless=frozenset({"fake"}),
        against_terms=frozenset(),
        deck_of=lambda user: home.deck,
        fetch_link=lambda url: b"",
        now=home.clock.now,
        token=lambda size: "0" * 2 * size,
        pick=lambda most: 0,
    )


def live(seed: int, runs: int) -> Outcome:
    outcome = Outcome()
    seeded: Any = hypothesis.seed(seed)(type("Machine", (Machine,), {}))
    chosen = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seeded, settings=chosen, _min_steps=STEPS)
    except AssertionError as error:
        notes = "; ".join(getattr(error, "__notes__", []))
        outcome.violations.append(f"seed {seed}: {error} {notes}")
    outcome.size, outcome.injected = seeded.runs, seeded.steps
    return outcome


def _pieces(seed: int, full: bool) -> list[Piece]:
    count, runs = SIZES[0 if full else 1]
    return [partial(live, seed + number, runs) for number in range(count)]


CASES = [Case("stateful", "local", "runs", _pieces)]
