"""Very small networks as training would send them: a photo's mean colour times three weights; with faults on demand."""

import hashlib
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 16


def tuned(
    weights: Sequence[float] = (0.02, -0.01, 0.005),
    bias: float = -1.0,
    *,
    size_px: int = SIZE,
    takes: int = TensorProto.UINT8,
    outputs: Sequence[str] = ("logit",),
    domain: str = "",
    external: bool = False,
    opset: int = 17,
    flat: bool = False,
    fails: bool = False,
    divides: bool = False,
    branches: bool = False,
    numbers: int = 1,
    batch: int | str = "n",
    padding: int = 0,
) -> bytes:
    """`logit` (n, 1), or (n,) if `flat`, of uint8 (n, size_px, size_px, 3). A run holds `numbers` floats a photo."""
    kernel = numpy_helper.from_array(np.array(weights, np.float32).reshape(3, 1), "kernel")
    if external:
        kernel.ClearField("raw_data")
        kernel.data_location = TensorProto.EXTERNAL
        kernel.external_data.add(key="location", value="../../secret")
    shape = [-1] if flat else [7, 1] if fails else [-1, 1]
    weights_of = [
        kernel,
        numpy_helper.from_array(np.array(bias, np.float32), "bias"),
        numpy_helper.from_array(np.array(shape, np.int64), "shape"),
        numpy_helper.from_array(np.array([1, numbers], np.int64), "many"),
        numpy_helper.from_array(np.zeros(padding, np.uint8), "padding"),
    ]
    colour = "mean"
    nodes = [
        helper.make_node("Cast", ["photos"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], axes=[1, 2], keepdims=0),
    ]
    if divides:  # black is 0 / 0
        nodes.append(helper.make_node("Div", ["mean", "mean"], ["ones"]))
        colour = "ones"
    nodes += [
        helper.make_node("MatMul", [colour, "kernel"], ["product"]),
        helper.make_node("Expand", ["product", "many"], ["row"]),
        helper.make_node("ReduceMean", ["row"], ["single"], axes=[1], keepdims=1),
        helper.make_node("Add", ["single", "bias"], ["sum"]),
        helper.make_node("Reshape", ["sum", "shape"], ["shaped"]),
        *(helper.make_node("Identity", ["shaped"], [name], domain=domain) for name in outputs),
    ]
    if branches:
        inner = helper.make_graph([helper.make_node("Identity", ["sum"], ["a"])], "inner", [], [_port("a", ["n", 1])])
        nodes.append(helper.make_node("Cast", ["bias"], ["yes"], to=TensorProto.BOOL))
        nodes.append(helper.make_node("If", ["yes"], ["unused"], then_branch=inner, else_branch=inner))
    image = helper.make_tensor_value_info("photos", takes, [batch, size_px, size_px, 3])
    ports = [_port(name, [batch] if flat else [batch, 1]) for name in outputs]
    graph = helper.make_graph(nodes, "tuned", [image], ports, weights_of)
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def _port(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def logit_of(pixels: np.ndarray, weights: Sequence[float] = (0.02, -0.01, 0.005), bias: float = -1.0) -> float:
    """What `tuned` gives for uint8 (size_px, size_px, 3), by plain arithmetic."""
    return float(pixels.reshape(-1, 3).mean(axis=0) @ np.array(weights) + bias)


def source(origin: str, name: str, body: bytes, **changes: object) -> dict[str, object]:
    """How the judge is asked for the network that lies at `name`."""
    sha256 = hashlib.sha256(body).hexdigest()
    return {"url": f"{origin}/{name}?sig=secret", "sha256": sha256, "size_bytes": len(body), "size_px": SIZE} | changes
