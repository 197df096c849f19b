"""Tuned networks beside the backbone, over real HTTP: every planted fault costs the network's word and nothing else."""

import base64
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image

from swipr import backbone, networks, photos
from swipr.candidates import candidate
from swipr.errors import InputError, ModelError
from swipr.networks import Networks, Wanted, loaded
from swipr.photo_judge import PhotoJudge
from tests.integration.photo_server import PhotoServer, serving
from tests.tuned_networks import SIZE, logit_of, source, tuned
from training.drawings import draw

FOLDER = Path(__file__).resolve().parents[2] / "backbones" / "builtin"
GOOD = tuned()


@pytest.fixture(scope="module")
def network():
    return backbone.load(FOLDER)


@pytest.fixture(scope="module")
def bodies():
    made = []
    for number, pixels in enumerate(draw(12, 200, seed=5)):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, ("JPEG", "PNG", "WEBP")[number % 3])
        made.append(stream.getvalue())
    return made


@pytest.fixture
def server() -> Iterator[PhotoServer]:
    with serving({}) as served:
        yield served


@pytest.fixture
def judge(network, server):
    return PhotoJudge(network, server.origin)


def inline(bodies):
    return [{"id": f"p{n}", "data": base64.b64encode(body).decode()} for n, body in enumerate(bodies)]


def asked(server, bodies, *given):
    """A request with these networks, each served under its place; (bytes, changes of what is said of it)."""
    sources = []
    for place, (body, changes) in enumerate(given):
        server.photos[f"/n{place}"] = body
        sources.append(source(server.origin, f"n{place}", body, **changes))
    return {"photos": inline(bodies), "heads": [], "networks": sources}


def beside(answer):
    return [photo["network_logits"] for photo in answer["photos"]]


# --- what they say ---------------------------------------------------------------------------------------


def test_each_network_says_one_number_of_each_photo(judge, server, bodies):
    other = tuned((0.0, 0.03, -0.02), 0.5, size_px=40, flat=True)

    answer = judge(asked(server, bodies, (GOOD, {}), (other, {"size_px": 40})))

    assert answer["network_errors"] == ["", ""]
    for photo, body in zip(answer["photos"], bodies, strict=True):
        expected = [
            logit_of(photos.to_input(body, SIZE)),
            logit_of(photos.to_input(body, 40), (0.0, 0.03, -0.02), 0.5),
        ]
        assert photo["network_logits"] == pytest.approx(expected, abs=1e-3)


def test_what_the_backbone_says_is_the_same_with_and_without_networks(judge, server, bodies):
    alone = judge({"photos": inline(bodies), "heads": []})["photos"]

    together = judge(asked(server, bodies, (GOOD, {}), (tuned(size_px=300), {"size_px": 300})))["photos"]

    assert [photo | {"network_logits": 0} for photo in alone] == [photo | {"network_logits": 0} for photo in together]
    assert not any("network_logits" in photo for photo in alone)


def test_a_photo_that_cannot_be_read_has_no_network_logits(judge, server, bodies):
    answer = judge(asked(server, [bodies[0], b"GIF89a"], (GOOD, {})))

    assert [set(photo) for photo in answer["photos"]] == [
        {"id", "features", "logits", "qualities", "network_logits"},
        {"id", "error"},
    ]


def test_without_photos_the_networks_are_still_checked(judge, server):
    answer = judge(asked(server, [], (GOOD, {}), (tuned(outputs=("logit", "more")), {})))

    assert [bool(error) for error in answer["network_errors"]] == [False, True]


# --- planted faults --------------------------------------------------------------------------------------

