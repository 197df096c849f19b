"""The judge over real HTTP, real decoders and the real built-in backbone."""

import base64
import io
import socket
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from functions.judge import app
from swipr import backbone, fetching, fitting, heads
from swipr.errors import InputError, ModelError
from swipr.photo_judge import MAX_HEADS, MAX_PHOTOS, PhotoJudge
from tests.integration.photo_server import serving
from training.drawings import draw

FOLDER = Path(__file__).resolve().parents[2] / "backbones" / "builtin"


@pytest.fixture(scope="module")
def network():
    return backbone.load(FOLDER)


@pytest.fixture(scope="module")
def bodies():
    kinds = [("JPEG", {"quality": 90}), ("WEBP", {"quality": 90}), ("PNG", {})]
    made = []
    for number, pixels in enumerate(draw(36, 160, seed=21)):
        stream = io.BytesIO()
        kind, options = kinds[number % 3]
        Image.fromarray(pixels).save(stream, kind, **options)
        made.append(stream.getvalue())
    return made


@pytest.fixture(scope="module")
def server(bodies):
    with serving({f"/{number}": body for number, body in enumerate(bodies)}) as served:
        yield served


@pytest.fixture
def judge(network, server):
    return PhotoJudge(network, server.origin)


def packed_head(network, seed=0, **changes):
    weights = np.random.default_rng(seed).normal(size=network.dimensions).astype("<f4").tobytes()
    head = heads.Head(network.sha256, 0.25, 1.0, 0.0, 0.5, 0.5, 0.5, weights)._replace(**changes)
    return base64.b64encode(heads.pack(head)).decode()


def by_url(server, count, path=""):
    return [{"id": f"p{n}", "url": f"{server.origin}{path}/{n}?sig=secret"} for n in range(count)]


def inline(bodies):
    return [{"id": f"p{n}", "data": base64.b64encode(body).decode()} for n, body in enumerate(bodies)]


# --- answers -------------------------------------------------------------------------------------------


def test_every_photo_is_answered_in_order_with_features_logits_and_qualities(judge, network, server):
    answer = judge({"photos": by_url(server, 20), "heads": [packed_head(network), packed_head(network, 1)]})

    assert [photo["id"] for photo in answer["photos"]] == [f"p{n}" for n in range(20)]
    assert (answer["backbone"], answer["dimensions"]) == (network.sha256, network.dimensions)
    assert answer["ms"] > 0
    for photo in answer["photos"]:
        assert set(photo) == {"id", "features", "logits", "qualities"}
        row = np.frombuffer(base64.b64decode(photo["features"]), "<f2").astype(float)
        weights = heads.weight_vector(heads.unpack(base64.b64decode(packed_head(network)))).astype(float)
        assert photo["logits"][0] == pytest.approx(row @ weights + 0.25, abs=1e-9)
        assert len(photo["logits"]) == 2


