"""The photos of a TinderDeck over HTTP: in both forms, in every state of disrepair, and from nowhere else."""

import io
import socket
from datetime import UTC, datetime

import pytest
from PIL import Image

from swipr.decks.tinder import TinderDeck
from swipr.errors import PhotoError
from swipr.models import Photo
from tests.deck_server import DeckServer


@pytest.fixture(scope="module")
def server():
    with DeckServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults_left(server):
    yield
    server.fault(clear=True)


def now():
    return datetime.now(UTC)


def open_deck(server, token, **options):
    return TinderDeck("simulator", server.address, token, (".example.com",), now=now, sleep=print, **options)


@pytest.fixture
def token(server):
    return server.user(cards=25)


@pytest.fixture
def deck(server, token):
    return open_deck(server, token)


@pytest.fixture
def photo(deck):
    return next(card.photos[0] for card in deck.cards().cards if card.photos)


def test_photos_are_jpeg_and_webp(deck):
    forms = set()
    for card in deck.cards().cards:
        for photo in card.photos:
            with Image.open(io.BytesIO(deck.photo(photo))) as image:
                forms.add(image.format)
                assert image.size in ((320, 400), (640, 800))

    assert forms == {"JPEG", "WEBP"}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 403}, "expired"),
        ({"status": 404}, "removed"),
        ({"status": 410}, "removed"),
        ({"status": 500}, "500"),
        ({"body": "redirect"}, "302"),
        ({"body": "large"}, "larger"),
        ({"body": "short"}, "fetched"),
        ({"body": "empty"}, "200"),
        ({"reset": "after"}, "fetched"),
    ],
)
def test_a_photo_that_cannot_be_had_says_why_without_its_address(server, deck, photo, fault, words):
    server.fault(kind="photo", **fault)

    with pytest.raises(PhotoError, match=words) as raised:
        deck.photo(photo)

    assert "127.0.0.1" not in str(raised.value)
    assert "Signature" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_slow_photo_ends_at_the_time_out(server, token, photo):
    server.fault(kind="photo", delay_s=1.5)

    with pytest.raises(PhotoError, match="timed out"):
        open_deck(server, token, timeout_s=0.4).photo(photo)


def test_addresses_expire(server, deck, photo):
    server.control("POST", "clock", json={"advance_s": 22 * 3600})

    with pytest.raises(PhotoError, match="expired"):
        deck.photo(photo)

    server.control("POST", "clock", json={"advance_s": -22 * 3600})
    assert deck.photo(photo)


@pytest.mark.parametrize(
    "url",
    [
        "http://photos.example.com/a.jpg", "https://example.com.evil.test/a.jpg", "https://evilexample.com/a.jpg",
        "https://user@photos.example.com/a.jpg", "https://photos.example.com:8443/a.jpg", "https://127.0.0.1/a.jpg",
        "https://photos.example.com\\@evil.test/a.jpg", "https://evil.test/https://photos.example.com/a.jpg",
        "https://photos.example.com/a b.jpg", "https://photos.example.com/a\r\nX: y", "file:///etc/passwd", "",
        "https://[::1]/a.jpg", "https://evil.test#.example.com/a.jpg", "https://PHOTOS.example.com/a.jpg",
    ],
)  # fmt: skip
def test_no_connection_is_opened_to_a_foreign_address(monkeypatch, url):
    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    deck = TinderDeck("tinder", "https://api.example.com", "t", (".example.com",), now=now, sleep=print)

    with pytest.raises(PhotoError, match="does not use"):
        deck.photo(Photo(photo_id="p", url=url))


@pytest.mark.parametrize("host", ["photos.example.com", "example.com", "a.b.example.com"])
def test_the_decks_own_hosts_are_asked(monkeypatch, host):
    asked = []

    def refuse(name, *_, **__):
        asked.append(name)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    deck = TinderDeck("tinder", "https://api.example.com", "t", (".example.com",), now=now, sleep=print)

    with pytest.raises(PhotoError, match="connection failed"):
        deck.photo(Photo(photo_id="p", url=f"https://{host}/u/a.jpg?Policy=x~y_&Signature=z"))
    assert asked == [host]


@pytest.mark.parametrize(
    "change", ["http://localhost{rest}", "https://photos.example.com{rest}", "http://127.0.0.1:1{rest}"]
)
def test_the_simulators_photos_come_from_exactly_its_origin(server, deck, photo, change):
    with pytest.raises(PhotoError, match="does not use"):
        deck.photo(Photo(photo_id="p", url=change.format(rest=photo.url.removeprefix(server.address))))
