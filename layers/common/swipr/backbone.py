"""A backbone folder: checked, loaded, and asked for the features of photos.

`backbone.onnx` takes uint8 NHWC photos. `backbone.json` is its card:

    name, source, licence, made_by, note   plain words
    sha256       what features depend on, hashed: see `identity`
    files        {"backbone.onnx": sha256, "reference.f32": sha256}
    input        {"name", "size_px"}
    outputs      [{"name", "dimensions", "weight"}, ...]
    opset

`reference.f32` is the fixed mean, float32 little-endian, of the unit outputs one after another.
Features are, output by output, `weight * (output / |output| - mean)`.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# Read once, when it is loaded: otherwise it reports each use to its maker's servers and keeps a file for that.
os.putenv("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from swipr import onnx_file
from swipr.errors import ModelError

GRAPH = "backbone.onnx"
REFERENCE = "reference.f32"
CARD = "backbone.json"
MAX_DIMENSIONS = 2704  # what fits a head of 11 kB
BATCH = 16  # photos a run; more brings nothing on one thread and costs memory


class Output(NamedTuple):
    name: str
    dimensions: int
    weight: float


class Backbone:
    """`load` makes it. `sha256` names everything its features depend on; features of two cannot be mixed."""

    def __init__(
        self,
        session: ort.InferenceSession,
        *,
        name: str,
        sha256: str,
        input_name: str,
        size_px: int,
        outputs: Sequence[Output],
        reference: np.ndarray,
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.size_px = size_px
        self.dimensions = sum(output.dimensions for output in outputs)
        self._session = session
        self._input = input_name
        self._outputs = tuple(outputs)
        ends = np.cumsum([output.dimensions for output in outputs])
        self._means = np.split(reference, ends[:-1])

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """float32 (n, dimensions) of uint8 (n, size_px, size_px, 3). Not finite where the network is not."""
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (self.size_px, self.size_px, 3):
            raise ModelError(f"photos are {pixels.dtype} {pixels.shape}, not uint8 (n, {self.size_px}, ..., 3)")
        if not len(pixels):
            return np.zeros((0, self.dimensions), np.float32)
        return np.concatenate([self._run(pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH)])

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        raw = self._session.run([output.name for output in self._outputs], {self._input: pixels})
        parts = zip(self._outputs, self._means, raw, strict=True)
        with np.errstate(invalid="ignore"):  # told by the features, photo by photo
            return np.concatenate([output.weight * (_unit(rows) - mean) for output, mean, rows in parts], axis=1)


def load(folder: str | Path) -> Backbone:
    """Load a backbone folder; nothing is run before every hash and declaration has been checked.

    Raises ModelError naming what is wrong with which file.
    """
    folder = Path(folder)
    card = _read_card(folder / CARD)
    try:
        files = {name: _verified(folder / name, card["files"][name]) for name in (GRAPH, REFERENCE)}
        outputs = [Output(o["name"], int(o["dimensions"]), float(o["weight"])) for o in card["outputs"]]
        input_name, size_px = str(card["input"]["name"]), int(card["input"]["size_px"])
        name, stated = str(card["name"]), card["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{CARD}: {type(error).__name__} at {error}") from error
    sha256 = identity(card)
    if sha256 != stated:
        raise ModelError(f"{CARD}: sha256 does not name this backbone")
    reference = _reference(files[REFERENCE], outputs, size_px)
    refuse_unsafe(files[GRAPH], GRAPH)
    session = session_of(files[GRAPH], GRAPH)
    _refuse_undeclared(session, input_name, size_px, outputs)
    return Backbone(
        session,
        name=name,
        sha256=sha256,
        input_name=input_name,
        size_px=size_px,
        outputs=outputs,
        reference=reference,
    )


def identity(card: dict[str, Any]) -> str:
    """sha256 over what features depend on: both files' hashes, input and weighted outputs."""
    parts = {key: card[key] for key in ("files", "input", "outputs")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"there is no backbone in {path.parent.name!r}: {CARD} is missing") from None
    except ValueError as error:
        raise ModelError(f"{CARD} is not JSON") from error
    if not isinstance(card, dict):
        raise ModelError(f"{CARD} is not a JSON object")
    return card


def _verified(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelError(f"{path.name} is not the file that {CARD} names: its sha256 differs")
    return data


def _reference(data: bytes, outputs: Sequence[Output], size_px: int) -> np.ndarray:
    dimensions = sum(output.dimensions for output in outputs)
    if not 0 < dimensions <= MAX_DIMENSIONS or any(output.dimensions < 1 for output in outputs):
        raise ModelError(f"{CARD}: outputs have {dimensions} dimensions, not 1 to {MAX_DIMENSIONS}")
    if not 16 <= size_px <= 1024:
        raise ModelError(f"{CARD}: input size_px is {size_px}, not 16 to 1024")
    if len(data) != 4 * dimensions:
        raise ModelError(f"{REFERENCE} holds {len(data) / 4:g} numbers for {dimensions} dimensions")
    reference = np.frombuffer(data, "<f4")
    weights = [output.weight for output in outputs]
    if not np.isfinite(reference).all() or not np.isfinite(weights).all():
        raise ModelError(f"{REFERENCE} or a weight in {CARD} is not finite")
    return reference


def refuse_unsafe(graph: bytes, name: str) -> onnx_file.Declared:
    """What the file called `name` declares. Raises ModelError for what must not get as far as a session."""
    declared = onnx_file.declared(graph, name)
    if declared.external:
        raise ModelError(f"{name} keeps weights in other files")
    foreign = declared.domains - {"", "ai.onnx"}
    if foreign:
        raise ModelError(f"{name} uses operators of {', '.join(sorted(foreign))}")
    if not declared.finite:
        raise ModelError(f"{name} holds a weight that is not finite")
    return declared


def session_of(graph: bytes, name: str) -> ort.InferenceSession:
    """On one thread and the CPU. Raises ModelError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # one vCPU; a second thread only waits
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class of their own
        raise ModelError(f"{name} cannot be loaded ({type(error).__name__})") from error


def _refuse_undeclared(session: ort.InferenceSession, input_name: str, size_px: int, outputs: Sequence[Output]) -> None:
    found = [(port.name, port.type, port.shape[1:]) for port in session.get_inputs()]
    if found != [(input_name, "tensor(uint8)", [size_px, size_px, 3])]:
        raise ModelError(f"{GRAPH} takes {found}, {CARD} says {input_name} uint8 [n, {size_px}, {size_px}, 3]")
    made = {(port.name, port.type, *port.shape[1:]) for port in session.get_outputs()}
    stated = {(output.name, "tensor(float)", output.dimensions) for output in outputs}
    if made != stated or len(stated) != len(outputs):
        raise ModelError(f"{GRAPH} gives {sorted(map(str, made))}, {CARD} says {sorted(map(str, stated))}")


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-12), np.float32)
