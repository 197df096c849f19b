"""What was trained is what the judge runs: PyTorch, the ONNX file and the judge's own loader say the same."""

import tests.training.pytorch  # noqa: F401

# isort: split

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from local import mobilenet, recommended, tflite_file
from swipr import networks, parity
from swipr.candidates import candidate
from swipr.errors import ModelError
from tests.training.conftest import drawn, folded
from training import export, graph, installed, tuning
from training import plan as plans
from training.model import Foreign, Planned, Tuned, body_of, dimensions_of, load_state, to_float

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SHARED = Path(os.environ.get("SWIPR_WEIGHTS", Path(__file__).parents[3] / "shared" / "weights"))
needs_weights = pytest.mark.skipif(not (SHARED / recommended.FILE).is_file(), reason=f"no weights in {SHARED}")


def a_net(body: torch.nn.Module) -> tuple[Tuned, np.ndarray]:
    photos, liked = drawn(60)
    rows = tuning.features_of(body, photos)
    net = Tuned(body, rows.shape[1])
    net.begin(rows, liked)
    return net.eval(), photos


def test_the_int8_file_says_what_pytorch_says(weights: Path) -> None:
    net, photos = a_net(body_of(str(weights)))

    made = export.export(net, photos, slope=0.5, intercept=-0.25)

    judge = networks.loaded(made.body, 48)
    expected = 0.5 * tuning.logits_of(net, photos) - 0.25
    assert made.kind == "int8"
    assert np.abs(judge.logits(photos) - expected).mean() <= export.INT8_WITHIN
    assert made.parity == tuple(judge.logits(parity.pictures(48)))
    assert "off by" in made.words


def test_the_float_file_says_it_exactly(weights: Path) -> None:
    body = body_of(str(weights))
    assert isinstance(body, Planned)
    net, photos = a_net(body)

    written = graph.written(body.plan, export._end(net, 1.0, 0.0), 48)

    assert np.abs(networks.loaded(written, 48).logits(photos) - tuning.logits_of(net, photos)).max() < 1e-3
    assert {opset.version for opset in onnx.load_model_from_string(written).opset_import} == {export.OPSET}


