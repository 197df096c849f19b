"""A convolutional network as a list of steps and its float weights: what PyTorch trains and ONNX is written from.

Read from a quantised TensorFlow Lite file (the recommended backbone's pinned one, or another MobileNet), or from an
`.npz` of folded float weights: `stem`, `b0.dw`, `b0.project`, `b1.expand`, ... `head`, each with `.weight` (out,
in/groups, height, width) and `.bias`, which is MobileNetV2 of any width (Sandler et al., CVPR 2018, table 2).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from local import tflite_file
from local.tflite_file import Network, Operation, Tensor
from swipr.errors import ModelError

Weights = dict[str, np.ndarray]
_RELU6 = 3
_SAME = 0
#: Blocks of MobileNetV2 whose depthwise convolution halves the picture.
_HALVING = frozenset({1, 3, 6, 13})


class Step(NamedTuple):
    """One convolution or addition. Its result has its place + 1; place 0 is the picture."""

    kind: str
    name: str
    inputs: tuple[int, ...]
    stride: int = 1
    groups: int = 1
    kernel: int = 1
    clipped: bool = False
    """ReLU6 follows."""


class Plan(NamedTuple):
    """`weights`: float32, `<step>.weight` and `<step>.bias`. `taps`: places of the last tensor of each stage."""

    steps: tuple[Step, ...]
    weights: Weights
    taps: tuple[int, ...]

    @property
    def dimensions(self) -> tuple[int, int]:
        """Of the mean of the last tensor, and of the stages' statistics."""
        return self.width(len(self.steps)), 2 * sum(map(self.width, self.taps))

    def width(self, place: int) -> int:
        """Channels of a step's result."""
        while self.steps[place - 1].kind == "add":
            place = self.steps[place - 1].inputs[0]
        return len(self.weights[f"{self.steps[place - 1].name}.bias"])


def read(path: Path) -> Plan:
    """By the file's ending, .npz or .tflite. Raises ModelError saying what the file lacks."""
    if path.suffix == ".tflite":
        return of_tflite(path.read_bytes())
    if path.suffix != ".npz":
        raise ModelError(f"{path.name}: weights come as .npz (folded) or .tflite (quantised)")
    with np.load(path, allow_pickle=False) as found:
        return of_folded({name: found[name].astype(np.float32) for name in found.files})


def pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Before and after, as TensorFlow pads `SAME`: the odd pixel goes behind."""
    needed = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return needed // 2, needed - needed // 2


# --- folded weights ------------------------------------------------------------------------------------------


def of_folded(weights: Mapping[str, np.ndarray]) -> Plan:
    """MobileNetV2 from its folded weights. Raises ModelError naming what is missing or does not fit."""
    blocks = 1 + max((int(found[1]) for name in weights if (found := re.match(r"b(\d+)\.", name))), default=-1)
    if not blocks:
        raise ModelError("the weights hold no block b0, b1, ... of a MobileNetV2")
    growing = _Growing(dict(weights))
    at = growing.conv("stem", 0, stride=2, clipped=True)
    for block in range(blocks):
        at = growing.block(block, at)
    growing.conv("head", at, clipped=True)
    return growing.plan()


class _Growing:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._steps: list[Step] = []
        self._stages: dict[tuple[int, int], int] = {}
        self._halved = 0

    def conv(self, name: str, at: int, *, stride: int = 1, clipped: bool, deep: bool = False) -> int:
        for part in ("weight", "bias"):
            if f"{name}.{part}" not in self._weights:
                raise ModelError(f"the weights lack {name}.{part}")
        kernel = self._weights[f"{name}.weight"]
        groups = len(kernel) if deep else 1
        self._halved += stride == 2
        self._steps.append(Step("conv", name, (at,), stride, groups, kernel.shape[-1], clipped))
        return len(self._steps)

    def block(self, number: int, at: int) -> int:
        inside = at
        if f"b{number}.expand.weight" in self._weights:
            inside = self.conv(f"b{number}.expand", at, clipped=True)
        stride = 2 if number in _HALVING else 1
        inside = self.conv(f"b{number}.dw", inside, stride=stride, clipped=True, deep=True)
        end = self.conv(f"b{number}.project", inside, clipped=False)
        width = len(self._weights[f"b{number}.project.bias"])
        before = self._stages.get((width, self._halved))
        if stride == 1 and before == at:
            self._steps.append(Step("add", f"b{number}.add", (at, end)))
            end = len(self._steps)
        self._stages[width, self._halved] = end
        return end

    def plan(self) -> Plan:
        used = {f"{step.name}.{part}" for step in self._steps for part in ("weight", "bias")}
        kept = {name: np.asarray(self._weights[name], np.float32) for name in used if name in self._weights}
        return checked(Plan(tuple(self._steps), kept, tuple(self._stages.values())))


# --- a quantised file ----------------------------------------------------------------------------------------


def of_tflite(data: bytes) -> Plan:
    """Steps and dequantised weights up to the mean over the picture. Raises ModelError for what is not known here."""
    network = tflite_file.read(data)
    steps: list[Step] = []
    weights: Weights = {}
    places = {network.inputs[0]: 0}
    for operation in network.operations:
        if operation.kind in ("MEAN", "AVERAGE_POOL_2D"):
            return checked(Plan(tuple(steps), weights, _stages(network, steps)))
        if operation.kind == "QUANTIZE":
            places[operation.outputs[0]] = places[operation.inputs[0]]
            continue
        steps.append(_step(operation, network, places, weights))
        places[operation.outputs[0]] = len(steps)
    raise ModelError("the network does not end in a mean over the picture")


def _step(operation: Operation, network: Network, places: Mapping[int, int], weights: Weights) -> Step:
    name = f"t{operation.outputs[0]}"
    if operation.kind == "ADD":
        return Step("add", name, (places[operation.inputs[0]], places[operation.inputs[1]]))
    if operation.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or operation.options["padding"] != _SAME:
        raise ModelError(f"the network does {operation.kind} in a way that is not known here")
    deep = operation.kind == "DEPTHWISE_CONV_2D"
    kernels, bias = (_floats(network.tensors[place]) for place in operation.inputs[1:3])
    weights[f"{name}.weight"] = kernels.transpose((3, 0, 1, 2) if deep else (0, 3, 1, 2)).copy()
    weights[f"{name}.bias"] = bias
    # The range of an integer clips by itself; without a stated activation it is a plain result.
    output = network.tensors[operation.outputs[0]]
    clipped = operation.options["activation"] == _RELU6 or _starts_at_zero(output)
    groups = len(bias) if deep else 1
    return Step(
        "conv", name, (places[operation.inputs[0]],), operation.options["stride_h"], groups, kernels.shape[1], clipped
    )


def _starts_at_zero(tensor: Tensor) -> bool:
    lowest = -128 if tensor.kind == "int8" else 0
    return len(tensor.zero_points) == 1 and int(tensor.zero_points[0]) == lowest


def _floats(tensor: Tensor) -> np.ndarray:
    """float32 of the tensor's own shape."""
    if tensor.data is None or not len(tensor.scales):
        raise ModelError("a convolution of the network has no quantised weights")
    shape = [1] * len(tensor.shape)
    shape[tensor.axis if len(tensor.scales) > 1 else 0] = len(tensor.scales)
    zeros = tensor.zero_points if len(tensor.zero_points) == len(tensor.scales) else np.zeros(len(tensor.scales))
    shifted = tensor.data.astype(np.float32) - zeros.reshape(shape).astype(np.float32)
    return np.asarray(shifted * tensor.scales.reshape(shape), np.float32)


def _stages(network: Network, steps: Sequence[Step]) -> tuple[int, ...]:
    """The last result of each shape that no activation follows; as `local.mobilenet` takes them."""
    shapes = [network.tensors[operation.outputs[0]].shape for operation in network.operations]
    kinds = [operation.kind for operation in network.operations]
    own = [shape for shape, kind in zip(shapes, kinds, strict=True) if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD")]
    last: dict[tuple[int, ...], int] = {}
    for place, (step, shape) in enumerate(zip(steps, own, strict=False), start=1):
        if not step.clipped and step.groups == 1 and shape[1] > 1:
            last[shape] = place
    return tuple(last.values())


def checked(plan: Plan) -> Plan:
    """The plan itself. Raises ModelError for weights that do not fit together, or are not finite."""
    for step in plan.steps:
        if step.kind != "conv":
            continue
        kernel, bias = plan.weights[f"{step.name}.weight"], plan.weights[f"{step.name}.bias"]
        place = step.inputs[0]
        given = plan.width(place) if place else 3
        if kernel.shape[1] * step.groups != given or len(bias) != len(kernel):
            raise ModelError(f"{step.name}: weights of shape {kernel.shape} do not fit {given} channels")
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise ModelError(f"{step.name} holds a weight that is not finite")
    return plan
