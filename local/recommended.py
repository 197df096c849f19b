"""The recommended backbone: which public file it is made from, and how its folder is made of that.

The file is fetched from the commit that published it, or read from a folder of weights; either way it must have the
pinned sha256. Reference statistics come from photos the user names, from a file beside the weights, or are those that
`training/reference.py` measured, kept in `backbones/mobilenetv2`.
"""

import base64
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import local
from local import backbone_folder, download
from swipr.errors import ModelError, PhotoError

if TYPE_CHECKING:
    from local.mobilenet import Converted

NAME = "mobilenetv2"
FILE = "tf2_mobilenet_v2_1.0_224_ptq.tflite"
COMMIT = "104342d2d3480b3e66203073dac24f4e2dbb4c41"
PINNED = download.Pinned(
    url=f"https://raw.githubusercontent.com/google-coral/test_data/{COMMIT}/{FILE}",
    size=4_070_174,
    sha256="5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c",
)
STATISTICS = "mnv2p-224.refstats.npz"
SHIPPED = Path(local.__file__).resolve().parents[1] / "backbones" / NAME
TAPS_WEIGHT = 0.5  # of the stage statistics against the embedding; measured, see README
MIN_PHOTOS = 30
_MAX_STATISTICS_BYTES = 1_000_000
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

NOTE = (
    "MobileNetV2 1.0 trained on ImageNet by Google, int8. Knows kinds of things; see README for what it was measured "
    "on. Features of two backbones cannot be mixed."
)


class Reference(NamedTuple):
    """`mean` float32 (dimensions,) of the unit outputs one after another, and in words what it was measured on."""

    mean: np.ndarray
    words: str


def from_weights(folder: Path) -> bytes:
    """The network's file from a folder of weights. Raises ModelError unless it is there and the pinned one."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            body = file.read(PINNED.size + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror})") from None
    if hashlib.sha256(body).hexdigest() != PINNED.sha256:
        raise ModelError(f"{path} is not the pinned file: its sha256 differs")
    return body


def fetched(url: str | None, progress: Callable[[int], None]) -> bytes:
    """The network's file by network, from its commit or a mirror. Raises DownloadError."""
    return download.fetch(replace(PINNED, url=url) if url else PINNED, progress=progress)


def write(folder: Path, network: bytes, reference: Reference, origin: str) -> None:
    """Convert the network into an existing folder. Raises ModelError."""
    converted = converted_of(network)
    shipped = _shipped_card()
    units = np.frombuffer(base64.b64decode(shipped["golden_units"]), "<f2").astype(np.float32)
    if not len(reference.mean) == len(units) == converted.embedding + converted.taps:
        raise ModelError(f"the reference statistics are {len(reference.mean)} numbers, the network gives {len(units)}")
    golden = backbone_folder.golden_of(_weights(converted) * (units - reference.mean))
    facts = _facts(converted, reference.words, origin) | {"golden": golden}
    backbone_folder.write(folder, converted.graph, reference.mean, facts)


def converted_of(network: bytes) -> "Converted":
    """Raises ModelError unless the file is an int8 MobileNet."""
    from local import mobilenet, tflite_file  # onnx takes its time and memory, and few starts need it

    return mobilenet.convert(tflite_file.read(network))


def _facts(converted: "Converted", reference: str, origin: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "source": f"https://github.com/google-coral/test_data @ {COMMIT}, {FILE} (sha256 {PINNED.sha256})",
        "origin": origin,
        "licence": "Apache-2.0",
        "made_by": "swipr backbone pull",
        "note": NOTE,
        "reference": reference,
        "input": {"name": "image", "size_px": converted.size_px},
        "outputs": [
            {"name": "embedding", "dimensions": converted.embedding, "weight": 1.0},
            {"name": "taps", "dimensions": converted.taps, "weight": TAPS_WEIGHT},
        ],
        "opset": converted.opset,
    }


def _weights(converted: "Converted") -> np.ndarray:
    """float32 (dimensions,): each feature's weight."""
    return np.repeat([1.0, TAPS_WEIGHT], [converted.embedding, converted.taps]).astype(np.float32)


# --- reference statistics ---------------------------------------------------------------------------------


def shipped_reference() -> Reference:
    """Those of `training/reference.py`. Raises ModelError if the file is damaged."""
    card = _shipped_card()
    body = (SHIPPED / backbone_folder.REFERENCE).read_bytes()
    if hashlib.sha256(body).hexdigest() != card["sha256"]:
        raise ModelError(f"{SHIPPED / backbone_folder.REFERENCE} is damaged: its sha256 differs")
    return Reference(np.frombuffer(body, "<f4"), card["measured_on"])


def reference_beside(weights: Path) -> Reference | None:
    """Those in the statistics file of a folder of weights, if it has one. Raises ModelError for a damaged one."""
    path = weights / STATISTICS
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MAX_STATISTICS_BYTES:
            raise ValueError("too large")
        with np.load(path, allow_pickle=False) as found:
            mean = np.concatenate([found["emb_mean"], found["taps_unit_mean"]]).astype(np.float32)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} holds no reference statistics ({error})") from error
    if not np.isfinite(mean).all():
        raise ModelError(f"{path} holds a number that is not finite")
    return Reference(mean, f"{STATISTICS} beside the weights")


def photos_below(folder: Path) -> list[Path]:
    """Every photo of the folder and those in it, by name. Raises ModelError if there are none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise ModelError(f"{folder} holds no JPEG, PNG or WebP")
    return found


def reference_of_photos(network: bytes, files: Sequence[Path], words: str) -> Reference:
    """Measured on photos. Raises ModelError when fewer than MIN_PHOTOS of them can be read."""
    converted = converted_of(network)
    unit_outputs = units_of(converted)
    total = np.zeros(converted.embedding + converted.taps)
    count = 0
    for pixels in _readable(files, converted.size_px):
        total += unit_outputs(pixels[None])[0]
        count += 1
    if count < MIN_PHOTOS:
        raise ModelError(f"{count} readable photos; reference statistics need at least {MIN_PHOTOS}")
    return Reference(np.asarray(total / count, np.float32), f"{count} {words}")


def units_of(converted: "Converted") -> Callable[[np.ndarray], np.ndarray]:
    """The network as a function: uint8 (n, size, size, 3) to its unit outputs, float32 (n, dimensions)."""
    from swipr import backbone

    weights = _weights(converted)
    with tempfile.TemporaryDirectory() as made:
        facts = _facts(converted, "none yet", "none yet")
        backbone_folder.write(Path(made), converted.graph, np.zeros(len(weights)), facts)
        network = backbone.load(made)
    return lambda pixels: np.asarray(network.features(pixels) / weights, np.float32)


def _readable(files: Sequence[Path], size_px: int) -> Iterator[np.ndarray]:
    from swipr import photos

    for path in files:
        try:
            yield photos.to_input(path.read_bytes(), size_px)
        except (PhotoError, OSError):
            continue


def _shipped_card() -> dict[str, Any]:
    card: dict[str, Any] = json.loads((SHIPPED / "reference.json").read_text("utf-8"))
    return card
