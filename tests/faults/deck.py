"""The deck's answers, row by row of the fact sheet, over real HTTP; and sessions that go on after none of its stops."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from swipr.errors import DeckRefusedError, DeckUnavailableError
from swipr.models import Answer, Card, Offer, SwipeSession
from tests.doubles import card
from tests.faults.outcome import Case, Outcome, Piece
from tests.faults.worlds import FaultInstall, installs
from tests.install import USER
from tests.scripted_deck import scripted_deck
from tests.tinder_asks import violations
from tests.tinder_rows import READ_ROWS, Row
from tests.tinder_status_rows import STATUS_ROWS
from tests.tinder_swipe_rows import SWIPE_ROWS

#: Pieces of the rows; each piece in a process of its own.
PARTS = 4
ROWS: Sequence[Row] = [*READ_ROWS, *SWIPE_ROWS, *STATUS_ROWS]


def rows(part: int) -> Outcome:
    """What the deck makes of each answer, each call it made, and those it still makes afterwards."""
    outcome = Outcome()
    with scripted_deck() as scripted:
        for row in ROWS[part::PARTS]:
            outcome.violations += violations(scripted, row)
            outcome.size += 1
            outcome.injected += 1
    return outcome


class Stop(NamedTuple):
    """What the deck says at a call, and whether that ends the session or switches its user off."""

    name: str
    answer: Answer | Exception
    is_off: bool = False


def _stops(home: FaultInstall) -> list[Stop]:
    until = home.clock.now() + timedelta(hours=12)
    return [
        Stop("401", Answer(state="failed", refused="paste a new token"), is_off=True),
        Stop("403", Answer(state="failed", refused="blocked"), is_off=True),
        Stop("429", Answer(state="failed", wait_until=until)),
        Stop("out of likes", Answer(state="failed", spent="likes", wait_until=until)),
        Stop("sent, and no more until", Answer(state="sent", wait_until=until)),
        Stop("time-out", Answer(state="unknown", detail="timed out")),
    ]


def _read_stops(home: FaultInstall) -> list[Stop]:
    until = home.clock.now() + timedelta(hours=12)
    return [
        Stop("401 at a read", DeckRefusedError("paste a new token"), is_off=True),
        Stop("429 at a read", DeckUnavailableError("too fast", wait_until=until)),
    ]


def stops(seed: int) -> Outcome:
    """A session hears a stop at each of its swipes and reads; what is sent afterwards is counted."""
    outcome = Outcome()
    with installs("local") as install:
        for place in range(len(_stops(install(seed)))):
            for at in (1, 2, 3, 4):
                home = install(seed, cards=[card(n, "like") for n in range(8)], budget=8)
                _stop_at_swipe(outcome, home, _stops(home)[place], at)
        for place in range(2):
            home = install(seed, cards=[card(n, "like") for n in range(8)], budget=8)
            _stop_at_read(outcome, home, _read_stops(home)[place])
    return outcome


def _stop_at_swipe(outcome: Outcome, home: FaultInstall, stop: Stop, at: int) -> None:
    swiped: list[str] = []

    def answer(choice: str, card: Card) -> Answer:
        swiped.append(choice)
        heard = stop.answer if len(swiped) == at else Answer(state="sent")
        assert isinstance(heard, Answer)
        return heard

    home.deck.answers = answer
    home.tick()
    home.deliver(home.queued.pop())
    where = f"{stop.name} at swipe {at}"
    outcome.require(len(swiped) == at, f"{where}: {len(swiped) - at} swipes after it")
    _check_quiet(outcome, home, stop, where, waits=isinstance(stop.answer, Answer) and stop.answer.state != "unknown")


def _stop_at_read(outcome: Outcome, home: FaultInstall, stop: Stop) -> None:
    def cards() -> Offer:
        home.deck.calls.append("cards")
        assert isinstance(stop.answer, Exception)
        raise stop.answer

    home.deck.cards = cards
    home.tick()
    home.deliver(home.queued.pop())
    outcome.require(home.deck.swipes() == 0, f"{stop.name}: swipes after it")
    _check_quiet(outcome, home, stop, stop.name, waits=True)


def _check_quiet(outcome: Outcome, home: FaultInstall, stop: Stop, where: str, *, waits: bool) -> None:
    """While the deck's word holds its user is off or not due, and a message that still comes asks it nothing."""
    outcome.size += 1
    outcome.injected += 1
    calls = len(home.deck.calls)
    user = home.store.user(USER)
    outcome.require(user is not None and user.enabled != stop.is_off, f"{where}: the switch is wrong")
    for _ in range(3 if waits else 0):
        home.clock.sleep(3600)
        home.tick()
        home.queued += [home_session(home)]
        while home.queued:
            home.deliver(home.queued.pop())
    if waits:
        asked = home.deck.calls[calls:]
        outcome.require(not asked, f"{where}: asked while it must not be: {asked[:3]}")
    home.world.close()


def home_session(home: FaultInstall) -> SwipeSession:
    """A message that was under way while the deck's word was heard."""
    return SwipeSession(user_id=USER, due_at=home.clock.now())


def _pieces(seed: int, full: bool) -> list[Piece]:
    """The rows are the same for every seed and size."""
    return [*(partial(rows, part) for part in range(PARTS)), partial(stops, seed)]


CASES = [Case("deck", "HTTP, local", "answers", _pieces)]
