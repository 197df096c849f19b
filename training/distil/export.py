"""A checkpoint made the backbone folder that ships: folded, in integers, checked against the float network."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import nn

from local import backbone_folder
from swipr import backbone
from training.distil import colour, graph, learn, network
from training.distil.graph import Layer, Range, Stage, Weights
from training.distil.lessons import DIMENSIONS
from training.distil.network import Convolution, Pupil
from training.distil.pool import DRAWN_SHARE, SIZE_PX, Pool

CALIBRATED_ON = 256  # pictures that ranges are measured on
REFERENCE_ON = 4000  # pictures that the fixed mean is measured on
CLOSE = 0.995  # least mean cosine of integer to float features
NAME = "swipr-builtin-2"
NOTE = (
    "Trained from nothing by training/distil, on openly licensed photos, to imitate a pretrained network. Clearly "
    "weaker than a pretrained network, above all on kinds of picture it was not trained on; choose a pretrained "
    "backbone before labelling much, since features of two backbones cannot be mixed."
)


class Checkpoint:
    """What a checkpoint gives as features, in float: the same interface as a backbone's."""

    size_px = SIZE_PX

    def __init__(self, file: Path) -> None:
        self._model, offset = opened(file)
        self._offset = torch.from_numpy(offset)

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """float32 (n, dimensions) of uint8 (n, SIZE_PX, SIZE_PX, 3), of unit length."""
        with torch.inference_mode():
            parts = [self._model(torch.from_numpy(part.copy()).permute(0, 3, 1, 2)) for part in _batches(pixels)]
        return _unit((torch.cat(parts) + self._offset).numpy())


def opened(checkpoint: Path) -> tuple[Pupil, np.ndarray]:
    """The averaged network, and what is added to its outputs."""
    state = learn.load(checkpoint)
    model = Pupil(DIMENSIONS)
    model.load_state_dict(state["average"])
    return model.eval(), state["offset"]


def export(checkpoint: Path, pools: list[Pool], folder: Path, measured: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write the backbone folder and return its card. Raises ValueError where integers stray too far from floats."""
    model, offset = opened(checkpoint)
    weights = weights_of(model, offset)
    floats, seen = graph.write(weights)
    pictures = _pictures(pools[0], REFERENCE_ON)
    whole, _ = graph.write(weights, _ranges(floats, seen, pictures[:: max(1, len(pictures) // CALIBRATED_ON)]))
    body = whole.SerializeToString(deterministic=True)
    ours, theirs = (_run(model, [graph.OUTPUT], pictures)[0] for model in (whole, floats))
    near = float((_unit(ours) * _unit(theirs)).sum(axis=1).mean())
    if near < CLOSE:
        raise ValueError(f"integer features stray from float ones: cosine {near:.4f}, not {CLOSE}")
    facts = _facts(pools, measured) | {"cosine_int8_float": round(near, 4)}
    folder.mkdir(parents=True, exist_ok=True)
    colours = _run(whole, [colour.OUTPUT], pictures)[0]
    reference = np.concatenate([_unit(ours).mean(axis=0), _unit(colours).mean(axis=0)])
    backbone_folder.write(folder, body, reference, facts)
    golden = backbone.load(folder).features(backbone_folder.golden_picture(SIZE_PX)[None])[0]
    return backbone_folder.write(folder, body, reference, facts | {"golden": backbone_folder.golden_of(golden)})


def weights_of(model: Pupil, offset: np.ndarray) -> Weights:
    """The network's numbers with every batch norm folded in; the feature's becomes a gain and a part of the bias."""
    stages = [
        Stage(_folded(stage.down), [(_folded(block.first), _folded(block.second)) for block in stage.blocks])
        for stage in model.stages
    ]
    gain, shift = _affine(model.norm)
    last, bias = _numpy(model.last.weight), _numpy(model.last.bias)
    return Weights(
        SIZE_PX,
        network.MEAN,
        network.SCALE,
        network.FLAT,
        stages,
        _folded(model.top),
        gain,
        last,
        bias + last @ shift + offset,
    )


def _folded(convolution: Convolution) -> Layer:
    kernel, norm = convolution[0], convolution[1]
    gain, shift = _affine(norm)
    return Layer(_numpy(kernel.weight) * gain[:, None, None, None], shift, kernel.stride[0])


def _affine(norm: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Batch norm as it is after training: x * gain + shift."""
    mean, variance, weight, bias = (
        _numpy(getattr(norm, name)) for name in ("running_mean", "running_var", "weight", "bias")
    )
    gain = weight / np.sqrt(variance + norm.eps)
    return gain.astype(np.float32), (bias - mean * gain).astype(np.float32)


def _numpy(values: torch.Tensor) -> np.ndarray:
    return np.asarray(values.detach().numpy(), np.float32)


def _pictures(pool: Pool, count: int) -> np.ndarray:
    return np.asarray(pool.pictures[pool.without(set())[:count]])


def _ranges(floats: onnx.ModelProto, seen: list[str], pictures: np.ndarray) -> dict[str, Range]:
    """Least and largest value of each tensor over the pictures, zero included."""
    wide = onnx.ModelProto()
    wide.CopyFrom(floats)
    wide.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in seen)
    values = [_run(wide, seen, part) for part in _batches(pictures)]
    return {
        str(number): (
            min(0.0, *(float(v[number].min()) for v in values)),
            max(0.0, *(float(v[number].max()) for v in values)),
        )
        for number in range(len(seen))
    }


def _run(model: onnx.ModelProto, names: list[str], pixels: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    made = [session.run(names, {graph.INPUT: part}) for part in _batches(pixels)]
    return [np.concatenate(parts) for parts in zip(*made, strict=True)]


def _batches(pixels: np.ndarray) -> list[np.ndarray]:
    return [pixels[at : at + 32] for at in range(0, len(pixels), 32)]


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def _facts(pools: list[Pool], measured: dict[str, Any] | None) -> dict[str, Any]:
    sources = {name: source for pool in pools for name, source in pool.card["sources"].items()}
    return {
        "name": NAME,
        "source": "trained by training/distil on the sources below, to imitate the recommended backbone",
        "licence": "MIT",
        "made_by": "python -m training.distil",
        "note": NOTE,
        "sources": dict(sorted(sources.items())),
        "drawn_share": DRAWN_SHARE,
        "measured": measured or {},
        "input": {"name": graph.INPUT, "size_px": SIZE_PX},
        "outputs": [
            {"name": graph.OUTPUT, "dimensions": DIMENSIONS, "weight": 1.0},
            {"name": colour.OUTPUT, "dimensions": colour.DIMENSIONS, "weight": colour.WEIGHT},
        ],
        "opset": graph.OPSET,
    }
