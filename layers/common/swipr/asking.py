"""Which card to ask about next: what teaches most for one answer, and never nothing while there is a card to ask about.

At first by diversity: the card that covers the others best beside all that is labelled or asked already (facility
location; Wei, Iyer and Bilmes, "Submodularity in data subset selection and active learning", ICML 2015). The farthest
card, as in k-centre, is often an odd one: `bench/asking.py` has what that costs. Once a model tells likes from passes,
the mix of every ten questions: seven of the most uncertain cards, by coverage again, two of any card (else nobody
would notice what the model is sure and wrong about), and the last about a label that the model doubts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Literal, NamedTuple

from swipr.features import Row, dot
from swipr.models import Label

ChosenBy = Literal["diverse", "uncertain", "random", "recheck"]
#: Labels until diversity alone has served; it goes on while there is no model that could be uncertain.
FIRST = 15
#: Cards whose features are looked at for one answer: each costs 5.4 kB to read and 0.1 ms to unpack.
LOOKED_AT = 60
#: Of them, so many are any: recorded doubts are those of the model at its time.
ANY = 15
#: How many of the most uncertain ones the next one is taken of.
MOST_UNCERTAIN = 20
#: Rows of labels that cards are compared with.
SEEN = 30
ROUND, RANDOM_AT, RECHECK_AT = 10, (2, 7), 9
#: Of a card that no model has looked at: such a one may lie anywhere.
UNKNOWN_DOUBT = 0.25
_ASKED = ("diverse", "uncertain", "random", "recheck")


class Candidate(NamedTuple):
    """A card that could be asked about. `distance`: of its score from the line, 0 to 1; None without a score."""

    card_id: str
    distance: float | None


class Question(NamedTuple):
    card_id: str
    chosen_by: ChosenBy


class Ways(NamedTuple):
    """How to look closer."""

    rows: Callable[[Sequence[str]], Mapping[str, Row]]
    """Features by card, all of one length; of fewer cards than asked where some cannot be read."""
    distance: Callable[[str, Row], float] | None
    """From the line of the model in charge, 0 to 1; None while there is no model."""
    rechecks: Iterator[str]
    """Labelled cards to ask about once more, the most doubtful first."""
    pick: Callable[[int], int]
    """`pick(n)` gives a random whole number from 0 to n - 1."""


def answered(labels: Sequence[Label]) -> int:
    """How many questions were answered so far: the place of the next one."""
    words = [label.chosen_by for label in labels] + [each.chosen_by for label in labels for each in label.earlier]
    return sum(word in _ASKED for word in words)


def ask(
    cards: Sequence[Candidate], seen: Sequence[Row], ways: Ways, *, labels: int, place: int, wanted: int
) -> list[Question]:
    """At most `wanted` questions in the order to ask them; fewer only when no card is left.

    `cards` have no label, newest first. `seen`: rows of labelled cards, newest first, as far as they are known;
    `labels`: how many there are. `place`: how many questions were answered before.
    """
    mixed = ways.distance is not None and labels >= FIRST
    near = _likely(cards, ways.pick) if mixed else _spread(cards, LOOKED_AT)
    left = _Left(cards, ways.rows([card.card_id for card in near]), seen, ways.distance if mixed else None)
    found: list[Question] = []
    while len(found) < wanted:
        question = _next(left, ways, turn(place + len(found)) if mixed else "diverse")
        if question is None:
            break
        found.append(question)
    return found


def turn(place: int) -> ChosenBy:
    """How the question of this place, from 0, is chosen in the mix."""
    within = place % ROUND
    return "recheck" if within == RECHECK_AT else "random" if within in RANDOM_AT else "uncertain"


def _next(left: "_Left", ways: Ways, by: ChosenBy) -> Question | None:
    if by == "recheck":
        again = next(ways.rechecks, None)
        if again is not None:
            return Question(again, by)
        by = "uncertain"
    if not left.cards:
        return None
    if by == "random":
        return Question(left.take(list(left.cards)[ways.pick(len(left.cards))]), by)
    return Question(left.take(left.best(MOST_UNCERTAIN if by == "uncertain" else None)), by)


def _spread(cards: Sequence[Candidate], most: int) -> list[Candidate]:
    """Evenly over all of them, so over the sessions they are of."""
    step = max(1.0, len(cards) / most)
    return [cards[int(number * step)] for number in range(min(most, len(cards)))]


def _likely(cards: Sequence[Candidate], pick: Callable[[int], int]) -> list[Candidate]:
    """Those recorded as the most uncertain, and any others."""
    if len(cards) <= LOOKED_AT:
        return list(cards)
    ranked = sorted(cards, key=_recorded)
    near, rest = ranked[: LOOKED_AT - ANY], ranked[LOOKED_AT - ANY :]
    return near + [rest.pop(pick(len(rest))) for _ in range(ANY)]


def _recorded(card: Candidate) -> float:
    return UNKNOWN_DOUBT if card.distance is None else card.distance


class _Left:
    """Cards not asked about yet, and how well those with known rows are covered by all that is labelled or asked."""

    def __init__(
        self,
        cards: Sequence[Candidate],
        rows: Mapping[str, Row],
        seen: Sequence[Row],
        distance: Callable[[str, Row], float] | None,
    ) -> None:
        self.cards = {card.card_id: _recorded(card) for card in cards}
        self._rows = {card_id: row for card_id, row in rows.items() if card_id in self.cards}
        self._squares = {card_id: dot(row, row) for card_id, row in self._rows.items()}
        if distance is not None:
            self.cards |= {card_id: distance(card_id, row) for card_id, row in self._rows.items()}
        self._apart = dict.fromkeys(self._rows, 4 * max(self._squares.values(), default=0.0))
        for row in seen[:SEEN]:
            self._cover(self._distances(row))

    def best(self, of_uncertain: int | None) -> str:
        """Of the cards with rows (or of so many most uncertain ones) the one that covers the others best.

        Without any rows the most uncertain one.
        """
        known = [card_id for card_id in self.cards if card_id in self._rows]
        if not known:
            return min(self.cards, key=lambda card_id: self.cards[card_id])
        if of_uncertain is not None:
            known = sorted(known, key=lambda card_id: self.cards[card_id])[:of_uncertain]
        return max(known, key=self._gain)

    def take(self, card_id: str) -> str:
        del self.cards[card_id]
        if card_id in self._rows:
            self._cover(self._between[card_id])
            del self._rows[card_id], self._apart[card_id]
        return card_id

    def _gain(self, card_id: str) -> float:
        """By how much, all together, the others would be nearer to what is known."""
        to = self._between[card_id]
        return sum(apart - to[other] for other, apart in self._apart.items() if to[other] < apart)

    def _cover(self, to: Mapping[str, float]) -> None:
        self._apart = {card_id: min(apart, to[card_id]) for card_id, apart in self._apart.items()}

    @cached_property
    def _between(self) -> dict[str, dict[str, float]]:
        """Squared distances of all pairs."""
        to: dict[str, dict[str, float]] = {card_id: {card_id: 0.0} for card_id in self._rows}
        for one, other in combinations(self._rows, 2):
            apart = self._squares[one] + self._squares[other] - 2 * dot(self._rows[one], self._rows[other])
            to[one][other] = to[other][one] = apart
        return to

    def _distances(self, row: Row) -> dict[str, float]:
        square = dot(row, row)
        return {card_id: self._squares[card_id] + square - 2 * dot(own, row) for card_id, own in self._rows.items()}
