"""A backbone folder is what its card says, or refused before anything of it runs."""

import base64
import hashlib
import io
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from swipr import backbone, onnx_file
from swipr.errors import ModelError
from swipr.photo_judge import PhotoJudge
from training.drawings import draw

BUILTIN = Path(__file__).resolve().parents[2] / "backbones" / "builtin"


def tiny(*, domain="", name="out", kind=TensorProto.FLOAT, value=1.0, external=False, extra=()):
    """A network of 16 px that gives the mean colour, with faults on demand."""
    factor = numpy_helper.from_array(np.array(value, np.float32), "factor")
    if external:
        factor.ClearField("raw_data")
        factor.data_location = TensorProto.EXTERNAL
        factor.external_data.add(key="location", value="../../secret")
    nodes = [
        helper.make_node("Cast", ["image"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["m", "factor"], ["scaled"]),
        helper.make_node("Cast", ["scaled"], [name], to=kind),
        *(helper.make_node("Relu", ["m"], [more], domain=domain) for more in extra),
    ]
    ports = [helper.make_tensor_value_info(n, k, ["n", 3]) for n, k in [(name, kind), *((e, 1) for e in extra)]]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 16, 16, 3])
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    graph = helper.make_graph(nodes, "tiny", [image], ports, [factor])
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def folder(tmp_path, model=None, reference=(0.1, 0.2, 0.3), **changes):
    files = {
        "backbone.onnx": (tiny() if model is None else model).SerializeToString(),
        "reference.f32": np.array(reference, "<f4").tobytes(),
    }
    card = {
        "name": "tiny",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "input": {"name": "image", "size_px": 16},
        "outputs": [{"name": "out", "dimensions": 3, "weight": 2.0}],
    } | changes
    card["sha256"] = changes.get("sha256") or backbone.identity(card)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "backbone.json").write_text(json.dumps(card))
    return tmp_path


def test_features_are_weighted_unit_outputs_minus_the_fixed_mean(tmp_path):
    network = backbone.load(folder(tmp_path))
    pixels = np.zeros((2, 16, 16, 3), np.uint8)
    pixels[0, :, :, 0] = 200
    pixels[1, :, :, :] = [30, 40, 0]

    features = network.features(pixels)

    np.testing.assert_allclose(features, [[1.8, -0.4, -0.6], [1.0, 1.2, -0.6]], atol=1e-6)
    assert features.dtype == np.float32
    assert network.features(pixels[:0]).shape == (0, 3)


def test_numbers_that_overflow_cost_one_photo(tmp_path):
    judge = PhotoJudge(backbone.load(folder(tmp_path, tiny(value=3e38))), "http://127.0.0.1:1")
    bodies = []
    for shade in (0, 255):
        stream = io.BytesIO()
        Image.new("RGB", (20, 20), (shade, 0, 0)).save(stream, "PNG")
        bodies.append(base64.b64encode(stream.getvalue()).decode())

    black, red = judge({"photos": [{"id": "a", "data": data} for data in bodies], "heads": []})["photos"]

    assert "features" in black
    assert "finite" in red["error"]


def test_photos_of_another_shape_are_refused(tmp_path):
    network = backbone.load(folder(tmp_path))

    for wrong in (np.zeros((1, 15, 16, 3), np.uint8), np.zeros((1, 16, 16, 3), np.float32)):
        with pytest.raises(ModelError, match="photos are"):
            network.features(wrong)


@pytest.mark.parametrize("name", ["backbone.onnx", "reference.f32"])
def test_one_flipped_bit_is_refused(tmp_path, name):
    path = folder(tmp_path) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)

    with pytest.raises(ModelError, match=f"{name} is not the file"):
        backbone.load(tmp_path)


