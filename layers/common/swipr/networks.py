"""Tuned networks that run beside the backbone: fetched by address, checked before they are parsed, kept for a while.

A network takes uint8 (n, size_px, size_px, 3) and has one output, `logit`, float (n, 1) or (n,). Imports no pydantic,
like all that the judge needs.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from swipr import backbone, fetching
from swipr.errors import InputError, ModelError

if TYPE_CHECKING:
    import onnxruntime as ort

#: In one request: of the version in charge and of the one that waits.
MAX_NETWORKS = 2
#: As `candidate.MAX_BYTES` has it.
MAX_BYTES = 16_000_000
#: Kept for the next request, of whatever users, so that they never fill the judge's memory.
KEPT, KEPT_BYTES = 4, 2 * MAX_BYTES
#: Standard operators: before 11 padding and clipping are others, after 25 nothing here has been tried.
OPSETS = range(11, 26)
#: For the networks of a request together, beside the photos' own time.
DEADLINE_S = 10.0
#: Photos a run: what is kept of a run's memory grows with it.
BATCH = 4
SIZES_PX = range(16, 1025)
OUTPUT = "logit"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Wanted(NamedTuple):
    """A network that is asked for; see `judging.NetworkSource`."""

    url: str
    sha256: str
    size_bytes: int
    size_px: int


class Network:
    """One that has passed every check."""

    def __init__(self, session: "ort.InferenceSession", size_px: int, size_bytes: int) -> None:
        self.size_px, self.size_bytes = size_px, size_bytes
        self._session = session
        self._input = session.get_inputs()[0].name

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """float64 (n,) of uint8 (n, size_px, size_px, 3); not finite where the network is not. Raises ModelError."""
        try:
            runs = [self._run(pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH)]
        except Exception as error:  # onnxruntime's errors have no common class of their own
            raise ModelError(f"the network cannot be run ({type(error).__name__})") from error
        return np.concatenate(runs) if runs else np.zeros(0)

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        (raw,) = self._session.run([OUTPUT], {self._input: pixels})
        return np.asarray(raw, np.float64).reshape(len(pixels))


class Networks:
    """Those of one judge, by their sha256; the least recently used leave. May be asked by several threads at once."""

    def __init__(self, origin: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._origin, self._deadline_s = origin, deadline_s
        self._kept: OrderedDict[str, Network] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, wanted: Sequence[Wanted]) -> "list[Network | ModelError]":
        """Each network, or why there is none."""
        there = [self._of_size(one, self._take(one.sha256)) for one in wanted]
        asked = [
            fetching.Wanted(place, one.url, most=one.size_bytes, what="network")
            for place, one in enumerate(wanted)
            if there[place] is None
        ]
        came = {one.place: one for one in fetching.fetch(asked, self._origin, deadline_s=self._deadline_s)}
        return [
            each if each is not None else self._made(one, came[place])
            for place, (one, each) in enumerate(zip(wanted, there, strict=True))
        ]

    def kept(self) -> list[str]:
        """The sha256 of those that are kept, the least recently used first."""
        with self._lock:
            return list(self._kept)

    def _take(self, sha256: str) -> Network | None:
        with self._lock:
            if sha256 in self._kept:
                self._kept.move_to_end(sha256)
            return self._kept.get(sha256)

    def _of_size(self, one: Wanted, network: Network | None) -> Network | ModelError | None:
        if network is None or (network.size_px, network.size_bytes) == (one.size_px, one.size_bytes):
            return network
        return ModelError("the network is of another size than was said")

    def _made(self, one: Wanted, fetched: fetching.Fetched) -> Network | ModelError:
        try:
            with self._lock:  # so that two who want the same do not both hold it
                network = self._kept.get(one.sha256) or _checked(one, fetched)
                self._keep(one.sha256, network)
        except ModelError as error:
            return error
        return self._of_size(one, network) or network

    def _keep(self, sha256: str, network: Network) -> None:
        self._kept[sha256] = network
        self._kept.move_to_end(sha256)
        while len(self._kept) > KEPT or sum(each.size_bytes for each in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)


class Beside:
    """The networks of one request: what each says photo by photo, and in plain words what is wrong with it."""

    def __init__(self, loaded: Sequence[Network | ModelError]) -> None:
        self._networks = [each if isinstance(each, Network) else None for each in loaded]
        self.errors = [str(each) if isinstance(each, ModelError) else "" for each in loaded]

    @property
    def sizes_px(self) -> set[int]:
        return {network.size_px for network in self._networks if network is not None}

    def logits(self, pixels: Mapping[int, np.ndarray], count: int) -> list[list[float | None]]:
        """For each of `count` photos one number per network; `pixels`: by size, uint8 (count, size_px, size_px, 3)."""
        columns = [self._column(place, pixels, count) for place in range(len(self._networks))]
        return [[column[row] for column in columns] for row in range(count)]

    def _column(self, place: int, pixels: Mapping[int, np.ndarray], count: int) -> list[float | None]:
        network = self._networks[place]
        if network is None:
            return [None] * count
        try:
            logits = network.logits(pixels[network.size_px])
        except ModelError as error:
            self._networks[place], self.errors[place] = None, str(error)
            return [None] * count
        if not np.isfinite(logits).all():
            self.errors[place] = "the network gave a number that is not finite"
        return [float(logit) if np.isfinite(logit) else None for logit in logits]


def wanted(sources: Any) -> list[Wanted]:
    """Those of a request. Raises InputError naming what is malformed."""
    if not isinstance(sources, list) or len(sources) > MAX_NETWORKS:
        raise InputError("networks", f"send a list of at most {MAX_NETWORKS}")
    return [_wanted(source, f"networks[{place}]") for place, source in enumerate(sources)]


def _wanted(source: Any, field: str) -> Wanted:
    given = source if isinstance(source, dict) else {}
    url, sha256 = given.get("url"), given.get("sha256")
    if not isinstance(url, str):
        raise InputError(f"{field}.url", "send the network's address as text")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise InputError(f"{field}.sha256", "send the network's sha256 as 64 digits and letters a to f")
    size_bytes = _whole(given.get("size_bytes"), range(1, MAX_BYTES + 1), f"{field}.size_bytes")
    return Wanted(url, sha256, size_bytes, _whole(given.get("size_px"), SIZES_PX, f"{field}.size_px"))


def _whole(number: Any, allowed: range, field: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number not in allowed:
        raise InputError(field, f"send a whole number from {allowed[0]} to {allowed[-1]}")
    return number


def _checked(one: Wanted, fetched: fetching.Fetched) -> Network:
    """Raises ModelError in words for the user; nothing is parsed before size and hash are as was said."""
    body = fetched.body
    if body is None:
        raise ModelError(fetched.error)
    if len(body) != one.size_bytes:
        raise ModelError(f"the network has {len(body)} bytes, not {one.size_bytes}")
    if hashlib.sha256(body).hexdigest() != one.sha256:
        raise ModelError("the network is not the one that was registered: its sha256 differs")
    return loaded(body, one.size_px)


def loaded(body: bytes, size_px: int) -> Network:
    """A network of these bytes. Raises ModelError naming what does not fit."""
    declared = backbone.refuse_unsafe(body, "the network")
    if declared.nested:
        raise ModelError("the network holds loops or branches")
    if declared.opset not in OPSETS:
        raise ModelError(f"the network is of opset {declared.opset}, not {OPSETS[0]} to {OPSETS[-1]}")
    session = backbone.session_of(body, "the network")
    takes = [(port.type, port.shape[1:]) for port in session.get_inputs()]
    if takes != [("tensor(uint8)", [size_px, size_px, 3])] or not _is_many(session.get_inputs()[0].shape[0]):
        raise ModelError(f"the network takes {takes}, not one input uint8 [n, {size_px}, {size_px}, 3]")
    gives = [(port.name, port.type, port.shape[1:]) for port in session.get_outputs()]
    if gives not in ([(OUTPUT, "tensor(float)", [1])], [(OUTPUT, "tensor(float)", [])]):
        raise ModelError(f"the network gives {gives}, not one output {OUTPUT}, float [n, 1] or [n]")
    return Network(session, size_px, len(body))


def _is_many(dimension: object) -> bool:
    """Whether a declared dimension leaves open how many photos there are."""
    return not isinstance(dimension, int)
