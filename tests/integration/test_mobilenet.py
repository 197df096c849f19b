"""A TensorFlow Lite network becomes an ONNX backbone that computes the same; a wrong or hostile one is refused."""

import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from local import mobilenet, recommended, tflite_file
from swipr import onnx_file, photos
from swipr.errors import ModelError
from tests.tiny_network import ADD, RELU6, SIZE, Tiny

SHARED = Path(os.environ.get("SWIPR_SHARED", Path(__file__).resolve().parents[3] / "shared"))
WEIGHTS = Path(os.environ.get("SWIPR_WEIGHTS") or SHARED / "weights")
PARITY = WEIGHTS / "mnv2p-224.taps.int8.onnx"
needs_weights = pytest.mark.skipif(
    not (WEIGHTS / recommended.FILE).is_file(), reason="SWIPR_WEIGHTS names no folder with the network's file"
)


def session(graph):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run(graph, pixels):
    return session(graph).run(["embedding", "taps"], {"image": pixels})


def pictures(count, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)


def converted(tiny):
    return mobilenet.convert(tflite_file.read(tiny.file()))


@pytest.mark.parametrize("seed", range(3))
def test_it_computes_what_the_integers_say(seed):
    tiny = Tiny(seed)
    made = converted(tiny)
    pixels = pictures(6, SIZE, seed)

    embedding, taps = run(made.graph, pixels)

    expected = [tiny.outputs(picture) for picture in pixels]
    # a value between two integers may be rounded either way; steps are 0.024 and 0.04, means move by much less
    np.testing.assert_allclose(embedding, [one for one, _ in expected], atol=6e-3)
    np.testing.assert_allclose(taps, [two for _, two in expected], atol=6e-3)
    assert (made.size_px, made.embedding, made.taps) == (SIZE, 6, 8)


def test_the_graph_is_one_that_a_backbone_may_be():
    declared = onnx_file.declared(converted(Tiny()).graph)

    assert declared.domains == {""}
    assert not declared.external
    assert declared.finite


def test_the_same_file_gives_the_same_bytes():
    assert converted(Tiny()).graph == converted(Tiny()).graph


def weights_by_convolution(graph):
    """int8 weights and their scales, in the order of the convolutions."""
    model = onnx.load_from_string(graph)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    found = []
    for node in model.graph.node:
        if node.op_type == "Conv":
            weights, bias = (makers[name] for name in node.input[1:])
            found.append([values[name] for name in (*weights.input[:2], bias.input[0])])
    return found


def assert_integers_kept(network, graph):
    end = next(place for place, operation in enumerate(network.operations) if operation.kind == "MEAN")
    convolutions = [operation for operation in network.operations[:end] if operation.kind.endswith("CONV_2D")]
    kept = weights_by_convolution(graph)
    assert len(kept) == len(convolutions) > 0
    for operation, (kernels, scales, bias) in zip(convolutions, kept, strict=True):
        _, weights, biases = (network.tensors[place] for place in operation.inputs)
        order = (3, 0, 1, 2) if operation.kind == "DEPTHWISE_CONV_2D" else (0, 3, 1, 2)
        assert kernels.dtype == np.int8
        np.testing.assert_array_equal(kernels, weights.data.transpose(order))
        np.testing.assert_array_equal(scales, weights.scales)
        np.testing.assert_array_equal(bias, biases.data)


def test_integer_weights_and_scales_are_kept_exactly():
    network = tflite_file.read(Tiny().file())

    assert_integers_kept(network, mobilenet.convert(network).graph)


# --- wrong and hostile files


@pytest.mark.parametrize("body", [b"", b"TFL3", b"\0\0\0\0TFL3", b"\xff\xff\xff\xffTFL3" + b"\xff" * 40, b"PK\3\4" * 9])
def test_what_is_no_network_is_refused(body):
    with pytest.raises(ModelError, match="TensorFlow Lite"):
        tflite_file.read(body)


def test_every_cut_is_refused_or_harmless():
    whole = Tiny().file()
    for length in range(0, len(whole), 7):
        try:
            mobilenet.convert(tflite_file.read(whole[:length]))
        except ModelError:
            continue
        pytest.fail(f"the first {length} of {len(whole)} bytes were taken for a network")


