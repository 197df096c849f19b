"""A quantised MobileNet as an ONNX backbone: its integer weights and scales as they are, photos in, two outputs.

Input `image` uint8 (n, size, size, 3), RGB; scaling is in the graph. Outputs `embedding` (n, channels), the mean over
the picture of the last tensor, and `taps` (n, 2 x widths): mean then standard deviation over the picture of the last
tensor of each stage.

Integers are written between QuantizeLinear and DequantizeLinear, which onnxruntime turns into integer kernels.
Activations become uint8 (+128, exactly the same values), the form its fastest kernels take.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from local.tflite_file import Network, Operation, Tensor
from swipr.errors import ModelError

OPSET = 17
IR_VERSION = 9
MIN_PX, MAX_PX = 32, 512
_RELU, _RELU6 = 1, 3


class Converted(NamedTuple):
    """`graph` is a checked ONNX file; `embedding` and `taps` are the outputs' dimensions."""

    graph: bytes
    size_px: int
    embedding: int
    taps: int
    opset: int = OPSET


def convert(network: Network) -> Converted:
    """Raises ModelError naming what about the network is not as in an int8 MobileNet of per-channel weights."""
    building = _Building(network)
    building.input()
    stages = _last_of_each_stage(network)
    for place, operation in enumerate(network.operations):
        if operation.kind in ("MEAN", "AVERAGE_POOL_2D"):
            building.embedding(operation)
            return building.finished([network.operations[last].outputs[0] for last in stages])
        building.operation(operation, place)
    raise ModelError("the network does not end in a mean over the picture")


def _last_of_each_stage(network: Network) -> list[int]:
    """Places of the operations whose output no activation follows and no later one of its shape replaces."""
    last: dict[tuple[int, ...], int] = {}
    for place, operation in enumerate(network.operations):
        shape = network.tensors[operation.outputs[0]].shape if operation.outputs else ()
        plain = operation.kind == "ADD" or (operation.kind == "CONV_2D" and not operation.options["activation"])
        if plain and len(shape) == 4 and shape[1] > 1:
            last[shape] = place
    return list(last.values())


