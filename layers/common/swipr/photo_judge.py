"""The judge's inside: photos, heads and tuned networks in; features, qualities and logits per photo out.

Imports no pydantic, settings or SDK: what is imported here is most of the judge's cold start.
"""

import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from swipr import backbone as backbones
from swipr import fetching, heads, networks, photos
from swipr.backbone import Backbone
from swipr.errors import InputError, ModelError, PhotoError

if TYPE_CHECKING:
    from swipr.judging import JudgeAnswer, JudgedPhoto, JudgeRequest, PhotoSource

MAX_PHOTOS = 200
MAX_HEADS = 16


class _Pixels(NamedTuple):
    """`by_size`: uint8 (size_px, size_px, 3), by size_px."""

    place: int
    by_size: dict[int, np.ndarray]


class PhotoJudge:
    """A pure function of its request, its backbone and what the one `photo_origin` serves."""

    def __init__(self, backbone: Backbone, photo_origin: str, *, deadline_s: float = fetching.DEADLINE_S) -> None:
        self._backbone = backbone
        self._deadline_s = deadline_s
        self._origin = photo_origin.rstrip("/")
        self._networks = networks.Networks(self._origin, deadline_s=deadline_s)

    def __call__(self, request: "JudgeRequest") -> "JudgeAnswer":
        """Judge every photo; one that fails is an `error` in its place, a network that fails one in its own.

        Raises InputError naming the field of a malformed request, ModelError naming a head that does not fit.
        """
        sources = _photos(request)
        weights, biases = self._heads(request)
        wanted = networks.wanted(request.get("networks", []))
        beside = networks.Beside(self._networks.load(wanted))
        sizes_px = [self._backbone.size_px, *sorted(beside.sizes_px - {self._backbone.size_px})]
        judged: list[JudgedPhoto] = [{"id": source["id"], "error": "not judged"} for source in sources]
        clock = _Clock()
        batch: list[_Pixels] = []
        for place, body, error in _bodies(sources, self._origin, self._deadline_s):
            with clock:
                try:
                    if body is None:
                        raise PhotoError(error)
                    pixels = photos.to_inputs(body, sizes_px)
                    batch.append(_Pixels(place, dict(zip(sizes_px, pixels, strict=True))))
                except PhotoError as problem:
                    judged[place] = {"id": sources[place]["id"], "error": str(problem)}
                if len(batch) == backbones.BATCH:
                    self._judge(batch, weights, biases, beside, judged)
                    batch = []
        with clock:
            self._judge(batch, weights, biases, beside, judged)
        answer: JudgeAnswer = {
            "backbone": self._backbone.sha256,
            "dimensions": self._backbone.dimensions,
            "photos": judged,
            "ms": round(clock.busy_ms, 3),
        }
        if wanted:
            answer["network_errors"] = beside.errors
        return answer

    def _judge(
        self,
        batch: Sequence[_Pixels],
        weights: np.ndarray,
        biases: np.ndarray,
        beside: networks.Beside,
        judged: "list[JudgedPhoto]",
    ) -> None:
        if not batch:
            return
        by_size = {size_px: np.stack([one.by_size[size_px] for one in batch]) for size_px in batch[0].by_size}
        rows = self._backbone.features(by_size[self._backbone.size_px]).astype("<f2")
        # from the rounded features, so that learning and serving see the same numbers
        with np.errstate(invalid="ignore"):
            logits = rows.astype(np.float64) @ weights.T + biases
        network_logits = beside.logits(by_size, len(batch))
        for one, row, row_logits, row_beside in zip(batch, rows, logits, network_logits, strict=True):
            photo_id = judged[one.place]["id"]
            if not np.isfinite(row).all():
                judged[one.place] = {"id": photo_id, "error": "the backbone gave a number that is not finite"}
                continue
            judged[one.place] = {
                "id": photo_id,
                "features": base64.b64encode(row.tobytes()).decode(),
                "logits": [float(logit) for logit in row_logits],
                "qualities": photos.qualities(one.by_size[self._backbone.size_px]),
            }
            if row_beside:
                judged[one.place]["network_logits"] = row_beside

    def _heads(self, request: "JudgeRequest") -> tuple[np.ndarray, np.ndarray]:
        """float64 (heads, dimensions) and (heads,)."""
        packed = request.get("heads")
        if not isinstance(packed, list) or len(packed) > MAX_HEADS:
            raise InputError("heads", f"send a list of at most {MAX_HEADS}")
        fitting = [self._head(index, text) for index, text in enumerate(packed)]
        weights = np.array([heads.weight_vector(head) for head in fitting], np.float64)
        biases = np.array([head.bias for head in fitting])
        return weights.reshape(len(fitting), self._backbone.dimensions), biases

    def _head(self, index: int, text: object) -> heads.Head:
        try:
            head = heads.unpack(_base64(text))
            heads.weight_vector(head)
        except ModelError as error:
            raise ModelError(f"head {index}: {error}") from error
        except ValueError as error:
            raise InputError(f"heads[{index}]", "send base64 of a packed head") from error
        if head.backbone != self._backbone.sha256:
            raise ModelError(
                f"head {index} was learned on backbone {head.backbone[:12]}, this judge runs "
                f"{self._backbone.sha256[:12]}"
            )
        if len(head.weights) != 4 * self._backbone.dimensions:
            raise ModelError(f"head {index} has {len(head.weights) // 4} weights, not {self._backbone.dimensions}")
        return head


