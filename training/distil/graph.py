"""The pupil as an ONNX graph, in float or in integers: photos in, features out, all scaling inside.

Integers stand between QuantizeLinear and DequantizeLinear (Jacob et al., "Quantization and training of neural
networks for efficient integer-arithmetic-only inference", 2018): weights int8 for each channel, tensors uint8 over
the range they were seen to have, bias int32, statistics and the last sum in float. A uint8 photo is its own integer
tensor: its zero is MEAN, and so is the border that convolutions see.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.distil import colour

OPSET = 17
IR_VERSION = 9
INPUT, OUTPUT = "image", "embedding"
Range = tuple[float, float]


class Layer(NamedTuple):
    """A convolution with its batch norm folded in."""

    kernel: np.ndarray
    """float32 (out, in, size, size)."""
    bias: np.ndarray
    """float32 (out,)."""
    stride: int


class Stage(NamedTuple):
    down: Layer
    blocks: list[tuple[Layer, Layer]]


class Weights(NamedTuple):
    """Everything the graph holds; features are `last @ (statistics * gain) + bias`."""

    size_px: int
    mean: float
    scale: float
    flat: float
    stages: list[Stage]
    top: Layer
    gain: np.ndarray
    last: np.ndarray
    """float32 (dimensions, statistics)."""
    bias: np.ndarray


class Tensor(NamedTuple):
    """A float tensor's name and, where it comes from integers, their scale."""

    name: str
    scale: float


class Writer:
    """Collects nodes and weights. Without `ranges` all is float, and `seen` names what ranges are needed of."""

    def __init__(self, ranges: Mapping[str, Range] | None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.seen: list[str] = []
        self._ranges = ranges

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def weight(self, values: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def photo(self, mean: float, scale: float) -> Tensor:
        pixels = self.add("Transpose", INPUT, perm=[0, 3, 1, 2])
        zero = self.weight(np.array(round(mean), np.uint8))
        return Tensor(self.add("DequantizeLinear", pixels, self.weight(np.float32(scale)), zero), scale)

    def conv(self, x: Tensor, layer: Layer) -> str:
        size = layer.kernel.shape[-1]
        kernel, bias = self._held(layer, x.scale)
        pads = [size // 2] * 4
        return self.add("Conv", x.name, kernel, bias, pads=pads, strides=[layer.stride] * 2, kernel_shape=[size, size])

    def rounded(self, name: str) -> Tensor:
        """The tensor, through uint8 where ranges are known."""
        if self._ranges is None:
            self.seen.append(name)
            return Tensor(name, 1.0)
        low, high = (float(end) for end in self._ranges[str(len(self.seen))])
        self.seen.append(name)
        scale = np.float32(max(high - low, 1e-6) / 255)
        zero = np.uint8(np.clip(round(-low / scale), 0, 255))
        pair = self.weight(scale), self.weight(zero)
        return Tensor(self.add("DequantizeLinear", self.add("QuantizeLinear", name, *pair), *pair), float(scale))

    def matrix(self, values: np.ndarray) -> str:
        """float32 (in, out), int8 for each output where the graph is in integers."""
        if self._ranges is None:
            return self.weight(values.astype(np.float32))
        scale = _scale(values.T)
        whole = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
        return self.add("DequantizeLinear", self.weight(whole), *self._scales(scale), axis=1)

    def _held(self, layer: Layer, x_scale: float) -> tuple[str, str]:
        if self._ranges is None:
            return self.weight(layer.kernel), self.weight(layer.bias)
        scale = _scale(layer.kernel)
        whole = np.clip(np.round(layer.kernel / scale[:, None, None, None]), -127, 127).astype(np.int8)
        kernel = self.add("DequantizeLinear", self.weight(whole), *self._scales(scale), axis=0)
        steps = (scale * np.float32(x_scale)).astype(np.float32)
        bias = self.weight(np.round(layer.bias / steps).astype(np.int32))
        return kernel, self.add("DequantizeLinear", bias, self.weight(steps), axis=0)

    def _scales(self, scale: np.ndarray) -> tuple[str, str]:
        return self.weight(scale), self.weight(np.zeros(len(scale), np.int8))


def write(weights: Weights, ranges: Mapping[str, Range] | None = None) -> tuple[onnx.ModelProto, list[str]]:
    """The model, and the names of the tensors that `ranges` (by their number in that list) are asked of."""
    writer = Writer(ranges)
    x = writer.photo(weights.mean, weights.scale)
    parts: list[str] = []
    for number, stage in enumerate(weights.stages):
        x = writer.rounded(writer.add("Relu", writer.conv(x, stage.down)))
        for first, second in stage.blocks:
            inner = writer.rounded(writer.add("Relu", writer.conv(x, first)))
            change = writer.rounded(writer.conv(inner, second))
            x = writer.rounded(writer.add("Relu", writer.add("Add", x.name, change.name)))
        if number:
            parts += _spread_and_mean(writer, x.name, weights.flat)
    top = writer.rounded(writer.add("Relu", writer.conv(x, weights.top)))
    parts.append(_mean(writer, top.name))
    statistics = writer.add("Mul", writer.add("Concat", *parts, axis=1), writer.weight(weights.gain))
    sums = writer.add("MatMul", statistics, writer.matrix(weights.last.T))
    writer.nodes.append(helper.make_node("Add", [sums, writer.weight(weights.bias)], [OUTPUT]))
    colour.add(writer, INPUT, weights.size_px)
    return _model(writer, weights), list(writer.seen)


def _spread_and_mean(writer: Writer, x: str, flat: float) -> list[str]:
    """Names of (n, width) each, as `network.spread_and_mean`."""
    mean = _mean(writer, x)
    square = _mean(writer, writer.add("Mul", x, x))
    variance = writer.add("Relu", writer.add("Sub", square, writer.add("Mul", mean, mean)))
    return [writer.add("Sqrt", writer.add("Add", variance, writer.weight(np.float32(flat)))), mean]


def _mean(writer: Writer, x: str) -> str:
    return writer.add("Flatten", writer.add("GlobalAveragePool", x))


def _scale(rows: np.ndarray) -> np.ndarray:
    """float32 (out,): the step that spans each output's largest weight by 127."""
    return np.asarray(np.maximum(np.abs(rows.reshape(len(rows), -1)).max(axis=1), 1e-8) / 127, np.float32)


def _model(writer: Writer, weights: Weights) -> onnx.ModelProto:
    port = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", weights.size_px, weights.size_px, 3])
    sizes = {OUTPUT: len(weights.bias), colour.OUTPUT: colour.DIMENSIONS}
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in sizes.items()]
    model = helper.make_model(
        helper.make_graph(writer.nodes, "swipr-builtin", [port], made, writer.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="swipr",
    )
    onnx.checker.check_model(model)
    return model
