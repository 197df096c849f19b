"""What is hidden from the product: the tastes that it is to learn, and what really arrived."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from simulator.catalogue import Card, Catalogue, Choice
from simulator.records import Records, UserRow


class Hidden:
    """Each call raises LookupError for a token that nobody has."""

    def __init__(self, catalogue: Catalogue, records: Records) -> None:
        self._catalogue, self._records = catalogue, records

    def truth(self, token: str) -> dict[str, Choice]:
        """The hidden taste about every card of the deck so far."""
        with self._records.change():
            user = self._records.known_user(token)
        return {self._catalogue.card(i).card_id: self._choice(user, i) for i in range(user.cards)}

    def training(self, token: str, count: int) -> list[tuple[Card, Choice]]:
        with self._records.change():
            user = self._records.known_user(token)
        chosen = self._catalogue.training(count, *_taste(user))
        return [(self._catalogue.card(i), self._choice(user, i)) for i in chosen]

    def counters(self, token: str) -> dict[str, Any]:
        """What the deck got from this user, all since the beginning; super likes are likes, too."""
        with self._records.change():
            user, swipes = self._records.known_user(token), self._records.swipes(token)
            counts = self._records.counts(token)
            superliked = Counter(card_id for card_id, _ in self._records.superlikes(token))
        liked = {card_id: swipe.likes for card_id, swipe in swipes.items() if swipe.likes}
        passed = {card_id: swipe.passes for card_id, swipe in swipes.items() if swipe.passes}
        after_stop = _named(counts, "after_stop:")
        return {
            "likes": sum(liked.values()),
            "superlikes": superliked.total(),
            "passes": sum(passed.values()),
            "double_likes": sum(n - 1 for n in liked.values()),
            "double_passes": sum(n - 1 for n in passed.values()),
            "liked_and_passed": len(liked.keys() & passed.keys()),
            "matches": sum(swipe.matched_at is not None for swipe in swipes.values()),
            "cards": user.cards,
            "cards_left": user.cards - len(swipes),
            "calls_after_stop": sum(after_stop.values()),
            "calls_after_stop_by_kind": after_stop,
            "unknown_ids": counts.get("unknown_ids", 0),
            "wrong_echoes": counts.get("wrong_echoes", 0),
            "calls": _named(counts, "calls:"),
            "likes_by_card": liked,
            "superlikes_by_card": dict(superliked),
            "passes_by_card": passed,
        }

    def _choice(self, user: UserRow, index: int) -> Choice:
        return self._catalogue.truth(index, *_taste(user))


def _named(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}


def _taste(user: UserRow) -> tuple[int, dict[str, float]]:
    taste = user.options["taste"]
    return int(taste["seed"]), dict(taste.get("weights", {}))
