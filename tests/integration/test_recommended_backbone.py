"""Heads on the recommended backbone are as good as was measured for it: AUC on test splits, five draws of labels."""

import os
from pathlib import Path

import numpy as np
import pytest

from local import backbone_folder, recommended
from swipr import backbone, fitting, metrics, photos

SHARED = Path(os.environ.get("SWIPR_SHARED", Path(__file__).resolve().parents[3] / "shared"))
WEIGHTS = Path(os.environ.get("SWIPR_WEIGHTS") or SHARED / "weights")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (WEIGHTS / recommended.FILE).is_file(), reason="SWIPR_WEIGHTS names no folder of weights"),
    pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="SWIPR_SHARED names no folder with labelled photos"),
]
MEASURED = {  # by other draws of labels; from 50 labels on their means move by about .01
    "potato": {50: 0.969, 100: 0.981, 200: 0.988},
    "wardrobe": {50: 0.956, 100: 0.970, 200: 0.976},
    "trash": {50: 0.967, 100: 0.975, 200: 0.979},
}
SPREAD = 0.012


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """As a pull makes it."""
    body, reference = recommended.from_weights(WEIGHTS), recommended.shipped_reference()
    home = tmp_path_factory.mktemp("backbones")
    return backbone.load(
        backbone_folder.install(home, "made", lambda draft: recommended.write(draft, body, reference, "a test"))
    )


def rows(network, folder):
    files = [(path, kind == "like") for kind in ("like", "pass") for path in sorted((folder / kind).iterdir())]
    pixels = np.stack([photos.to_input(path.read_bytes(), network.size_px) for path, _ in files])
    return network.features(pixels).astype(np.float16).astype(np.float32), np.array([liked for _, liked in files])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MEASURED)
def test_few_labels_find_what_is_liked(network, name):
    features, liked = rows(network, SHARED / "data" / name / "train")
    seen, answer = rows(network, SHARED / "data" / name / "test")
    means = {}
    for count in MEASURED[name]:
        areas = []
        for draw in range(5):
            chosen = np.random.default_rng([draw, count]).permutation(len(liked))[:count]
            fitted = fitting.fit(features[chosen], liked[chosen])
            areas.append(metrics.auc(seen @ fitted.weights, answer))
        means[count] = float(np.mean(areas))

    assert {count: mean for count, mean in means.items() if mean < MEASURED[name][count] - SPREAD} == {}, means
