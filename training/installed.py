"""The recommended backbone's float weights: from a folder of weights, the installed graph, or its own commit."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from local import backbone_folder, backbones, recommended
from local.download import DownloadError
from swipr.errors import ModelError
from training import plan as plans
from training.plan import Plan, Step, Weights

FOLDED = "mnv2p-224.folded.npz"
_PASSED_ON = ("Cast", "Mul", "Sub", "Transpose", "QuantizeLinear", "DequantizeLinear")


def recommended_plan(weights: Path | None, data: Path | None) -> Plan:
    """From `weights` (a file, or a folder that holds one), else from the data folder, else by network.

    Raises ModelError that says what to do when it is nowhere to be had.
    """
    if weights is not None:
        return _of_weights(weights)
    graph = backbones.home(data) / recommended.NAME / backbone_folder.GRAPH if data is not None else None
    if graph is not None and graph.is_file():
        return of_graph(graph.read_bytes())
    try:
        return plans.of_tflite(recommended.fetched(None, lambda _: None))
    except DownloadError as error:
        raise ModelError(
            f"the weights of {recommended.NAME} are not here and cannot be fetched ({error}): install it by "
            f"`swipr backbone pull`, or name a folder that holds {recommended.FILE} or {FOLDED} by --weights"
        ) from None


def of_graph(body: bytes) -> Plan:
    """The steps and dequantised weights of an installed graph, as `local.mobilenet` writes it. Raises ModelError."""
    graph = onnx.load_model_from_string(body).graph
    values = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    made_by = {node.output[0]: node for node in graph.node}
    takers = {name: node for node in graph.node for name in node.input}
    places = {graph.input[0].name: 0}
    steps: list[Step] = []
    weights: Weights = {}
    for node in graph.node:
        if node.op_type == "GlobalAveragePool":
            return plans.checked(Plan(tuple(steps), weights, _taps(graph, places)))
        if node.op_type in _PASSED_ON:
            if node.input[0] in places:
                places[node.output[0]] = places[node.input[0]]
            continue
        inputs = tuple(places[name] for name in node.input if name in places)
        name = f"s{len(steps)}"
        if node.op_type == "Add":
            steps.append(Step("add", name, inputs))
        elif node.op_type == "Conv":
            stated = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
            kernel, bias = (_floats(made_by[part], values) for part in node.input[1:3])
            weights[f"{name}.weight"], weights[f"{name}.bias"] = kernel, bias
            # A range that begins at zero is the clipping of an activation.
            clipped = int(values[takers[node.output[0]].input[2]]) == 0
            steps.append(Step("conv", name, inputs, stated["strides"][0], stated["group"], kernel.shape[2], clipped))
        else:
            raise ModelError(f"the installed backbone does {node.op_type}, which is not known here")
        places[node.output[0]] = len(steps)
    raise ModelError("the installed backbone does not end in a mean over the picture")


def _taps(graph: onnx.GraphProto, places: dict[str, int]) -> tuple[int, ...]:
    """The graph takes the mean over the picture of each stage's last tensor, in their order, twice: for itself, too."""
    means = [node.input[0] for node in graph.node if node.op_type == "ReduceMean" and node.input[0] in places]
    return tuple(dict.fromkeys(places[name] for name in means))


def _floats(node: onnx.NodeProto, values: Weights) -> np.ndarray:
    """What a DequantizeLinear of weights gives: along their first axis, zero at zero."""
    whole, scales = values[node.input[0]], values[node.input[1]]
    return np.asarray(whole.astype(np.float32) * scales.reshape(-1, *[1] * (whole.ndim - 1)), np.float32)


def _of_weights(weights: Path) -> Plan:
    if weights.is_file():
        return plans.read(weights)
    folded = weights / FOLDED
    return plans.read(folded) if folded.is_file() else plans.of_tflite(recommended.from_weights(weights))
