"""A tuned network becomes a candidate: ONNX in int8, compared with PyTorch and with the judge, put into the inbox."""

import hashlib
import io
import json
import math
import statistics
import time
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from swipr import networks, parity
from swipr.candidates import candidate
from swipr.candidates.candidate import CandidateCard, LeftOut, Sum, Sums
from swipr.errors import ModelError
from training.data import Place
from training.graph import End, Range, written
from training.model import GAINS, Foreign, Planned, Tuned, to_float
from training.tuning import logits_of

#: Of a logit, over photos of cards: the mean and the largest difference between PyTorch in floats and the int8 file.
#: Half of it reaches the blend; measured on a tuned network whose logits spread by 1.6, AUC moved by 0.002.
INT8_WITHIN, INT8_AT_MOST = 0.25, 1.25
#: The same of a file in floats, the largest.
FLOAT_WITHIN = 0.01
CALIBRATION = 100  # photos whose values set the ranges of the integers
NEARLY_ALL = 0.9999  # of values, within the range of the integers
OPSET = 17


class Exported(NamedTuple):
    """`body` is what the judge runs. Differences are of logits: `mean` and `largest` over photos, PyTorch against the
    file as the judge's own loader runs it. `words` says what was done."""

    body: bytes
    size_px: int
    kind: str
    mean: float
    largest: float
    ms: float
    """Of one photo on one thread, the middle of some."""
    parity: tuple[float, ...]
    words: str


def export(net: Tuned, photos: np.ndarray, *, slope: float = 1.0, intercept: float = 0.0) -> Exported:
    """Write and compare; `photos` uint8 (n, size_px, size_px, 3), at least one: for ranges and for the comparison.

    `slope` and `intercept` go into the last layer. In int8, unless that is farther from PyTorch than INT8_WITHIN:
    then in floats. Raises ModelError when neither comes near enough, or the file is too large.
    """
    size_px = photos.shape[1]
    expected = slope * logits_of(net, photos) + intercept
    tried = []
    for kind in ("int8", "float"):
        body = _body(net, photos, kind, slope, intercept)
        found = networks.loaded(body, size_px).logits(photos)
        mean, largest = float(np.abs(found - expected).mean()), float(np.abs(found - expected).max())
        tried.append(f"{kind}: {len(body) / 1e6:.2f} MB, off by {mean:.3f} in the mean, {largest:.3f} at most")
        near = (mean <= INT8_WITHIN and largest <= INT8_AT_MOST) if kind == "int8" else largest <= FLOAT_WITHIN
        if near and len(body) <= candidate.MAX_BYTES[candidate.NETWORK]:
            return _exported(body, size_px, kind, mean, largest, "; ".join(tried))
    raise ModelError(f"the network cannot be exported near enough to what was trained: {'; '.join(tried)}")


class Candidate(NamedTuple):
    """What goes into the folder. `network` None: a head alone. `left_out`: logits by card id."""

    card: CandidateCard
    head: bytes
    metrics: Mapping[str, float]
    left_out: Mapping[str, float]
    network: bytes | None = None


def put(made: Candidate, place: Place) -> str:
    """Write the folder, its sums last; the folder. Raises ModelError for a file beyond what is taken."""
    files = {
        candidate.HEAD: made.head,
        candidate.CARD: made.card.model_dump_json(indent=2).encode(),
        candidate.METRICS: json.dumps(dict(made.metrics), indent=2).encode(),
        candidate.LEFT_OUT: LeftOut(logits=dict(made.left_out)).model_dump_json().encode(),
    }
    if made.network is not None:
        files[candidate.NETWORK] = made.network
    for name, body in files.items():
        if len(body) > candidate.MAX_BYTES[name]:
            raise ModelError(f"{name} takes {len(body)} bytes, more than {candidate.MAX_BYTES[name]}")
    sums = {name: Sum(sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body)) for name, body in files.items()}
    folder = candidate.folder(made.card.candidate)
    for name, body in files.items():
        place.put(folder + name, body)
    place.put(folder + candidate.SUMS, Sums(files=sums).model_dump_json(indent=2).encode())
    return folder


# --- the file ------------------------------------------------------------------------------------------------