@pytest.mark.parametrize("name", ["backbone.onnx", "reference.f32", "backbone.json"])
def test_a_missing_file_is_named(tmp_path, name):
    (folder(tmp_path) / name).unlink()

    with pytest.raises(ModelError, match=name):
        backbone.load(tmp_path)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (tiny(external=True), "other files"),
        (tiny(domain="com.example", extra=["more"]), "operators of com.example"),
        (tiny(value=np.nan), "not finite"),
        (tiny(value=np.inf), "not finite"),
        (tiny(name="other"), "gives .*other"),
        (tiny(kind=TensorProto.DOUBLE), "gives .*double"),
        (tiny(extra=["more"]), "gives .*more"),
    ],
)
def test_an_unsafe_or_undeclared_network_is_refused(tmp_path, model, words):
    with pytest.raises(ModelError, match=words):
        backbone.load(folder(tmp_path, model))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "00" * 32}, "does not name"),
        ({"input": {"name": "image", "size_px": 32}}, "takes"),
        ({"input": {"name": "photo", "size_px": 16}}, "takes"),
        ({"input": {"name": "image", "size_px": 8}}, "size_px"),
        ({"input": {"name": "image"}}, "KeyError"),
        ({"outputs": []}, "0 dimensions"),
        ({"outputs": [{"name": "out", "dimensions": 4, "weight": 1}]}, "3 numbers for 4"),
        ({"outputs": [{"name": "out", "dimensions": 9999, "weight": 1}]}, "9999 dimensions"),
        ({"outputs": [{"name": "out", "dimensions": 3, "weight": float("nan")}]}, "not finite"),
        ({"outputs": "out"}, "TypeError"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path, changes, words):
    with pytest.raises(ModelError, match=words):
        backbone.load(folder(tmp_path, **changes))


def test_a_reference_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(ModelError, match="not finite"):
        backbone.load(folder(tmp_path, reference=(0, np.nan, 0)))


@pytest.mark.parametrize("card", ["", "[]", "{", "7"])
def test_a_card_that_is_no_object_is_refused(tmp_path, card):
    (folder(tmp_path) / "backbone.json").write_text(card)

    with pytest.raises(ModelError, match=r"backbone\.json"):
        backbone.load(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\xff" * 99, b"not onnx at all", bytes(50), b"\x3a\xff\x01"])
def test_bytes_that_are_no_network_are_refused(data):
    with pytest.raises(ModelError, match="not an ONNX file"):
        onnx_file.declared(data)


def test_hidden_external_weights_and_functions_are_found():
    inside = tiny()
    inside.graph.node.add(op_type="Constant", output=["c"]).attribute.append(
        helper.make_attribute("value", tiny(external=True).graph.initializer[0])
    )
    branch = helper.make_graph([helper.make_node("X", [], ["y"], domain="org.evil")], "b", [], [])
    nested = tiny()
    nested.graph.node.add(op_type="If", output=["i"]).attribute.append(helper.make_attribute("then_branch", branch))
    with_function = tiny()
    with_function.functions.add(name="f", domain="")

    assert onnx_file.declared(inside.SerializeToString()).external
    assert "org.evil" in onnx_file.declared(nested.SerializeToString()).domains
    with pytest.raises(ModelError, match="functions"):
        onnx_file.declared(with_function.SerializeToString())


# --- the built-in one ------------------------------------------------------------------------------------


def test_the_built_in_backbone_is_small_quick_and_says_that_it_is_weaker():
    network = backbone.load(BUILTIN)
    card = json.loads((BUILTIN / "backbone.json").read_text())
    pixels = draw(8, network.size_px, seed=3)
    network.features(pixels)
    began = time.process_time()
    network.features(pixels)
    ms = 1000 * (time.process_time() - began) / len(pixels)

    assert (BUILTIN / "backbone.onnx").stat().st_size <= 2_000_000
    assert network.dimensions == 660
    assert "weaker than a pretrained" in card["note"]
    assert ms < 8  # measured below 2; machines and neighbours differ


def test_the_built_in_backbone_tells_pictures_apart_and_knows_a_copy():
    network = backbone.load(BUILTIN)
    pixels = draw(12, network.size_px, seed=4)
    brighter = np.clip(pixels.astype(int) + 6, 0, 255).astype(np.uint8)

    rows, copies = network.features(pixels), network.features(brighter)

    assert np.isfinite(rows).all()
    distances = np.linalg.norm(rows[:, None] - copies[None], axis=2)
    assert (distances.argmin(axis=1) == np.arange(12)).all()


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_plain_pictures_have_finite_features(shade):
    network = backbone.load(BUILTIN)

    assert np.isfinite(network.features(np.full((1, 128, 128, 3), shade, np.uint8)).astype(np.float16)).all()


def test_features_do_not_depend_on_the_company_of_a_photo():
    network = backbone.load(BUILTIN)
    pixels = draw(35, network.size_px, seed=6)
    together = network.features(pixels)

    for count in (1, 2, 7, 16):
        np.testing.assert_allclose(network.features(pixels[:count]), together[:count], atol=1e-4)


def test_a_copied_folder_is_the_same_backbone(tmp_path):
    shutil.copytree(BUILTIN, tmp_path / "copy")

    assert backbone.load(tmp_path / "copy").sha256 == backbone.load(BUILTIN).sha256
