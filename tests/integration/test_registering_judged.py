"""A candidate's network through the judge as it is: what it cannot run is refused in its own words."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swipr import backbone, parity
from swipr.photo_judge import PhotoJudge
from tests.doubles import BACKBONE
from tests.integration.photo_server import PhotoServer, serving
from tests.trained import SIZE_PX, Trained, trained_home
from tests.tuned_networks import logit_of, tuned

BUILT_IN = Path(__file__).resolve().parents[2] / "backbones" / "builtin"
PICTURES = parity.pictures(SIZE_PX)


@pytest.fixture(scope="module")
def loaded() -> backbone.Backbone:
    return backbone.load(BUILT_IN)


@pytest.fixture
def server() -> Iterator[PhotoServer]:
    with serving({}) as served:
        yield served


@pytest.fixture
def trained(tmp_path: Path, loaded: backbone.Backbone, server: PhotoServer) -> Iterator[Trained]:
    """Its judge is the real one, but for the backbone: this user's is another, of one dimension."""
    judge = PhotoJudge(loaded, server.origin)
    with trained_home(tmp_path / "home", labels=12) as trained:

        def ask(request: Any) -> Any:
            for source in request.get("networks", []):
                server.photos["/network"] = trained.home.blobs.get(source["url"].split("/blobs/")[1].split("?")[0])
                source["url"] = f"{server.origin}/network"
            return judge(request) | {"backbone": BACKBONE, "dimensions": 1}

        trained.judge = ask  # type: ignore[assignment]
        yield trained


def send(trained: Trained, body: bytes, *, sees: Any = logit_of) -> None:
    """`sees`: what training wrote down of each picture."""
    stated = [float(sees(picture)) for picture in PICTURES]
    trained.send(trained.files(body=body, parity=stated))


def test_a_picture_comes_to_the_judge_as_training_saw_it(trained: Trained) -> None:
    send(trained, tuned())

    assert trained.arrive().state == "registered"


def test_a_network_that_saw_the_pictures_differently_is_refused(trained: Trained) -> None:
    send(trained, tuned(), sees=lambda picture: logit_of(picture[..., ::-1]))

    assert trained.arrive().reason.startswith("model.onnx: gives")


@pytest.mark.parametrize(
    "body",
    [
        tuned((float("nan"), 0.0, 0.0)),
        tuned(size_px=32),
        tuned(outputs=("score",)),
        tuned(outputs=("logit", "more")),
        tuned(opset=9),
        tuned(domain="com.elsewhere"),
        tuned(external=True),
        tuned()[:-20],
        b"not a network at all",
    ],
    ids=["NaN weight", "size", "output", "outputs", "opset", "operators", "external data", "truncated", "text"],
)
def test_what_the_judge_cannot_run_is_refused_with_its_reason(trained: Trained, body: bytes) -> None:
    send(trained, body)
    before = trained.user(), trained.keys("models/")

    refused = trained.arrive()

    assert refused.state == "refused"
    assert refused.reason.startswith("model.onnx: the judge")
    assert (trained.user(), trained.keys("models/")) == before


def test_the_fixed_pictures_are_these_for_ever() -> None:
    digest = hashlib.sha256(PICTURES.tobytes()).hexdigest()

    assert PICTURES.shape == (parity.COUNT, SIZE_PX, SIZE_PX, 3)
    assert len({picture.tobytes() for picture in PICTURES}) == parity.COUNT
    assert digest.startswith("f156c538e0989ff4")


@pytest.mark.parametrize("size_px", [16, 96, 224])
def test_a_picture_survives_its_png(size_px: int) -> None:
    from swipr import photos

    for picture in parity.pictures(size_px):
        body = base64.b64decode(base64.b64encode(parity.as_png(picture)))
        assert np.array_equal(photos.to_input(body, size_px), picture)
