"""Where the simulator's cards come from: drawn people here, a labelled folder in `photo_folder`."""

import hashlib
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, Protocol

from PIL import Image, ImageOps

from simulator.people import Person, person
from simulator.portraits import SIZES, Format, draw, encode
from simulator.tastes import Taste, Weights, traits

Choice = Literal["like", "pass"]
#: Where the numbers of cards to teach from begin; no deck gets that long.
TRAIN_FROM: Final = 1_000_000
#: Of a photograph encoded anew.
LONGEST_PX: Final = 2048


@dataclass(frozen=True)
class Card:
    """What a deck says of one person. `sizes`: (width, height) of the renditions each photo comes in."""

    index: int
    card_id: str
    name: str
    age: int
    bio: str
    distance_mi: int
    photos: int
    sizes: tuple[tuple[int, int], ...]
    whole: bool
    """Every field is always said; otherwise some are missing now and then, as in the real service."""
    likes_back: bool


class Catalogue(Protocol):
    """Cards by number; the same number is the same card for everybody. What is liked depends on the taste."""

    identity: str
    """Changes when the same number would mean another card."""
    size: int
    """How many cards a deck can have."""

    def card(self, index: int) -> Card: ...

    def index_of(self, card_id: str) -> int | None: ...

    def truth(self, index: int, seed: int, weights: Weights) -> Choice: ...

    def training(self, count: int, seed: int, weights: Weights) -> Sequence[int]:
        """Numbers of cards that are in no deck, both kinds among them; the same arguments give the same cards."""

    def own_form(self, card_id: str, number: int) -> Format | None:
        """The form the photo lies in, if it need not be drawn or encoded to be served."""

    def photo(self, card_id: str, number: int, size: tuple[int, int] | None, form: Format) -> bytes | None:
        """The photo's bytes (`size` None: the largest), or None if there is no such photo."""

    def traits(self, index: int) -> dict[str, object]: ...


class CardIds:
    """Ids of 24 hexadecimal digits, as the service's own, from which the number can be read back."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._mask = int(self._digest("mask")[:8], 16)

    def of(self, index: int) -> str:
        return self._digest(str(index))[:16] + f"{index ^ self._mask:08x}"

    def index(self, card_id: str) -> int | None:
        try:
            index = int(card_id[16:], 16) ^ self._mask
        except ValueError:
            return None
        return index if self.of(index) == card_id else None

    def _digest(self, text: str) -> str:
        return hashlib.sha256(f"{self._identity}/{text}".encode()).hexdigest()


class DrawnPeople:
    """People without end, drawn when somebody looks. `photos_per_card` None: 1 to 4 each."""

    size = TRAIN_FROM

    def __init__(self, seed: int, photos_per_card: int | None = None) -> None:
        self.identity = f"drawn people, seed {seed}, photos per card {photos_per_card or 'varied'}"
        self._ids = CardIds(self.identity)
        self._person: Callable[[int], Person] = lru_cache(4096)(lambda index: person(seed, index, photos_per_card))
        self._taste: Callable[[int, frozenset[tuple[str, float]]], Taste] = lru_cache(64)(
            lambda seed, weights: Taste(seed, dict(weights))
        )
        self._drawn = lru_cache(512)(self._draw)

    def card(self, index: int) -> Card:
        who = self._person(index)
        return Card(
            index, self._ids.of(index), who.name, who.age, who.bio, who.distance_mi, len(who.scenes), SIZES,
            whole=False, likes_back=who.likes_back,
        )  # fmt: skip

    def index_of(self, card_id: str) -> int | None:
        return self._ids.index(card_id)

    def truth(self, index: int, seed: int, weights: Weights) -> Choice:
        liked = self._taste(seed, frozenset(weights.items())).likes(self._person(index))
        return "like" if liked else "pass"

    def training(self, count: int, seed: int, weights: Weights) -> Sequence[int]:
        chosen: list[int] = []
        left = {"like": count - count // 3, "pass": count - count // 3}
        index = TRAIN_FROM
        while len(chosen) < count:
            kind = self.truth(index, seed, weights)
            if left[kind] > 0:
                left[kind] -= 1
                chosen.append(index)
            index += 1
        return chosen

    def own_form(self, card_id: str, number: int) -> Format | None:
        return None

    def photo(self, card_id: str, number: int, size: tuple[int, int] | None, form: Format) -> bytes | None:
        index = self.index_of(card_id)
        if index is None or not 0 <= number < len(self._person(index).scenes):
            return None
        return self._drawn(index, number, size or SIZES[0], form)

    def _draw(self, index: int, number: int, size: tuple[int, int], form: Format) -> bytes:
        who = self._person(index)
        return encode(draw(who.look, who.scenes[number], size), form)

    def traits(self, index: int) -> dict[str, object]:
        return traits(self._person(index))


def reencoded(data: bytes, form: Format) -> bytes:
    """A photograph in the form asked for, upright, at most LONGEST_PX a side. Raises OSError if it cannot be read."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (LONGEST_PX, LONGEST_PX))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((LONGEST_PX, LONGEST_PX))
    return encode(upright, form)


def likes_back(card_id: str) -> bool:
    """Three of ten photographs do."""
    return random.Random(f"likes back/{card_id}").random() < 0.3
