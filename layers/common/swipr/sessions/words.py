"""Whole words in what a card says, in any case and any script."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

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
#: What is left out of a text: selectors of how a sign is drawn, the Arabic stretching of a line and vowel signs, the
#: Hebrew points. A letter that has a code point of its own with its sign keeps it.
_UNREAD = str.maketrans(
    dict.fromkeys((
        *range(0xFE00, 0xFE10), 0x0640, *range(0x0610, 0x061B), *range(0x064B, 0x0660), 0x0670, *range(0x06D6, 0x06DD),
        *range(0x06DF, 0x06E5), 0x06E7, 0x06E8, *range(0x06EA, 0x06EE), *range(0x0591, 0x05BE), 0x05BF, 0x05C1, 0x05C2,
        0x05C4, 0x05C5, 0x05C7,
    ))
)  # fmt: skip
#: Joins pictures to one; tags after a picture make another one of it; two of the indicators are a flag.
_JOINER, _TAGS, _INDICATORS = "\u200d", range(0xE0020, 0xE0080), range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
#: A Hangul syllable after a word may be its particle.
_HANGUL = (range(0x1100, 0x1160), range(0xAC00, 0xD7A4))
#: No deck lets anybody write more; a longer text is read so far.
LONGEST_TEXT = 10_000


def first_found(words: Iterable[str], texts: Iterable[str]) -> str | None:
    """The first of the words, as it was given, that stands in one of the texts as a whole word; None if none does.

    A word may be several, with spaces between. Of each text the first 10,000 characters are looked at.
    """
    looked_at = [_Text(text) for text in texts]
    return next((word for word in words if any(text.holds(fold(word)) for text in looked_at)), None)


def fold(text: str) -> str:
    """The text without what is not seen or does not matter: case, width, ornament, vowel points, doubled spaces."""
    plain = unicodedata.normalize("NFKC", text.translate(_ALIKE)).casefold()
    plain = plain.replace("i\u0307", "i").replace("ı", "i")  # Turkish: İ and I are the capitals of i and ı
    plain = unicodedata.normalize("NFKC", plain).translate(_UNREAD)
    return " ".join(unicodedata.normalize("NFKC", _seen(plain)).split())


class _Text:
    """A folded text, and where in it a word may begin and end."""

    def __init__(self, text: str) -> None:
        self._text = fold(text[:LONGEST_TEXT])[:LONGEST_TEXT]
        inside = _inside_of_pictures(self._text)
        between = enumerate(pairwise(self._text), start=1)
        edges = {place for place, (left, right) in between if not inside[place] and _is_edge(left, right)}
        self._starts = {0, *edges}
        particles = {place for place, sign in enumerate(self._text) if any(ord(sign) in part for part in _HANGUL)}
        self._ends = {len(self._text), *self._starts, *particles}

    def holds(self, word: str) -> bool:
        start = self._text.find(word) if word else -1
        while start >= 0:
            if start in self._starts and start + len(word) in self._ends:
                return True
            start = self._text.find(word, start + 1)
        return False


def _seen(text: str) -> str:
    """Without what is not seen, but for what makes one picture of several."""
    kept: list[str] = []
    for place, sign in enumerate(text):
        if unicodedata.category(sign) != "Cf":
            kept.append(sign)
        elif sign == _JOINER:
            if _is_picture(kept[-1:]) and _is_picture(text[place + 1 : place + 2]):
                kept.append(sign)
        elif ord(sign) in _TAGS and _is_picture(kept[-1:]):
            kept.append(sign)
    return "".join(kept)


def _is_picture(sign: str | list[str]) -> bool:
    """Of the only sign in it, if there is one; a tag belongs to its picture."""
    return any(unicodedata.category(each)[0] == "S" or ord(each) in _TAGS for each in sign)


def _inside_of_pictures(text: str) -> bytearray:
    """1 at each place of the text that is within one picture of several signs."""
    inside, joined, indicators = bytearray(len(text) + 1), False, 0
    for place, sign in enumerate(text):
        is_indicator = ord(sign) in _INDICATORS
        inside[place] = joined or sign == _JOINER or ord(sign) in _TAGS or (is_indicator and indicators % 2 == 1)
        indicators = indicators + 1 if is_indicator else 0
        joined = sign == _JOINER
    for place in range(len(text) - 1, 0, -1):  # a skin tone ends its picture only where nothing more is joined to it
        if ord(text[place]) in _SKIN_TONES and inside[place + 1]:
            inside[place] = 1
    return inside


def _is_edge(left: str, right: str) -> bool:
    """Whether a word may end between the two signs."""
    if not (_is_of_words(left) and _is_of_words(right)):
        return True
    if unicodedata.category(right)[0] == "M":  # a mark belongs to the sign before it, in every script
        return False
    return _is_unseparated(left) or _is_unseparated(right)


def _is_of_words(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LNM"


def _is_unseparated(sign: str) -> bool:
    place = bisect_right(_FIRSTS, ord(sign)) - 1
    return place >= 0 and ord(sign) <= _UNSEPARATED[place][1]
