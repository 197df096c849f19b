"""Stop signals: what Tinder said that ends the calls, in plain words, and which calls it ends.

A signal holds as long as the deck object lives, which is one session: the next one is not before `wait_until`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from swipr.errors import DeckError, DeckRefusedError, DeckUnavailableError
from swipr.models import Answer

Spent = Literal["likes", "superlikes"]
#: `read` is any read but of cards: matches and the profile answer when likes are spent, too.
Kind = Literal["read", "cards", "like", "pass", "superlike"]

#: What a signal about everything (None), about likes or about super likes ends.
_ENDS: Final[dict[Spent | None, frozenset[Kind]]] = {
    None: frozenset({"read", "cards", "like", "pass", "superlike"}),
    "likes": frozenset({"cards", "like", "pass"}),
    "superlikes": frozenset({"superlike"}),
}


@dataclass(frozen=True)
class Stop:
    """`text` is for a person, `detail` the same in short. Without `wait_until`, and not `spent`: refused for good."""

    text: str
    detail: str
    wait_until: datetime | None = None
    spent: Spent | None = None

    @property
    def is_refusal(self) -> bool:
        return self.wait_until is None and self.spent is None

    def error(self) -> DeckError:
        return DeckRefusedError(self.text) if self.is_refusal else DeckUnavailableError(self.text, self.wait_until)

    def answer(self) -> Answer:
        refused = self.text if self.is_refusal else None
        return Answer(state="failed", detail=self.detail, wait_until=self.wait_until, refused=refused, spent=self.spent)


class Stops:
    """The signals so far. The first of each sort stays: later ones cannot come, since nothing is called."""

    def __init__(self) -> None:
        self._heard: dict[Spent | None, Stop] = {}

    def note(self, stop: Stop) -> Stop:
        return self._heard.setdefault(stop.spent, stop)

    def against(self, kind: Kind) -> Stop | None:
        """The signal that forbids this kind of call."""
        return next((stop for spent, stop in self._heard.items() if kind in _ENDS[spent]), None)


def refusal(deck: str, status: int) -> Stop:
    """Of 401 and 403."""
    if status == 401:
        text = (
            f"The deck {deck!r} no longer accepts your token (it ends after some days and at each log-out): "
            "log in there and paste a new token."
        )
    else:
        text = (
            f"The deck {deck!r} refuses this account (403): open it yourself and see what it says. "
            "Nothing more is tried until you paste a new token and switch on again."
        )
    return Stop(text, f"answered {status}")


def too_fast(deck: str, until: datetime) -> Stop:
    return Stop(f"The deck {deck!r} asks to go slower: nothing more before {_said(until)}.", "too fast", until)


def likes_spent(deck: str, until: datetime, detail: str = "out of likes, this one did not count") -> Stop:
    return Stop(f"The deck {deck!r} allows no more likes before {_said(until)}.", detail, until, "likes")


def superlikes_spent(deck: str, again_at: datetime | None) -> Stop:
    """No `wait_until`: likes go on."""
    more = f", more at {_said(again_at)}" if again_at else ""
    return Stop(f"The deck {deck!r} has no super likes left{more}.", f"no super likes left{more}", spent="superlikes")


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
