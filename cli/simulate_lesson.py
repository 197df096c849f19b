"""What `swipr simulate` teaches: labels drawn from the folder's train part, made ready to be sent."""

import base64
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps

#: Fewer of a kind cannot be learned from.
LEAST_OF_A_KIND = 2
KINDS = ("like", "pass")
#: Per call of the API: at most so many labels, and base64 that leaves room in a 6 MB invocation.
LABELS_PER_CALL = 100
CALL_CHARACTERS = 4_000_000
#: A larger photo is made smaller before it is sent, as nine of them must fit into a call.
PHOTO_BYTES = 300_000
LONGEST_SIDE_PX = 640
Json = dict[str, Any]


class NotEnoughError(Exception):
    """The folder or the number asked for holds too few labels of a kind; the message names both."""


@dataclass(frozen=True)
class Lesson:
    """Labels as `POST /v1/labels` takes them, two of each kind first. `unreadable`: train cards left out for that."""

    labels: Sequence[Json]
    unreadable: int

    def calls(self) -> Iterator[list[Json]]:
        """The labels in as few calls as fit."""
        chunk: list[Json] = []
        characters = 0
        for label in self.labels:
            own = sum(map(len, label["photos"]))
            if chunk and (len(chunk) == LABELS_PER_CALL or characters + own > CALL_CHARACTERS):
                yield chunk
                chunk, characters = [], 0
            chunk.append(label)
            characters += own
        yield chunk


def quotas(likes: int, passes: int, count: int) -> dict[str, int]:
    """How many of each kind: the folder's own ratio, but two of each at least, as a person goes on until there are.

    Raises NotEnoughError when that is impossible.
    """
    if count < 2 * LEAST_OF_A_KIND or min(likes, passes) < LEAST_OF_A_KIND:
        raise NotEnoughError(
            f"not enough yet: {count} labels asked for, train holds {likes} likes and {passes} passes; "
            f"at least {LEAST_OF_A_KIND} likes and {LEAST_OF_A_KIND} passes are needed to learn from"
        )
    if count > likes + passes:
        raise NotEnoughError(
            f"train holds {likes} likes and {passes} passes, fewer than the {count} labels asked for: "
            f"ask for at most {likes + passes}"
        )
    wanted = round(count * likes / (likes + passes))
    wanted = min(max(wanted, LEAST_OF_A_KIND, count - passes), likes, count - LEAST_OF_A_KIND)
    return {"like": wanted, "pass": count - wanted}


def draw(examples: Sequence[Json], count: int, *, seed: int, deck: str, fetch: Callable[[str], bytes]) -> Lesson:
    """Draw the labels: the same seed and train part draw the same ones, another seed others.

    `examples` are what `/sim/train` lists; `fetch` gets a photo by its address. A card with a photo that cannot be
    read is left out, the next of its kind takes its place. Raises NotEnoughError.
    """
    dice = random.Random(f"labels/{seed}")  # noqa: S311 - the same for the same seed
    by_kind = {kind: sorted((e for e in examples if e["label"] == kind), key=lambda e: str(e["id"])) for kind in KINDS}
    wanted = quotas(len(by_kind["like"]), len(by_kind["pass"]), count)
    chosen: dict[str, list[Json]] = {}
    unreadable = 0
    for kind, cards in by_kind.items():
        dice.shuffle(cards)
        labels: list[Json] = []
        for card in cards:
            if len(labels) == wanted[kind]:
                break
            label = _label(card, deck, fetch)
            if label is None:
                unreadable += 1
            else:
                labels.append(label)
        if len(labels) < wanted[kind]:
            raise NotEnoughError(
                f"not enough yet: only {len(labels)} of train/{kind} can be read, {wanted[kind]} are needed"
            )
        chosen[kind] = labels
    first = [label for kind in KINDS for label in chosen[kind][:LEAST_OF_A_KIND]]
    rest = [label for kind in KINDS for label in chosen[kind][LEAST_OF_A_KIND:]]
    dice.shuffle(rest)
    return Lesson([*first, *rest], unreadable)


def _label(card: Json, deck: str, fetch: Callable[[str], bytes]) -> Json | None:
    photos = [sendable(fetch(address)) for address in card["photos"]]
    if not all(photos):
        return None
    encoded = [base64.b64encode(photo).decode() for photo in photos if photo]
    return {"card_id": f"{deck}:{card['id']}", "choice": card["label"], "photos": encoded}


def sendable(photo: bytes) -> bytes | None:
    """The photo itself, or a smaller JPEG of one too large to send; None if it cannot be read."""
    try:
        with Image.open(io.BytesIO(photo), formats=("JPEG", "PNG", "WEBP")) as image:
            image.draft("RGB", (LONGEST_SIDE_PX, LONGEST_SIDE_PX))
            image.load()
            if len(photo) <= PHOTO_BYTES:
                return photo
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        return None
    upright.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    smaller = io.BytesIO()
    upright.save(smaller, "JPEG", quality=85)
    return smaller.getvalue()
