"""Real photographs from a labelled folder as cards: `test` is the deck, `train` is what to teach from."""

import hashlib
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from simulator.catalogue import TRAIN_FROM, Card, CardIds, Choice, likes_back, reencoded
from simulator.portraits import Format
from simulator.tastes import Weights

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
AT_LEAST_OF_EACH: Final = 10
_KINDS: Final[tuple[Choice, Choice]] = ("like", "pass")
_AGE: Final = 30
#: Services of this kind give no larger ones; a larger photograph is made smaller.
_LARGEST_BYTES: Final = 8_000_000
_SIGNATURES: Final = {"jpeg": (b"\xff\xd8\xff",), "webp": (b"RIFF",)}


class PhotoFolderError(Exception):
    """The folder is not laid out as needed; the message says what is missing."""


class PhotoFolder:
    """Cards of up to `photos_per_card` photographs of one kind. The folder's names are the truth, not a taste."""

    def __init__(self, folder: Path, seed: int, photos_per_card: int = 1) -> None:
        kept = {split: _cards(folder, split, seed, photos_per_card) for split in ("test", "train")}
        self._cards = dict(enumerate(kept["test"])) | dict(enumerate(kept["train"], TRAIN_FROM))
        self.size = len(kept["test"])
        names = "\n".join(
            f"{i} {kind} {path.relative_to(folder)}" for i, (kind, paths) in self._cards.items() for path in paths
        )
        digest = hashlib.sha256(names.encode()).hexdigest()[:16]
        self.identity = f"photographs {digest}, seed {seed}, photos per card {photos_per_card}"
        self._ids = CardIds(self.identity)
        self._made: Callable[[int], Card] = cache(self._make)

    def card(self, index: int) -> Card:
        return self._made(index)

    def _make(self, index: int) -> Card:
        card_id = self._ids.of(index)
        photos = len(self._cards[index][1])
        return Card(
            index, card_id, f"Card {index % TRAIN_FROM + 1}", _AGE, "", 1, photos, (), whole=True,
            likes_back=likes_back(card_id),
        )  # fmt: skip

    def index_of(self, card_id: str) -> int | None:
        index = self._ids.index(card_id)
        return index if index in self._cards else None

    def truth(self, index: int, seed: int, weights: Weights) -> Choice:
        return self._cards[index][0]

    def training(self, count: int, seed: int, weights: Weights) -> Sequence[int]:
        """Likes and passes in the folder's own ratio, but at least 10 of each if there are as many."""
        by_kind = {kind: [i for i in self._cards if i >= TRAIN_FROM and self._cards[i][0] == kind] for kind in _KINDS}
        likes, passes = len(by_kind["like"]), len(by_kind["pass"])
        wanted = round(count * likes / (likes + passes))
        few = min(AT_LEAST_OF_EACH, count // 2)
        wanted = min(max(wanted, few), count - few, likes)
        chosen = by_kind["like"][:wanted] + by_kind["pass"][: count - wanted]
        random.Random(f"order/{seed}").shuffle(chosen)
        return chosen

    def train(self, kind: Choice) -> int:
        """How many cards of that kind there are to teach from."""
        return sum(index >= TRAIN_FROM and own == kind for index, (own, _) in self._cards.items())

    def own_form(self, card_id: str, number: int) -> Format | None:
        path = self._path(card_id, number)
        return None if path is None else "webp" if path.suffix.lower() == ".webp" else "jpeg"

    def photo(self, card_id: str, number: int, size: tuple[int, int] | None, form: Format) -> bytes | None:
        """In another form than its own it is encoded anew; what is no photograph is served as it lies."""
        path = self._path(card_id, number)
        if path is None:
            return None
        data = path.read_bytes()
        if data.startswith(_SIGNATURES[form]) and len(data) <= _LARGEST_BYTES:
            return data
        try:
            return reencoded(data, form)
        except (OSError, ValueError, SyntaxError):  # as Pillow says that it cannot read something
            return data

    def _path(self, card_id: str, number: int) -> Path | None:
        index = self.index_of(card_id)
        paths = self._cards[index][1] if index is not None else []
        return paths[number] if 0 <= number < len(paths) else None

    def traits(self, index: int) -> dict[str, object]:
        return {"files": [path.name for path in self._cards[index][1]]}


def _cards(folder: Path, split: str, seed: int, photos_per_card: int) -> list[tuple[Choice, list[Path]]]:
    """All cards of one split, shuffled by the seed; photographs of one card are of one kind."""
    rng = random.Random(f"{split}/{seed}")
    cards: list[tuple[Choice, list[Path]]] = []
    for kind in _KINDS:
        photos = _photos(folder, split, kind)
        rng.shuffle(photos)
        cards += [(kind, photos[i : i + photos_per_card]) for i in range(0, len(photos), photos_per_card)]
    rng.shuffle(cards)
    return cards


def _photos(folder: Path, split: str, kind: str) -> list[Path]:
    place = folder / split / kind
    files = place.iterdir() if place.is_dir() else ()
    found = sorted(path for path in files if path.suffix.lower() in SUFFIXES and _has_something(path))
    if not found:
        raise PhotoFolderError(
            f"{folder}: no photographs in {split}/{kind}. Expected {folder.name}/{{train,test}}/{{like,pass}}/ with "
            f"{', '.join(sorted(SUFFIXES))} files in each of the four."
        )
    return found


def _has_something(path: Path) -> bool:
    """Not what file systems leave lying about: hidden and empty files."""
    return not path.name.startswith(".") and path.is_file() and path.stat().st_size > 0