def test_integers_that_are_too_far_off_give_way_to_floats(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, photos = a_net(body_of(str(weights)))
    monkeypatch.setattr(export, "INT8_WITHIN", 0.0)

    made = export.export(net, photos)

    assert made.kind == "float"
    assert made.largest <= export.FLOAT_WITHIN
    assert made.words.startswith("int8: ")


def test_nothing_is_exported_that_is_not_near_enough(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, photos = a_net(body_of(str(weights)))
    monkeypatch.setattr(export, "INT8_WITHIN", 0.0)
    monkeypatch.setattr(export, "FLOAT_WITHIN", 0.0)

    with pytest.raises(ModelError, match="near enough"):
        export.export(net, photos)


@pytest.mark.parametrize("size_px", [33, 48, 62])
def test_odd_sizes_are_padded_alike(weights: Path, size_px: int) -> None:
    body = body_of(str(weights))
    assert isinstance(body, Planned)
    photos, liked = drawn(20, size_px)
    rows = tuning.features_of(body, photos)
    net = Tuned(body, rows.shape[1])
    net.begin(rows, liked)

    written = graph.written(body.plan, export._end(net, 1.0, 0.0), size_px)

    assert np.abs(networks.loaded(written, size_px).logits(photos) - tuning.logits_of(net, photos)).max() < 1e-3


# --- weights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", ["stem.bias", "b1.dw.weight", "head.weight"])
def test_a_file_that_lacks_weights_is_refused_by_name(tmp_path: Path, left_out: str) -> None:
    np.savez(tmp_path / "w.npz", **{name: value for name, value in folded().items() if name != left_out})

    with pytest.raises(ModelError, match=left_out):
        body_of(str(tmp_path / "w.npz"))


def test_weights_that_do_not_fit_or_are_not_finite_are_refused() -> None:
    wrong, broken = folded(), folded()
    wrong["b1.project.weight"] = wrong["b1.project.weight"][:, :-1]
    broken["head.bias"][0] = np.nan

    with pytest.raises(ModelError, match="do not fit"):
        plans.of_folded(wrong)
    with pytest.raises(ModelError, match="not finite"):
        plans.of_folded(broken)
    with pytest.raises(ModelError, match="hold no block"):
        plans.of_folded({})


def test_a_name_that_nobody_knows_and_a_missing_file_are_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"pip install timm|timm cannot make it"):
        body_of("no_such_network")
    with pytest.raises(ModelError, match="no such file of weights"):
        body_of(str(tmp_path / "none.npz"))
    (tmp_path / "w.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="npz"):
        plans.read(tmp_path / "w.bin")


class Small(torch.nn.Module):
    """As timm's networks come: pictures in, features out."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.second = torch.nn.Conv2d(8, 12, 3, 2, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.norm(self.first(pixels))))).mean((2, 3))


def test_a_foreign_network_is_filled_from_a_file_tuned_and_exported(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained, fresh = Small(), Small()
    torch.save(trained.state_dict() | {"classifier.weight": torch.zeros(2, 12)}, tmp_path / "state.pt")

    load_state(fresh, tmp_path / "state.pt")
    body = Foreign(fresh.eval(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    net, photos = a_net(body)
    made = export.export(net, photos)

    assert torch.equal(fresh.first.weight, trained.first.weight)
    assert made.mean <= export.INT8_WITHIN
    assert networks.loaded(made.body, 48).logits(photos[:3]).shape == (3,)


def test_a_state_that_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    state = Small().state_dict()
    state["second.weight"] = torch.zeros(1)
    del state["norm.weight"]
    torch.save(state, tmp_path / "state.pt")

    with pytest.raises(ModelError, match=r"1 missing, 1 other \(norm.weight, second.weight\)"):
        load_state(Small(), tmp_path / "state.pt")


@needs_weights
def test_the_recommended_backbone_is_the_same_from_all_its_sources(tmp_path: Path) -> None:
    converted = mobilenet.convert(tflite_file.read(recommended.from_weights(SHARED)))
    from_graph = installed.of_graph(converted.graph)
    from_tflite = plans.of_tflite(recommended.from_weights(SHARED))

    assert [step[2:] for step in from_graph.steps] == [step[2:] for step in from_tflite.steps]
    assert from_graph.taps == from_tflite.taps
    for one, other in zip(from_graph.steps, from_tflite.steps, strict=True):
        if one.kind == "conv":
            assert np.array_equal(from_graph.weights[f"{one.name}.weight"], from_tflite.weights[f"{other.name}.weight"])
    folder = tmp_path / "data" / "backbones" / recommended.NAME
    folder.mkdir(parents=True)
    (folder / "backbone.onnx").write_bytes(converted.graph)
    assert installed.recommended_plan(None, tmp_path / "data").taps == from_tflite.taps


@needs_weights
def test_in_pytorch_the_recommended_backbone_sees_what_the_judge_sees() -> None:
    converted = mobilenet.convert(tflite_file.read(recommended.from_weights(SHARED)))
    pictures = parity.pictures(converted.size_px)

    with torch.inference_mode():
        ours = body_of(recommended.NAME, SHARED)(to_float(torch.from_numpy(pictures)))
    import onnxruntime

    session = onnxruntime.InferenceSession(converted.graph, providers=["CPUExecutionProvider"])
    theirs = session.run(["embedding", "taps"], {"image": pictures})
    for one, other in zip(ours, theirs, strict=True):
        cosine = np.sum(one.numpy() * other, 1) / np.linalg.norm(one.numpy(), axis=1) / np.linalg.norm(other, axis=1)
        assert cosine.min() > 0.97
    assert dimensions_of(body_of(recommended.NAME, SHARED)) == 2704
    assert candidate.MAX_BYTES[candidate.NETWORK] > 4 * 2_300_000
