"""One user acting on a fake deck, over the real local store, blobs and secrets."""

import random
from collections.abc import Callable
from pathlib import Path

from local.blobs import FileBlobs
from local.database import Database
from local.secrets import AesSecrets
from local.store import SqliteStore
from swipr.errors import SessionBusyError
from swipr.models import Answer, BlobRange, Card, SessionReport, Status, SwipeSession, User, UserSettings
from swipr.planning import Parts
from swipr.session import run_session
from swipr.swiping import tick
from tests.doubles import Clock, Crash, Crashes, FakeDeck, FakeJudge, model, seeded_cards

USER = "ann"
SWIPES = 4


class Install:
    """The user is enabled and acting; `cards` are as seeded, or those given."""

    def __init__(self, folder: Path, seed: int, *, cards: int | list[Card] = 6, budget: int | None = None) -> None:
        self.seed = seed
        self.clock = Clock()
        folder.mkdir()
        self.database = Database(folder / "swipr.db")
        self.store = SqliteStore(self.database)
        self.blobs = FileBlobs(folder / "blobs", sign_key=b"k" * 32, base_url=lambda: "http://x", now=self.clock.now)
        self.secrets = AesSecrets(b"k" * 32)
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

    def seeded_answer(self, choice: str, card: object) -> Answer:
        """Mostly sent, sometimes a match, sometimes not counted, sometimes nobody knows."""
        draw = self.rng.random()
        if draw < 0.1:
            return Answer(state="failed", detail="not counted")
        if draw < 0.2:
            return Answer(state="unknown", detail="timed out")
        return Answer(state="sent", match_id="m1" if choice == "like" and draw > 0.8 else None)

    def switch(self, enabled: bool) -> None:
        status = Status(code="ready" if enabled else "off", text="-", at=self.clock.now())
        self.store.switch(USER, enabled=enabled, at=self.clock.now(), status=status)

    def send_session(self, session: SwipeSession) -> None:
        self.queued.append(session)

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
        if at_rest:
            decisions = self.store.decisions(USER, at=self.clock.now(), limit=100)
            assert user.in_flight is None
            assert [d.card_id for d in decisions if d.state == "pending"] == []
            assert user.lease is None