FAULTS = {
    "another hash": (GOOD, {"sha256": "ab" * 32}, "sha256 differs"),
    "another length": (GOOD, {"size_bytes": len(GOOD) - 1}, "larger than"),
    "fewer bytes": (GOOD, {"size_bytes": len(GOOD) + 1}, f"has {len(GOOD)} bytes, not"),
    "cut short": (GOOD[:-200], {}, "not an ONNX file"),
    "no network": (b"\x00" * 300, {}, "not an ONNX file"),
    "weights outside": (tuned(external=True), {}, "keeps weights in other files"),
    "foreign operators": (tuned(domain="com.example"), {}, "operators of com.example"),
    "microsoft's operators": (tuned(domain="com.microsoft"), {}, "operators of com.microsoft"),
    "a weight that is no number": (tuned((float("nan"), 0, 0)), {}, "weight that is not finite"),
    "two outputs": (tuned(outputs=("logit", "more")), {}, "not one output logit"),
    "an output of another name": (tuned(outputs=("score",)), {}, "not one output logit"),
    "floats in": (tuned(takes=TensorProto.FLOAT), {}, "not one input uint8"),
    "another size": (tuned(size_px=24), {}, f"not one input uint8 [n, {SIZE}"),
    "one photo at a time": (tuned(batch=1), {}, "not one input uint8"),
    "an old opset": (tuned(opset=9), {}, "opset 9, not 11 to 25"),
    "branches": (tuned(branches=True), {}, "loops or branches"),
    "a run that fails": (tuned(fails=True), {}, "cannot be run"),
    "a number that is not finite": (tuned((3e38, 3e38, 3e38)), {}, "not finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_network_is_told_in_plain_words_and_costs_nothing_else(judge, server, bodies, fault):
    body, changes, words = FAULTS[fault]

    answer = judge(asked(server, bodies[:5], (body, changes), (GOOD, {})))

    assert words in answer["network_errors"][0]
    assert answer["network_errors"][1] == ""
    assert not {"secret", "127.0.0.1", "http"} & set(answer["network_errors"][0].replace("/", " ").split())
    assert [row[0] for row in beside(answer)] == [None] * 5
    assert all(isinstance(row[1], float) for row in beside(answer))
    assert all("features" in photo for photo in answer["photos"])


def test_a_number_that_is_not_finite_costs_that_photo_s_only(judge, server, bodies):
    stream = io.BytesIO()
    Image.new("RGB", (30, 30)).save(stream, "PNG")

    answer = judge(asked(server, [bodies[0], stream.getvalue()], (tuned(divides=True), {})))

    assert beside(answer) == [[pytest.approx(-0.985)], [None]]
    assert answer["network_errors"] == ["the network gave a number that is not finite"]


@pytest.mark.parametrize("path", ["missing", "500", "redirect", "gzip", "short", "endless"])
def test_an_origin_that_answers_otherwise_costs_the_network_only(judge, server, bodies, path):
    request = asked(server, bodies[:2], (GOOD, {}))
    request["networks"][0]["url"] = f"{server.origin}/{path}/{'x' if path == 'missing' else 'n0'}?sig=secret"

    answer = judge(request)

    assert "network" in answer["network_errors"][0]
    assert "secret" not in answer["network_errors"][0]
    assert beside(answer) == [[None], [None]]


@pytest.mark.parametrize("path", ["slow", "drip"])
def test_a_slow_origin_ends_with_the_deadline_and_the_photos_are_judged(network, server, bodies, path):
    request = asked(server, bodies[:2], (GOOD, {}))
    request["networks"][0]["url"] = f"{server.origin}/{path}/n0"

    answer = PhotoJudge(network, server.origin, deadline_s=0.5)(request)

    assert answer["network_errors"] == ["the network did not arrive in time"]
    assert all("features" in photo for photo in answer["photos"])


def test_no_other_origin_is_asked_for_a_network(judge, server, bodies):
    request = asked(server, bodies[:1], (GOOD, {}), (GOOD, {}))
    port = server.origin.rpartition(":")[2]
    request["networks"][0]["url"] = f"http://localhost:{port}/n0"
    request["networks"][1]["url"] = "file:///etc/passwd"

    answer = judge(request)

    assert all("configured origin" in error for error in answer["network_errors"])
    assert server.connections == 0


# --- malformed requests ------------------------------------------------------------------------------------

_FINE = {"url": "http://x/n", "sha256": "ab" * 32, "size_bytes": 10, "size_px": SIZE}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("x", "networks"),
        (None, "networks"),
        ([_FINE] * 3, "networks"),
        (["x"], r"networks\[0\].url"),
        ([_FINE, _FINE | {"url": 5}], r"networks\[1\].url"),
        ([_FINE | {"sha256": "AB" * 32}], r"networks\[0\].sha256"),
        ([_FINE | {"sha256": "ab"}], r"networks\[0\].sha256"),
        ([_FINE | {"size_bytes": 0}], r"networks\[0\].size_bytes"),
        ([_FINE | {"size_bytes": True}], r"networks\[0\].size_bytes"),
        ([_FINE | {"size_bytes": candidate.MAX_BYTES[candidate.NETWORK] + 1}], r"networks\[0\].size_bytes"),
        ([_FINE | {"size_px": 15}], r"networks\[0\].size_px"),
        ([_FINE | {"size_px": "224"}], r"networks\[0\].size_px"),
    ],
)
def test_malformed_networks_are_named(judge, given, field):
    with pytest.raises(InputError, match=field):
        judge({"photos": [], "heads": [], "networks": given})