class _Building:
    """The graph as it grows: `_names` says which node gives each of the network's tensors, in floats."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._names: dict[int, str] = {}
        self._channels = 0
        self.size_px = 0

    # --- what the network does

    def input(self) -> None:
        if len(self._network.inputs) != 1:
            raise ModelError(f"the network takes {len(self._network.inputs)} inputs, not one picture")
        (place,) = self._network.inputs
        picture = self._network.tensors[place]
        if len(picture.shape) != 4 or picture.shape[0] != 1 or picture.shape[1] != picture.shape[2]:
            raise ModelError(f"the network's input is {picture.shape}, not one square picture")
        self.size_px = picture.shape[1]
        if picture.shape[3] != 3 or not MIN_PX <= self.size_px <= MAX_PX:
            raise ModelError(f"the network's input is {picture.shape}, not RGB of {MIN_PX} to {MAX_PX} px")
        floats = self._add("Cast", "image", to=TensorProto.FLOAT)
        scaled = self._add("Mul", floats, self._weight("input_scale", np.array(1 / 127.5, np.float32)))
        centred = self._add("Sub", scaled, self._weight("input_centre", np.array(1, np.float32)))
        scale, zero = self._scale(picture, "input")
        whole = self._add("Transpose", self._add("QuantizeLinear", centred, scale, zero), perm=[0, 3, 1, 2])
        self._names[place] = self._add("DequantizeLinear", whole, scale, zero)

    def operation(self, operation: Operation, number: int) -> None:
        outputs = operation.outputs
        if len(outputs) != 1:
            raise ModelError(f"operation {number} of the network has {len(outputs)} outputs, not one")
        if operation.kind == "QUANTIZE":  # the same values in other integers: the input's are made anew anyway
            self._names[outputs[0]] = self._given(operation, 0)
            return
        if operation.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            made = self._convolution(operation, number)
        elif operation.kind == "ADD":
            made = self._add("Add", self._given(operation, 0), self._given(operation, 1))
        else:
            raise ModelError(f"the network does {operation.kind} before its mean over the picture")
        output = self._network.tensors[outputs[0]]
        _refuse_unclipped(operation, output, number)
        scale, zero = self._scale(output, f"t{number}")
        self._names[outputs[0]] = self._add(
            "DequantizeLinear", self._add("QuantizeLinear", made, scale, zero), scale, zero
        )

    def embedding(self, operation: Operation) -> None:
        name = self._given(operation, 0)
        shape = self._network.tensors[operation.inputs[0]].shape
        self._channels = shape[-1]
        mean = self._add("GlobalAveragePool", name)
        self._nodes.append(helper.make_node("Flatten", [mean], ["embedding"]))

    def _convolution(self, operation: Operation, number: int) -> str:
        if len(operation.inputs) != 3:
            raise ModelError(f"convolution {number} has {len(operation.inputs)} inputs, not picture, weights and bias")
        picture, weights, bias = (self._network.tensors[place] for place in operation.inputs)
        deep = operation.kind == "DEPTHWISE_CONV_2D"
        kernels = _kernels(weights, picture, deep=deep, number=number)
        groups = picture.shape[3] if deep else 1
        scales = self._weight(f"w{number}_scale", weights.scales)
        zeros = self._weight(f"w{number}_zero", np.zeros(len(kernels), np.int8))
        return self._add(
            "Conv",
            self._given(operation, 0),
            self._add("DequantizeLinear", self._weight(f"w{number}", kernels), scales, zeros, axis=0),
            self._bias(bias, picture, weights, number),
            kernel_shape=list(kernels.shape[2:]),
            group=groups,
            strides=[operation.options["stride_h"], operation.options["stride_w"]],
            pads=_pads(operation, picture, kernels.shape[2], number),
        )

    def _bias(self, bias: Tensor, picture: Tensor, weights: Tensor, number: int) -> str:
        if bias.data is None or bias.kind != "int32" or bias.shape != weights.scales.shape:
            raise ModelError(f"convolution {number} has no int32 bias for each of its outputs")
        scales = np.asarray(picture.scales[0] * weights.scales, np.float32)
        return self._add(
            "DequantizeLinear",
            self._weight(f"b{number}", bias.data.astype(np.int32)),
            self._weight(f"b{number}_scale", scales),
            self._weight(f"b{number}_zero", np.zeros(len(scales), np.int32)),
            axis=0,
        )

    # --- the end

    def finished(self, stages: list[int]) -> Converted:
        parts = [part for stage in stages for part in self._mean_and_deviation(self._names[stage])]
        widths = sum(self._network.tensors[stage].shape[3] for stage in stages)
        if not parts:
            raise ModelError("the network has no stage to take statistics of")
        self._nodes.append(helper.make_node("Flatten", [self._add("Concat", *parts, axis=1)], ["taps"]))
        outputs = {"embedding": self._channels, "taps": 2 * widths}
        return Converted(self._model(outputs), self.size_px, **outputs)

    def _mean_and_deviation(self, name: str) -> Iterator[str]:
        """Two passes: the mean of squares minus the square of the mean loses what a faint texture is."""
        mean = self._add("ReduceMean", name, axes=[2, 3], keepdims=1)
        off = self._add("Sub", name, mean)
        yield mean
        yield self._add("Sqrt", self._add("ReduceMean", self._add("Mul", off, off), axes=[2, 3], keepdims=1))

    def _model(self, outputs: dict[str, int]) -> bytes:
        picture = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", self.size_px, self.size_px, 3])
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in outputs.items()]
        graph = helper.make_graph(self._nodes, "backbone", [picture], ports, list(self._weights.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="swipr"
        )
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError as error:
            raise ModelError("the network does not become a sound ONNX file") from error
        return bytes(model.SerializeToString(deterministic=True))

    # --- pieces

    def _given(self, operation: Operation, number: int) -> str:
        if number >= len(operation.inputs) or operation.inputs[number] not in self._names:
            raise ModelError(f"the network's {operation.kind} takes what was not computed before it")
        return self._names[operation.inputs[number]]

    def _scale(self, tensor: Tensor, name: str) -> tuple[str, str]:
        if tensor.kind not in ("int8", "uint8") or len(tensor.scales) != 1:
            raise ModelError(f"the network computes {tensor.kind}, not int8 with one scale")
        zero = int(tensor.zero_points[0]) + (128 if tensor.kind == "int8" else 0)
        if not 0 <= zero <= 255:
            raise ModelError(f"a zero point of the network is {tensor.zero_points[0]}")
        return (
            self._weight(f"{name}_scale", np.array(tensor.scales[0], np.float32)),
            self._weight(f"{name}_zero", np.array(zero, np.uint8)),
        )

    def _add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _weight(self, name: str, values: np.ndarray) -> str:
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name


def _kernels(weights: Tensor, picture: Tensor, *, deep: bool, number: int) -> np.ndarray:
    """int8 (out, in, height, width) from TensorFlow's (out, height, width, in), or (1, height, width, out) if deep."""
    if weights.data is None or weights.kind != "int8" or len(weights.shape) != 4 or len(picture.shape) != 4:
        raise ModelError(f"convolution {number} has no int8 weights of four dimensions")
    axis = 3 if deep else 0
    if weights.axis != axis or len(weights.scales) != weights.shape[axis] or weights.zero_points.any():
        raise ModelError(f"convolution {number} has no symmetric scale for each of its outputs")
    if weights.shape[3] != picture.shape[3] or weights.shape[1] != weights.shape[2]:
        raise ModelError(f"convolution {number} does not fit its picture")
    order = (3, 0, 1, 2) if deep else (0, 3, 1, 2)
    return np.asarray(weights.data.transpose(order), np.int8)


def _pads(operation: Operation, picture: Tensor, kernel: int, number: int) -> list[int]:
    """Top, left, bottom, right, as TensorFlow pads: the odd pixel goes to the bottom and right."""
    options = operation.options
    stride = options["stride_h"]
    if (
        options["stride_w"] != stride
        or stride not in (1, 2)
        or (options["dilation_h"], options["dilation_w"]) != (1, 1)
        or options["padding"] not in (0, 1)
        or options.get("multiplier", 1) != 1
    ):
        raise ModelError(f"convolution {number} has strides, dilation or padding that are not known here")
    if options["padding"] == 1:
        return [0, 0, 0, 0]
    around = []
    for size in picture.shape[1:3]:
        needed = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        around.append((needed // 2, needed - needed // 2))
    return [around[0][0], around[1][0], around[0][1], around[1][1]]


def _refuse_unclipped(operation: Operation, output: Tensor, number: int) -> None:
    """An activation is left out of the graph because the range of its integers clips by itself; is that so?"""
    activation = operation.options["activation"]
    if activation == 0:
        return
    at_zero = output.kind == "int8" and len(output.zero_points) == 1 and output.zero_points[0] == -128
    top = 255 * float(output.scales[0]) if len(output.scales) else 0.0
    if activation not in (_RELU, _RELU6) or not at_zero or (activation == _RELU6 and top > 6.02):
        raise ModelError(f"the activation of operation {number} is not what the range of its integers clips to")
