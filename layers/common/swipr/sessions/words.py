"""Whole words in what a card says, in any case and any script."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator

#: First and last code points of the scripts that write their words without a space between: Thai, Lao, Myanmar,
#: Khmer, kana, Han. In these a word counts wherever it is contained.
_UNSEPARATED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3021, 0x3029), (0x3038, 0x303B), (0x3041, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1AFF0, 0x1B16F), (0x20000, 0x323AF),
)  # fmt: skip
_FIRSTS = [first for first, _ in _UNSEPARATED]
#: Signs that people type in more than one way.
_ALIKE = str.maketrans(dict.fromkeys("’‘ʼ＇´`", "'") | dict.fromkeys("‐‑‒–—−", "-"))
#: Select how a sign is drawn, not which one it is.
_VARIATIONS = range(0xFE00, 0xFE10)


def first_found(words: Iterable[str], texts: Iterable[str]) -> str | None:
    """The first of the words, as it was given, that stands in one of the texts as a whole word; None if none does.

    A word may be several, with spaces between.
    """
    folded = [fold(text) for text in texts]
    return next((word for word in words if any(_stands_in(fold(word), text) for text in folded)), None)


def fold(text: str) -> str:
    """The text without what is not seen or does not matter: case, width, ornament, doubled spaces."""
    plain = unicodedata.normalize("NFKC", text.translate(_ALIKE)).casefold()
    plain = plain.replace("i\u0307", "i").replace("ı", "i")  # Turkish: İ and I are the capitals of i and ı
    seen = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf" and ord(sign) not in _VARIATIONS)
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def _stands_in(word: str, text: str) -> bool:
    return any(
        _is_edge(text[start - 1 : start], word[0]) and _is_edge(word[-1], text[start + len(word) :][:1])
        for start in _places(word, text)
    )


def _places(word: str, text: str) -> Iterator[int]:
    start = text.find(word) if word else -1
    while start >= 0:
        yield start
        start = text.find(word, start + 1)


def _is_edge(left: str, right: str) -> bool:
    """Whether a word may end between the two signs, which are empty at the text's ends."""
    if not left or not right or not (_is_of_words(left) and _is_of_words(right)):
        return True
    if unicodedata.category(right)[0] == "M":  # a mark belongs to the sign before it, in every script
        return False
    return _is_unseparated(left) or _is_unseparated(right)


def _is_of_words(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LNM"


def _is_unseparated(sign: str) -> bool:
    place = bisect_right(_FIRSTS, ord(sign)) - 1
    return place >= 0 and ord(sign) <= _UNSEPARATED[place][1]