def test_the_judge_reads_what_may_be_registered():
    assert candidate.MAX_BYTES[candidate.NETWORK] == networks.MAX_BYTES


# --- kept between requests -----------------------------------------------------------------------------------


def wanted(server, number, *, padding=0):
    body = tuned(bias=float(number), padding=padding)
    server.photos[f"/k{number}"] = body
    return Wanted(**source(server.origin, f"k{number}", body))


def test_a_network_is_fetched_once_and_the_least_recently_used_leaves(server):
    kept = Networks(server.origin)
    first, *others = [wanted(server, number) for number in range(networks.KEPT)]
    for one in (first, *others, first):
        kept.load([one])
    assert len(server.requests) == networks.KEPT

    kept.load([wanted(server, 99)])

    assert kept.kept() == [*(one.sha256 for one in others[1:]), first.sha256, wanted(server, 99).sha256]
    kept.load([first])
    assert len(server.requests) == networks.KEPT + 1


def test_the_bytes_of_those_that_are_kept_are_bounded_together(server, monkeypatch):
    kept = Networks(server.origin)
    monkeypatch.setattr(networks, "KEPT_BYTES", 250_000)

    large = [wanted(server, number, padding=100_000) for number in range(3)]
    for one in large:
        assert isinstance(kept.load([one])[0], networks.Network)

    assert kept.kept() == [one.sha256 for one in large[1:]]


def test_what_is_refused_is_not_kept(server):
    kept = Networks(server.origin)
    server.photos["/bad"] = bad = tuned(outputs=("logit", "more"))

    (refused,) = kept.load([Wanted(**source(server.origin, "bad", bad))])

    assert isinstance(refused, ModelError)
    assert kept.kept() == []


def test_a_kept_network_is_not_taken_for_another_size(server):
    kept = Networks(server.origin)
    one = wanted(server, 1)
    kept.load([one])

    (other,) = kept.load([one._replace(size_px=SIZE + 1)])

    assert "another size" in str(other)


def test_several_threads_share_what_is_kept(server):
    kept = Networks(server.origin)
    asked_for = [wanted(server, number) for number in range(8)]
    failures = []

    def ask(offset):
        pixels = np.full((3, SIZE, SIZE, 3), 100, np.uint8)
        for number in range(24):
            one = asked_for[(offset + number) % 8]
            (network,) = kept.load([one])
            said = network.logits(pixels) if isinstance(network, networks.Network) else [np.nan]
            if not np.allclose(said, logit_of(pixels[0], bias=(offset + number) % 8), atol=1e-3):
                failures.append((one, network))

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(kept.kept()) == networks.KEPT


def test_networks_of_any_allowed_opset_are_read():
    for opset in (11, 13, 17):
        assert loaded(tuned(opset=opset), SIZE).logits(np.zeros((5, SIZE, SIZE, 3), np.uint8)) == pytest.approx(-1.0)
    assert loaded(GOOD, SIZE).logits(np.zeros((0, SIZE, SIZE, 3), np.uint8)).shape == (0,)
