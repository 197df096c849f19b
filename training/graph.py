"""A tuned network as an ONNX file: photos in, one `logit` out; in floats, or in integers by measured ranges.

As in `local.mobilenet`, integers are written between QuantizeLinear and DequantizeLinear, weights int8 per channel and
activations uint8, and an activation's clipping is the range of its integers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from local.mobilenet import IR_VERSION, OPSET
from training import plan as plans
from training.plan import Plan, Step

Range = tuple[float, float]
_TINY = 1e-6  # as in `model`
_SHORTEST = 1e-12


class End(NamedTuple):
    """The last layer over the unit outputs: float32 (dimensions,) with the gains in it, and its bias."""

    weight: np.ndarray
    bias: float


def written(plan: Plan, end: End, size_px: int, ranges: Mapping[int, Range] | None = None) -> bytes:
    """Input `image` uint8 (n, size_px, size_px, 3), scaling in the graph; output `logit` float (n, 1).

    `ranges`: by place (0 is the picture, each step's result its place), the values seen there; without, in floats.
    """
    graph = _Graph(plan, size_px, ranges)
    names = [graph.picture()]
    for place, step in enumerate(plan.steps, start=1):
        names.append(graph.step(step, place, names))
    outputs = [graph.mean(names[-1])]
    if plan.taps:
        outputs.append(graph.statistics([names[place] for place in plan.taps]))
    return graph.finished(outputs, end)


class _Graph:
    def __init__(self, plan: Plan, size_px: int, ranges: Mapping[int, Range] | None) -> None:
        self._plan, self._size_px, self._ranges = plan, size_px, ranges
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._sizes = [size_px]
        self._scales: list[float] = []

    # --- what the network does

    def picture(self) -> str:
        scaled = self._add("Mul", self._add("Cast", "image", to=TensorProto.FLOAT), self._number("scale", 1 / 127.5))
        centred = self._add("Sub", scaled, self._number("centre", 1.0))
        return self._rounded(self._add("Transpose", centred, perm=[0, 3, 1, 2]), 0)

    def step(self, step: Step, place: int, names: Sequence[str]) -> str:
        inputs = [names[at] for at in step.inputs]
        size = self._sizes[step.inputs[0]]
        self._sizes.append(-(-size // step.stride))
        if step.kind == "add":
            return self._rounded(self._add("Add", *inputs), place)
        before, after = plans.pads(size, step.kernel, step.stride)
        made = self._add(
            "Conv",
            inputs[0],
            *self._kernels(step),
            group=step.groups,
            strides=[step.stride] * 2,
            pads=[before, before, after, after],
        )
        if step.clipped and self._ranges is None:
            made = self._add("Clip", made, self._number("zero", 0.0), self._number("six", 6.0))
        return self._rounded(made, place)

    def mean(self, name: str) -> str:
        return self._add("Flatten", self._add("GlobalAveragePool", name))

    def statistics(self, names: Sequence[str]) -> str:
        parts = []
        for name in names:
            mean = self._add("ReduceMean", name, axes=[2, 3], keepdims=1)
            off = self._add("Sub", name, mean)
            variance = self._add("ReduceMean", self._add("Mul", off, off), axes=[2, 3], keepdims=1)
            parts += [mean, self._add("Sqrt", self._add("Add", variance, self._number("tiny", _TINY)))]
        return self._add("Flatten", self._add("Concat", *parts, axis=1))

    def finished(self, outputs: Sequence[str], end: End) -> bytes:
        units = []
        for name in outputs:
            length = self._add("ReduceL2", name, axes=[1], keepdims=1)
            units.append(self._add("Div", name, self._add("Max", length, self._number("shortest", _SHORTEST))))
        joined = units[0] if len(units) == 1 else self._add("Concat", *units, axis=1)
        weighed = self._add("MatMul", joined, self._weight("end", end.weight.astype(np.float32)[:, None]))
        self._nodes.append(helper.make_node("Add", [weighed, self._number("end_bias", end.bias)], ["logit"]))
        return self._model()

    # --- integers

    def _rounded(self, name: str, place: int) -> str:
        if self._ranges is None:
            return name
        low, high = self._ranges[place]
        low, high = min(low, 0.0), max(high, 1e-3)  # zero must be a value, for padding
        scale = (high - low) / 255
        zero = round(-low / scale)
        self._scales.append(scale)
        names = self._number(f"s{place}", scale), self._weight(f"z{place}", np.array(zero, np.uint8))
        return self._add("DequantizeLinear", self._add("QuantizeLinear", name, *names), *names)

    def _kernels(self, step: Step) -> tuple[str, str]:
        """Names of weights (out, in, height, width) and bias."""
        values, bias = (self._plan.weights[f"{step.name}.{part}"] for part in ("weight", "bias"))
        if self._ranges is None:
            return self._weight(f"{step.name}.weight", values), self._weight(f"{step.name}.bias", bias)
        scales = np.maximum(np.abs(values).reshape(len(values), -1).max(axis=1) / 127, 1e-8).astype(np.float32)
        whole = np.clip(np.round(values / scales[:, None, None, None]), -127, 127).astype(np.int8)
        weights = self._integers(f"{step.name}.weight", whole, scales)
        steps = (self._scales[step.inputs[0]] * scales).astype(np.float32)
        rounded = np.clip(np.round(bias.astype(np.float64) / steps), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        return weights, self._integers(f"{step.name}.bias", rounded, steps)

    def _integers(self, name: str, values: np.ndarray, scales: np.ndarray) -> str:
        return self._add(
            "DequantizeLinear",
            self._weight(name, values),
            self._weight(f"{name}_scale", scales),
            self._weight(f"{name}_zero", np.zeros(len(scales), values.dtype)),
            axis=0,
        )

    # --- pieces

    def _model(self) -> bytes:
        picture = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", self._size_px, self._size_px, 3])
        logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1])
        graph = helper.make_graph(self._nodes, "tuned", [picture], [logit], list(self._weights.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="swipr"
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _number(self, name: str, value: float) -> str:
        return self._weight(name, np.array(value, np.float32))

    def _weight(self, name: str, values: np.ndarray) -> str:
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name