class _Clock:
    """Adds up the time spent inside it: work, not waiting."""

    def __init__(self) -> None:
        self.busy_ms = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.busy_ms += 1000 * (time.perf_counter() - self._began)


def _bodies(sources: "Sequence[PhotoSource]", origin: str, deadline_s: float) -> Iterator[fetching.Fetched]:
    """Inline photos at once, the others as they arrive."""
    wanted = [
        fetching.Wanted(index, source["url"], source.get("first"), source.get("last"))
        for index, source in enumerate(sources)
        if "url" in source
    ]
    arriving = fetching.fetch(wanted, origin, deadline_s=deadline_s)
    for index, source in enumerate(sources):
        if "data" in source:
            yield fetching.Fetched(index, _base64(source["data"]), "")
    yield from arriving


def _photos(request: "JudgeRequest") -> "list[PhotoSource]":
    sources = request.get("photos") if isinstance(request, dict) else None
    if not isinstance(sources, list) or len(sources) > MAX_PHOTOS:
        raise InputError("photos", f"send a list of at most {MAX_PHOTOS}")
    for index, source in enumerate(sources):
        _refuse_malformed(source, f"photos[{index}]")
    return sources


def _refuse_malformed(source: Any, field: str) -> None:
    if not isinstance(source, dict) or not isinstance(source.get("id"), str):
        raise InputError(f"{field}.id", "send the photo's id as text")
    if ("url" in source) == ("data" in source):
        raise InputError(f"{field}.url", "send either an address or inline base64 in `data`")
    if "data" in source:
        try:
            size = len(_base64(source["data"]))
        except ValueError as error:
            raise InputError(f"{field}.data", "send base64") from error
        if size > fetching.MAX_BYTES:
            raise InputError(f"{field}.data", f"send at most {fetching.MAX_BYTES // 10**6} MB")
    elif not isinstance(source["url"], str):
        raise InputError(f"{field}.url", "send the photo's address as text")
    _refuse_odd_range(source.get("first"), source.get("last"), field)


def _refuse_odd_range(first: object, last: object, field: str) -> None:
    if first is None and last is None:
        return
    if not _whole(first) or not _whole(last) or not 0 <= first <= last < first + fetching.MAX_BYTES:
        raise InputError(f"{field}.first", "send `first` and `last` as a byte range of at most 10 MB")


def _whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _base64(text: object) -> bytes:
    """Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("not text")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