@pytest.mark.parametrize("seed", range(8))
def test_mutated_files_are_refused_with_our_own_error_or_still_convert(seed):
    whole = Tiny().file()
    random = np.random.default_rng(seed)
    refused = 0
    for _ in range(250):
        body = bytearray(whole)
        for place in random.integers(0, len(body), random.integers(1, 6)):
            body[place] = random.integers(0, 256)
        try:
            mobilenet.convert(tflite_file.read(bytes(body)))
        except ModelError:
            refused += 1
    assert refused > 20


def changed(**changes):
    """A tiny network with one tensor or operation changed: {place: {field: value}}."""
    tiny = Tiny()
    for kind, places in changes.items():
        for place, fields in places.items():
            part = getattr(tiny, kind)[place]
            part.update({name: value for name, value in fields.items() if name != "options"})
            part.get("options", {}).update(fields.get("options", {}))
    return tiny


KERNELS = 1  # the first convolution's weights
FIRST = 3  # what it gives


@pytest.mark.parametrize(
    ("tiny", "why"),
    [
        (changed(tensors={0: {"shape": (1, 32, 16, 3)}}), "not one square picture"),
        (changed(tensors={0: {"shape": (1, 4096, 4096, 3)}}), "RGB of 32 to 512"),
        (changed(tensors={0: {"kind": 0}}), "not int8 with one scale"),
        (changed(tensors={KERNELS: {"zeros": np.ones(8, np.int64)}}), "no symmetric scale"),
        (changed(tensors={KERNELS: {"scales": np.ones(8, np.float32) * np.nan}}), "a scale that is none"),
        (changed(tensors={KERNELS: {"data": None}}), "no int8 weights"),
        (changed(tensors={KERNELS: {"shape": (8, 3, 3, 30)}}), "do not fill its shape"),
        (changed(tensors={FIRST: {"scales": np.array([1.0], np.float32)}}), "activation of operation 0"),
        (changed(tensors={FIRST: {"zeros": np.array([4000])}}), "a zero point|activation"),
        (changed(operations={0: {"options": {"stride": 3}}}), "strides, dilation or padding"),
        (changed(operations={0: {"inputs": [0, 1, 2, 99]}}), "a tensor that is not there"),
        (changed(operations={0: {"inputs": [6, 1, 2]}}), "does not fit its picture"),
        (changed(operations={1: {"inputs": [6, 4, 5]}}), "not computed before"),
        (changed(operations={4: {"options": {"activation": 2}}}), "activation of operation 4"),
        (changed(operations={5: {"code": ADD, "options": {"activation": RELU6}}}), "."),
        (changed(operations={6: {"code": 25}}), "does SOFTMAX before its mean"),
        (changed(operations={6: {"code": 93}}), "operation 93, which is not known"),
    ],
)
def test_what_is_not_such_a_network_is_refused_by_name(tiny, why):
    with pytest.raises(ModelError, match=why):
        converted(tiny)


def test_a_network_without_an_end_is_refused():
    tiny = Tiny()
    tiny.operations.pop()

    with pytest.raises(ModelError, match="does not end in a mean"):
        converted(tiny)


# --- the recommended network itself


@pytest.fixture(scope="module")
def recommended_graph():
    return recommended.converted_of(recommended.from_weights(WEIGHTS)).graph


@needs_weights
def test_integers_of_the_recommended_network_are_kept(recommended_graph):
    assert_integers_kept(tflite_file.read((WEIGHTS / recommended.FILE).read_bytes()), recommended_graph)


@needs_weights
@pytest.mark.skipif(not PARITY.is_file(), reason="no other conversion to compare with in SWIPR_WEIGHTS")
def test_recommended_network_gives_what_another_conversion_gives(recommended_graph):
    files = sorted((SHARED / "photos").glob("*/*.jpg"))[::60][:100]
    if len(files) < 100:
        pytest.skip("SWIPR_SHARED names no folder with a hundred photos")
    pixels = np.stack([photos.to_input(path.read_bytes(), 224) for path in files])

    ours, others = run(recommended_graph, pixels), run(PARITY.read_bytes(), pixels)

    for one, other in zip(ours, others, strict=True):
        assert np.abs(one - other).max() <= 1e-4
    assert [one.shape for one in ours] == [(100, 1280), (100, 1424)]


@needs_weights
def test_a_swapped_file_of_weights_is_refused(tmp_path):
    body = bytearray((WEIGHTS / recommended.FILE).read_bytes())
    body[2_000_000] ^= 1
    (tmp_path / recommended.FILE).write_bytes(body)

    with pytest.raises(ModelError, match="sha256 differs"):
        recommended.from_weights(tmp_path)
