"""How the simulator serves photographs: quickly, as they lie, and as many cards at a time as asked for."""

import io
from collections import Counter

import numpy as np
import pytest
import requests
from PIL import Image

from simulator.photo_folder import PhotoFolder
from tests.deck_server import DeckServer

SIZES = {("train", "like"): 3, ("train", "pass"): 4, ("test", "like"): 8, ("test", "pass"): 7}


@pytest.fixture
def photographs(tmp_path):
    noise = np.random.default_rng(0)
    for (split, kind), count in SIZES.items():
        place = tmp_path / split / kind
        place.mkdir(parents=True)
        for number in range(count):
            image = Image.fromarray(noise.integers(0, 255, (30, 40, 3), np.uint8))
            turned = Image.Exif()
            turned[0x0112] = 6
            image.save(place / f"{number}.{'webp' if number % 2 else 'jpg'}", exif=turned)
    (tmp_path / "test" / "like" / "0.jpg").write_bytes(b"no photograph")
    return tmp_path


def served(server, token, formats):
    """The body of every photo of one look at the deck."""
    headers = {"X-Auth-Token": token, "platform": "web", "x-supported-image-formats": formats}
    found = requests.get(f"{server.address}/v2/recs/core", headers=headers, timeout=10).json()["data"]["results"]
    return [requests.get(element["user"]["photos"][0]["url"], timeout=10).content for element in found]


def test_every_photograph_is_served_as_it_lies(photographs):
    files = sorted(path.read_bytes() for path in photographs.glob("test/*/*"))
    with DeckServer("--photos", str(photographs), "--cards-per-look", "40") as server:
        bodies = served(server, server.user(), "webp,jpeg")

    assert sorted(bodies) == files


def test_who_cannot_read_webp_gets_jpeg(photographs):
    (photographs / "test" / "like" / "0.jpg").unlink()
    with DeckServer("--photos", str(photographs), "--cards-per-look", "40") as server:
        bodies = served(server, server.user(), "jpeg")

    opened = [Image.open(io.BytesIO(body)) for body in bodies]
    assert {image.format for image in opened} == {"JPEG"}
    assert Counter(image.size for image in opened) == {(40, 30): 7, (30, 40): 7}, "those encoded anew are upright"


def test_what_is_taught_is_served_as_it_lies(photographs):
    files = sorted(path.read_bytes() for path in photographs.glob("train/*/*"))
    with DeckServer("--photos", str(photographs)) as server:
        train = server.control("GET", "train", params={"token": server.user(), "n": 100})["cards"]
        bodies = [requests.get(example["photos"][0], timeout=10).content for example in train]

    assert sorted(bodies) == files


@pytest.mark.parametrize(("options", "offered"), [((), 10), (("--cards-per-look", "3"), 3)])
def test_a_look_offers_as_many_cards_as_asked_for(photographs, options, offered):
    with DeckServer("--photos", str(photographs), *options) as server:
        assert len(served(server, server.user(), "webp,jpeg")) == offered


def test_what_is_no_photograph_and_what_is_too_large(photographs):
    place = photographs / "test" / "like"
    (place / ".hidden.jpg").write_bytes(b"\xff\xd8\xff")
    (place / "empty.jpg").write_bytes(b"")
    large = Image.fromarray(np.random.default_rng(1).integers(0, 255, (2800, 2800, 3), np.uint8))
    large.save(place / "large.jpg", quality=95)
    folder = PhotoFolder(photographs, seed=1)

    bodies = [folder.photo(folder.card(i).card_id, 0, None, "jpeg") for i in range(folder.size)]

    assert (place / "large.jpg").stat().st_size > 8_000_000
    assert len(bodies) == 15 + 1
    assert max(map(len, bodies)) < 8_000_000
    assert b"" not in bodies


def test_cards_to_teach_from_are_counted_by_kind(photographs):
    folder = PhotoFolder(photographs, seed=1, photos_per_card=2)

    assert (folder.train("like"), folder.train("pass")) == (2, 2)
