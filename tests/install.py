"""One user acting on a fake deck, over the real local store, blobs and secrets."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from local.blobs import FileBlobs
from local.database import Database
from local.secrets import AesSecrets
from local.store import SqliteStore
from swipr.errors import SessionBusyError
from swipr.models import Answer, BlobRange, Card, Match, SessionReport, Status, SwipeSession, User, UserSettings
from swipr.ports import Blobs, Secrets, Store
from swipr.sessions import matching
from swipr.sessions.planning import Parts
from swipr.sessions.session import run_session
from swipr.swiping import tick
from tests.doubles import Clock, Crash, Crashes, FakeDeck, FakeJudge, card, model, seeded_cards

USER = "ann"
SWIPES = 4


class Install:
    """The user is enabled and acting; `cards` are as seeded, or those given."""

    def __init__(self, folder: Path, seed: int, *, cards: int | list[Card] = 6, budget: int | None = None) -> None:
        self.seed = seed
        self.clock = Clock()
        self.open(folder)
        self.deck = FakeDeck(seeded_cards(seed, cards) if isinstance(cards, int) else cards)
        self.deck.answers = self.seeded_answer
        self.rng = random.Random(seed)
        self.queued: list[SwipeSession] = []
        self.on_sleep: Callable[[], None] = lambda: None
        budget = 1 + seed % 3 if budget is None else budget
        settings = UserSettings(likes_per_day=budget, swipes_per_session=SWIPES, pacing_s=1.0, session_every_s=600)
        self.store.create_user(User(user_id=USER, deck="fake", settings=settings))
        self.store.put_model(model(USER))
        self.store.set_champion(USER, 1, expected=None)
        self.store.set_acting(USER, acting_on="fake")
        self.switch(True)

    def open(self, folder: Path) -> None:
        """The world it lives in: store, blobs and secrets."""
        folder.mkdir()
        self.database = Database(folder / "swipr.db")
        self.store: Store = SqliteStore(self.database)
        sign_key, base_url = b"k" * 32, "http://x"
        self.blobs: Blobs = FileBlobs(
            folder / "blobs", sign_key=sign_key, base_url=lambda: base_url, now=self.clock.now
        )
        self.secrets: Secrets = AesSecrets(b"k" * 32)

    def superlike_too(self) -> None:
        """Super likes are wanted, swipes a day are few, somebody matched without Swipr, half the decks are likes."""
        strategies = ({"when": "out_of_likes"}, {"when": "score_above", "score": 0.9})
        wanted = (strategies[:1], strategies[1:], strategies)[self.seed % 3]
        self.set(superlikes=wanted, superlikes_per_day=1 + self.seed % 2, swipes_per_day=3 + self.seed % 4)
        self.deck.own_matches = [Match(match_id="own", card_id="fake:own")]
        if self.seed % 2:
            self.deck.left = [card(number, "like") for number in range(len(self.deck.left))]

    def set(self, **changes: object) -> None:
        user = self.store.user(USER)
        assert user is not None
        wanted = UserSettings.model_validate(user.settings.model_dump() | changes)
        self.store.save_settings(USER, wanted, revision=user.settings_revision)

    def seeded_answer(self, choice: str, card: Card) -> Answer:
        """Mostly sent, sometimes a match, sometimes not counted or too many of its kind, sometimes nobody knows."""
        draw = self.rng.random()
        if draw < 0.1:
            return Answer(state="failed", detail="not counted")
        if draw < 0.2:
            return Answer(state="unknown", detail="timed out")
        if draw < 0.35 and choice == "superlike":
            return Answer(state="failed", detail="no super likes left", spent="superlikes")
        if draw < 0.4 and choice == "like":
            again = self.clock.now() + timedelta(minutes=9)
            return Answer(state="failed", detail="out of likes", spent="likes", wait_until=again)
        return Answer(state="sent", match_id=f"m-{card.card_id}" if choice != "pass" and draw > 0.8 else None)

    def switch(self, enabled: bool) -> None:
        status = Status(code="ready" if enabled else "off", text="-", at=self.clock.now())
        self.store.switch(USER, enabled=enabled, at=self.clock.now(), status=status)

    def send_session(self, session: SwipeSession) -> None:
        self.queued.append(session)

    def send_sessions(self, sessions: Sequence[SwipeSession]) -> Sequence[SwipeSession]:
        self.queued.extend(sessions)
        return ()

    def ask_refit(self, request: object) -> None:
        raise AssertionError("a session asks for no refit")

    def tick(self) -> None:
        tick(self.store, self, at=self.clock.now())

    def parts(self, crashes: Crashes | None = None) -> Parts:
        watch = (crashes or Crashes()).wrap
        judge = FakeJudge(lambda url, first, last: self.blobs.get_range(self.range_of(url, first, last)))
        deck = watch(self.deck)
        return Parts(
            store=watch(self.store),
            blobs=watch(self.blobs),
            secrets=self.secrets,
            judge=watch(judge),
            deck_of=lambda user: deck,
            now=self.clock.now,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.on_sleep()

    def range_of(self, url: str, first: int, last: int) -> BlobRange:
        key = url.removeprefix("http://x/blobs/").split("?")[0]
        return BlobRange(key=key, first=first, last=last)

    def run(self, session: SwipeSession, crashes: Crashes | None = None) -> SessionReport | None:
        return run_session(session, self.parts(crashes), owner="test", time_left_s=lambda: 300.0)

    def deliver(self, session: SwipeSession, crashes: Crashes | None = None) -> bool:
        """Run as the queue does; True when it need not come again."""
        try:
            self.run(session, crashes)
        except (Crash, SessionBusyError):
            return False
        return True

    def run_to_rest(self) -> None:
        """Deliver what is due, each slot, until a whole look finds nothing to do."""
        for _ in range(12):
            self.tick()
            while self.queued:
                self.deliver(self.queued.pop(0))
            self.clock.sleep(601)

    def check_promises(self, *, at_rest: bool = True) -> None:
        user = self.store.user(USER)
        assert user is not None
        doubled = [card for card, likes in self.deck.likes.items() if likes > 1]
        assert doubled == [], f"seed {self.seed}"
        assert sum(self.deck.likes.values()) <= user.settings.likes_per_day, f"seed {self.seed}"
        assert sum(self.deck.superlikes.values()) <= user.settings.superlikes_per_day, f"seed {self.seed}"
        assert self.deck.swipes() <= user.settings.swipes_per_day, f"seed {self.seed}"
        if at_rest:
            decisions = self.store.decisions(USER, at=self.clock.now(), limit=100)
            assert user.in_flight is None
            assert [d.card_id for d in decisions if d.state == "pending"] == []
            assert user.lease is None

    def check_matches(self) -> None:
        """After one more reading: what the deck lists has a record, and what has a record is listed or gone."""
        user = self.store.user(USER)
        assert user is not None
        matching.read_matches(user, self.deck, self.parts())
        now = self.clock.now()
        listed = {match.match_id: match.card_id for match in self.deck.matches().matches}
        records = {record.match_id: record for record in self.store.matches(USER, at=now)}
        there = {match_id: record.card_id for match_id, record in records.items() if record.gone_at is None}
        assert there == listed, f"seed {self.seed}"
        for record in records.values():
            decision = self.store.decision(USER, record.card_id, at=now)
            ours = decision is not None and decision.state == "sent" and decision.action in ("like", "superlike")
            assert (record.action is not None) == ours, f"seed {self.seed}: {record}"
            if ours:
                assert decision is not None
                attributed = (record.match_id, record.decided_at, record.action, record.model_version)
                kept = (decision.match_id, decision.decided_at, decision.action, decision.model_version)
                assert attributed == kept, f"seed {self.seed}"
