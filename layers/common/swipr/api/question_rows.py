"""Features of cards to ask about, and what the model in charge makes of them now: few objects read, no numpy."""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from swipr import asking, heads
from swipr.api.parts import Api
from swipr.errors import LabelError, ModelError, NotFoundError
from swipr.features import Row, dot, numbers
from swipr.judging import blended
from swipr.learning import feature_pack
from swipr.models import BlobRange, Decision, Label, ModelVersion, User

#: Labels up to which their packed features are read: 1.1 MB at most.
PACKED = 200
_AT_ONCE = 8


class Looking:
    """`decided`: cards whose features can be read."""

    def __init__(self, api: Api, user: User, decided: Mapping[str, Decision]) -> None:
        self._api, self._user, self._decided = api, user, decided
        self._length = 0

    def rows(self, decisions: Sequence[Decision]) -> dict[str, Row]:
        """Those that can be read and compared, by card: a session's in one piece."""
        own = [each for each in decisions if each.backbone == self._backbone]
        return self._sound(_read(own, self._api))

    def seen(self, labels: Mapping[str, Label]) -> list[Row]:
        """Of the newest labels, as far as they are known."""
        newest = sorted(labels.values(), key=lambda label: label.labelled_at, reverse=True)[: asking.SEEN]
        packed = self._packed() if len(labels) <= PACKED else {}
        own = [label for label in newest if label.backbone == self._backbone]
        found = {label.card_id: packed[label.card_id] for label in own if label.card_id in packed}
        others = [label.card_id for label in own if label.card_id not in found]
        known = self._sound(found) | self.rows([self._decided[name] for name in others if name in self._decided])
        return [known[label.card_id] for label in newest if label.card_id in known]

    @cached_property
    def distance(self) -> Callable[[str, Row], float] | None:
        """How far from the line the model in charge puts a card now; None without one."""
        model = self._model
        if model is None or model.kind == "likeness":
            return None
        try:
            head = heads.unpack(model.head)
        except ModelError:
            return None
        weights = struct.unpack(f"<{len(head.weights) // 4}f", head.weights)

        def of(card_id: str, row: Row) -> float:
            if len(row) != len(weights):
                return 0.0
            logit = dot(row, weights) + head.bias
            if model.network is not None:
                other = self._decided[card_id].network_logits.get(model.network.short)
                logit = logit if other is None else blended(logit, other, model.network.share)
            return abs(head.score(logit) - head.threshold)

        return of

    @cached_property
    def _model(self) -> ModelVersion | None:
        champion = self._user.champion
        return None if champion is None else self._api.store.model(self._user.user_id, champion)

    @cached_property
    def _backbone(self) -> str | None:
        """Only features of one backbone can be compared."""
        if self._model is not None:
            return self._model.backbone
        return next((decision.backbone for decision in self._decided.values()), None)

    def _packed(self) -> dict[str, bytes]:
        """Of the pack, and of the small one beside it for the newest labels."""
        prefix = f"features/{self._user.user_id}/{(self._backbone or '')[:12]}"
        return self._unpacked(f"{prefix}.bin") | self._unpacked(f"{prefix}.new.bin")

    def _unpacked(self, key: str) -> dict[str, bytes]:
        try:
            found = feature_pack.unpack(self._api.blobs.get(key))
        except (NotFoundError, LabelError):  # it is made by the next refit
            return {}
        return {label.card_id: bytes(row) for label, row in found.items()}

    def _sound(self, found: Mapping[str, bytes]) -> dict[str, Row]:
        """Rows of the usual length without numbers that are none."""
        if not self._length:
            self._length = max(Counter(map(len, found.values())).items(), key=lambda each: each[1], default=(0, 0))[0]
        rows = {}
        for card_id, row in found.items():
            try:
                if len(row) == self._length:
                    rows[card_id] = numbers(row)
            except ModelError:
                continue
        return rows


def _read(decisions: Iterable[Decision], api: Api) -> dict[str, bytes]:
    """What can be read of their features: one reading per object."""
    by_object: dict[str, dict[str, BlobRange]] = {}
    for decision in decisions:
        if decision.features is not None:
            by_object.setdefault(decision.features.key, {})[decision.card_id] = decision.features

    def read(parts: Mapping[str, BlobRange]) -> dict[str, bytes]:
        key, first = next(iter(parts.values())).key, min(part.first for part in parts.values())
        whole = BlobRange(key=key, first=first, last=max(part.last for part in parts.values()))
        try:
            body = api.blobs.get_range(whole)
        except NotFoundError:  # expired just now
            return {}
        return {card_id: body[part.first - first : part.last + 1 - first] for card_id, part in parts.items()}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {card_id: row for found in pool.map(read, by_object.values()) for card_id, row in found.items()}