def _body(net: Tuned, photos: np.ndarray, kind: str, slope: float, intercept: float) -> bytes:
    end = _end(net, slope, intercept)
    chosen = photos[:: math.ceil(len(photos) / CALIBRATION)]
    if isinstance(net.body, Foreign):
        return _foreign(net, end, chosen, kind)
    if not isinstance(net.body, Planned):
        raise ModelError("only a planned body or one of timm's can be exported")
    plan = net.body.plan._replace(weights=net.body.weights_now())
    if kind == "float":
        return written(plan, end, photos.shape[1])
    ranges = _ranges(net, chosen)
    first = written(plan, end, photos.shape[1], ranges)
    # Rounding pulls logits together and shifts them, all photos alike: that much is taken off again.
    wanted = slope * logits_of(net, chosen) + intercept
    found = networks.loaded(first, photos.shape[1]).logits(chosen)
    gain = 1.0 + float(np.cov(found, wanted - found)[0, 1] / max(float(np.var(found, ddof=1)), 1e-9))
    shift = float(np.mean(wanted) - gain * np.mean(found))
    return written(plan, End(end.weight * gain, end.bias * gain + shift), photos.shape[1], ranges)


def _end(net: Tuned, slope: float, intercept: float) -> End:
    with torch.inference_mode():
        dimensions = [made.shape[1] for made in net.body(torch.zeros(1, 3, 64, 64, device=net.weight.device))]
    gains = np.repeat(GAINS[: len(dimensions)], dimensions)
    weight = net.weight.detach().cpu().numpy() * gains * slope
    return End(weight, float(net.bias.detach()) * slope + intercept)


def _ranges(net: Tuned, photos: np.ndarray) -> dict[int, Range]:
    """Where nearly all values of each step's result lie, in the mean of batches; 0 is the picture itself.

    A few outliers would make the integers of all others coarse.
    """
    assert isinstance(net.body, Planned)  # noqa: S101
    seen: dict[int, list[Range]] = {}
    with torch.inference_mode():
        for at in range(0, len(photos), 16):
            pixels = to_float(torch.from_numpy(photos[at : at + 16]).to(net.weight.device))
            for place, made in enumerate(net.body.results(pixels)[1:], start=1):
                seen.setdefault(place, []).append(_nearly_all(made.flatten().cpu().numpy()))
    means = {place: np.mean(ranges, axis=0) for place, ranges in seen.items()}
    return {0: (-1.0, 1.0)} | {place: (float(low), float(high)) for place, (low, high) in means.items()}


def _nearly_all(values: np.ndarray) -> Range:
    some = values[:: max(1, len(values) // 200_000)]
    return float(np.quantile(some, 1 - NEARLY_ALL)), float(np.quantile(some, NEARLY_ALL))


def _foreign(net: Tuned, end: End, photos: np.ndarray, kind: str) -> bytes:
    """By PyTorch's own exporter, then by onnxruntime's quantisation: the network's inside is not known here."""
    whole = _Whole(net, end).eval().cpu()
    written_to = io.BytesIO()
    picture = torch.from_numpy(photos[:1])
    names: dict[str, Any] = {"input_names": ["image"], "output_names": ["logit"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter needs packages that are not needed otherwise
        torch.onnx.export(
            whole, (picture,), written_to, opset_version=OPSET, dynamo=False,
            dynamic_axes={"image": {0: "n"}, "logit": {0: "n"}}, **names,
        )  # fmt: skip
    body = written_to.getvalue()
    if kind == "float":
        return body
    from training.quantise import quantised

    return quantised(body, photos)


class _Whole(torch.nn.Module):
    def __init__(self, net: Tuned, end: End) -> None:
        super().__init__()
        self.body = net.body
        self.weight = torch.nn.Parameter(torch.from_numpy(end.weight.astype(np.float32))[:, None])
        self.bias = torch.nn.Parameter(torch.tensor(end.bias))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        pixels = image.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        (made,) = self.body(pixels)
        unit = made / torch.linalg.vector_norm(made, dim=1, keepdim=True).clamp_min(1e-12)
        return unit @ self.weight + self.bias


def _exported(body: bytes, size_px: int, kind: str, mean: float, largest: float, words: str) -> Exported:
    network = networks.loaded(body, size_px)
    pictures = parity.pictures(size_px)
    ms = statistics.median(_ms(network, pictures[:1]) for _ in range(30))
    logits = tuple(float(logit) for logit in network.logits(pictures))
    return Exported(body, size_px, kind, mean, largest, ms, logits, words)


def _ms(network: networks.Network, picture: np.ndarray) -> float:
    began = time.perf_counter()
    network.logits(picture)
    return 1000 * (time.perf_counter() - began)