def test_the_same_photo_scores_the_same_alone_in_any_company_and_by_any_way(judge, network, server, bodies):
    packed = [packed_head(network)]
    together = judge({"photos": by_url(server, 36), "heads": packed})["photos"]

    for count in (1, 3, 16, 17):
        some = judge({"photos": inline(bodies[:count]), "heads": packed})["photos"]
        for one, other in zip(some, together, strict=False):
            scores = [fitting.sigmoid(np.array(photo["logits"][0])) for photo in (one, other)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_a_range_of_an_object_is_one_photo(network, bodies):
    first, second = bodies[:2]
    with serving({"/zip": b"head" + first + second}) as served:
        begins, ends = 4 + len(first), 4 + len(first) + len(second) - 1
        source = {"id": "b", "url": f"{served.origin}/zip", "first": begins, "last": ends}
        judged = PhotoJudge(network, served.origin)({"photos": [source], "heads": []})["photos"]

    assert (
        judged
        == PhotoJudge(network, "http://127.0.0.1:1")(
            {"photos": [{"id": "b", "data": base64.b64encode(second).decode()}], "heads": []}
        )["photos"]
    )


def test_connections_are_few_and_kept(network, bodies):
    with serving({f"/{n}": body for n, body in enumerate(bodies)}) as served:
        PhotoJudge(network, served.origin)({"photos": by_url(served, 36), "heads": []})

        assert served.connections <= fetching.CONNECTIONS
        assert len(served.requests) == 36


def test_the_handler_reads_its_two_variables_and_answers(network, server, monkeypatch):
    monkeypatch.setenv("BACKBONE_DIR", str(FOLDER))
    monkeypatch.setenv("PHOTO_ORIGIN", server.origin)
    app._judge.cache_clear()

    answer = app.lambda_handler({"photos": by_url(server, 2), "heads": []}, None)

    assert [photo["logits"] for photo in answer["photos"]] == [[], []]
    app._judge.cache_clear()


def test_nothing_to_judge_is_an_empty_answer(judge):
    assert judge({"photos": [], "heads": []})["photos"] == []


# --- one bad photo costs one photo -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/missing/x", "/500/1", "/redirect/1", "/gzip/1", "/short/1", "/endless/1"])
def test_one_bad_answer_costs_one_photo_and_tells_no_address(judge, server, path):
    bad = {"id": "bad", "url": f"{server.origin}{path}?sig=secret"}

    answer = judge({"photos": [*by_url(server, 3), bad], "heads": []})["photos"]

    assert ["error" in photo for photo in answer] == [False, False, False, True]
    assert set(answer[3]) == {"id", "error"}
    assert not {"127.0.0.1", "secret", path, "http"} & set(answer[3]["error"].replace("/", " ").split())
    assert "secret" not in answer[3]["error"]


def test_a_redirect_is_not_followed(network, bodies):
    with serving({"/0": bodies[0]}) as served:
        PhotoJudge(network, served.origin)({"photos": by_url(served, 1, "/redirect"), "heads": []})

        assert served.requests == ["/redirect/0?sig=secret"]


@pytest.mark.parametrize("path", ["/whole", "/shifted"])
def test_other_bytes_than_asked_for_are_refused(judge, server, path):
    source = {"id": "x", "url": f"{server.origin}{path}/1", "first": 10, "last": 20}

    assert "error" in judge({"photos": [source], "heads": []})["photos"][0]


def test_a_range_beyond_the_end_is_refused(judge, server, bodies):
    source = {"id": "x", "url": f"{server.origin}/0", "first": 0, "last": len(bodies[0]) + 5}

    assert "incomplete" in judge({"photos": [source], "heads": []})["photos"][0]["error"]


def test_other_origins_are_not_connected_to(network, server):
    port = server.origin.rpartition(":")[2]
    judge = PhotoJudge(network, server.origin)
    before = server.connections
    addresses = [
        f"http://localhost:{port}/0", f"http://127.0.0.1:{port}1/0", f"http://127.0.0.1.evil:{port}/0",
        f"https://127.0.0.1:{port}/0", f"http://u@127.0.0.1:{port}/0", f"http://127.0.0.1:{port}@evil/0",
        f"http://127.1:{port}/0", f"http://2130706433:{port}/0", f"http://[::ffff:127.0.0.1]:{port}/0",
        f"HTTP://127.0.0.1:{port}/0", f"http://127.0.0.1:{port}\\@evil/0", f"http://127.0.0.1:{port}", "/0", "",
        "file:///etc/passwd", f"http://127.0.0.1:{port}/0 HTTP/1.1\r\nHost: evil", f"http://127.0.0.1:{port}/ä",
        "http://169.254.169.254/latest/meta-data/", f"ftp://127.0.0.1:{port}/0", f"//127.0.0.1:{port}/0",
    ]  # fmt: skip

    answer = judge({"photos": [{"id": str(n), "url": url} for n, url in enumerate(addresses)], "heads": []})

    assert all("address" in photo["error"] for photo in answer["photos"])
    assert server.connections == before


def test_bytes_that_are_no_photo_cost_one_photo(judge, bodies):
    answer = judge({"photos": inline([bodies[0], b"GIF89a", bodies[1]]), "heads": []})["photos"]

    assert ["error" in photo for photo in answer] == [False, True, False]


def test_slow_and_dripping_photos_end_with_the_deadline_and_the_others_are_judged(network, server):
    judge = PhotoJudge(network, server.origin, deadline_s=1.0)
    photos = [*by_url(server, 1, "/slow"), *by_url(server, 1, "/drip"), *by_url(server, 3)]
    began = time.monotonic()

    answer = judge({"photos": photos, "heads": []})["photos"]

    assert time.monotonic() - began < 2
    assert ["error" in photo for photo in answer] == [True, True, False, False, False]


def test_headers_that_drip_end_with_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()

        (fetched,) = fetching.fetch([fetching.Wanted(0, f"{origin}/x")], origin, deadline_s=0.3)

        assert fetched.body is None
        assert time.monotonic() - began < 1


def test_nobody_listening_is_an_error_of_each_photo(network):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    photos = [{"id": "a", "url": f"{origin}/1"}, {"id": "b", "url": f"{origin}/2"}]

    answer = PhotoJudge(network, origin)({"photos": photos, "heads": []})["photos"]

    assert all("ConnectionRefusedError" in photo["error"] for photo in answer)


# --- malformed requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (None, "photos"),
        ([], "photos"),
        ({}, "photos"),
        ({"photos": "x", "heads": []}, "photos"),
        ({"photos": [{"id": "a", "data": ""}] * (MAX_PHOTOS + 1), "heads": []}, "photos"),
        ({"photos": []}, "heads"),
        ({"photos": [], "heads": [""] * (MAX_HEADS + 1)}, "heads"),
        ({"photos": [], "heads": [7]}, r"heads\[0\]"),
        ({"photos": [], "heads": ["%%"]}, r"heads\[0\]"),
        ({"photos": [{}], "heads": []}, r"photos\[0\].id"),
        ({"photos": ["x"], "heads": []}, r"photos\[0\].id"),
        ({"photos": [{"id": "a"}], "heads": []}, r"photos\[0\].url"),
        ({"photos": [{"id": "a", "url": 5}], "heads": []}, r"photos\[0\].url"),
        ({"photos": [{"id": "a", "url": "x", "data": ""}], "heads": []}, r"photos\[0\].url"),
        ({"photos": [{"id": "a", "data": "ä"}], "heads": []}, r"photos\[0\].data"),
        ({"photos": [{"id": "a", "data": "A" * 14_000_000}], "heads": []}, r"photos\[0\].data"),
        ({"photos": [{"id": "a", "url": "x", "first": 5}], "heads": []}, r"photos\[0\].first"),
        ({"photos": [{"id": "a", "url": "x", "first": 5, "last": 4}], "heads": []}, r"photos\[0\].first"),
        ({"photos": [{"id": "a", "url": "x", "first": True, "last": 4}], "heads": []}, r"photos\[0\].first"),
        ({"photos": [{"id": "a", "url": "x", "first": 0, "last": 10**8}], "heads": []}, r"photos\[0\].first"),
    ],
)
def test_a_malformed_request_names_the_field(judge, request_, field):
    with pytest.raises(InputError, match=field):
        judge(request_)


def test_heads_that_do_not_fit_are_named(judge, network):
    good = packed_head(network)
    other = packed_head(network, backbone="ab" * 32)
    short = packed_head(network, weights=struct.pack("<3f", 1, 2, 3))
    broken = packed_head(network, weights=struct.pack("<f", float("nan")) * network.dimensions)

    for bad, words in ((other, "abab"), (short, "3 weights"), (broken, "finite"), ("AAAA", "not a head")):
        with pytest.raises(ModelError, match=f"head 1.*{words}"):
            judge({"photos": [], "heads": [good, bad]})
