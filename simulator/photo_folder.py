"""Real photographs from a labelled folder as cards: `test` is the deck, `train` is what to teach from."""

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from simulator.catalogue import TRAIN_FROM, Card, CardIds, Choice, likes_back, reencoded
from simulator.portraits import Format
from simulator.tastes import Weights

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
AT_LEAST_OF_EACH: Final = 10
_KINDS: Final[tuple[Choice, Choice]] = ("like", "pass")
_AGE: Final = 30
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

    def card(self, index: int) -> Card:
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

    def photo(self, card_id: str, number: int, size: tuple[int, int] | None, form: Format) -> bytes | None:
        index = self.index_of(card_id)
        paths = self._cards[index][1] if index is not None else []
        if not 0 <= number < len(paths):
            return None
        data = paths[number].read_bytes()
        return data if data.startswith(_SIGNATURES[form]) else reencoded(data, form)

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
    found = sorted(path for path in place.glob("*") if path.suffix.lower() in SUFFIXES) if place.is_dir() else []
    if not found:
        raise PhotoFolderError(
            f"{folder}: no photographs in {split}/{kind}. Expected {folder.name}/{{train,test}}/{{like,pass}}/ with "
            f"{', '.join(sorted(SUFFIXES))} files in each of the four."
        )
    return found
