"""Fetching a link over TLS: for the name of the link, at the address that was checked."""

import ssl
import threading

import pytest

from tests.certificates import Authority
from tests.public_internet import PHOTO, PUBLIC, Internet, answer, redirect, refused, serving, timed


@pytest.fixture
def internet():
    return Internet()


@pytest.fixture(scope="module")
def authority():
    return Authority()


def trusting(authority):
    def trust():
        return ssl.create_default_context(cadata=authority.certificate)

    return trust


def test_tls_is_spoken_for_the_name_and_connected_to_the_checked_address(internet, authority):
    told = []
    context = authority.server("photos.example.com")
    context.sni_callback = lambda _socket, name, _context: told.append(name)

    with serving(internet, answer(), at=(PUBLIC, 443), context=context):
        body = internet.fetch("https://photos.example.com/a.jpg", trust=trusting(authority))

    assert body == PHOTO
    assert told == ["photos.example.com"]
    assert internet.connected == [(PUBLIC, 443)]


@pytest.mark.parametrize("name", ["other.example.com", "example.com", PUBLIC, "*.photos.example.com"])
def test_a_certificate_for_another_name_is_refused_before_anything_is_sent(internet, authority, name):
    with serving(internet, answer(), at=(PUBLIC, 443), context=authority.server(name)) as server:
        refused(internet.fetch, "https://photos.example.com/", "certificate", trust=trusting(authority))

    assert server.requests == []


def test_an_unknown_authority_is_refused(internet, authority):
    with serving(internet, answer(), at=(PUBLIC, 443), context=authority.server("photos.example.com")) as server:
        refused(internet.fetch, "https://photos.example.com/", "certificate")

    assert server.requests == []


def test_an_address_itself_needs_a_certificate_of_its_own(internet, authority):
    for name, allowed in ((PUBLIC, True), ("photos.example.com", False)):
        with serving(internet, answer(), at=(PUBLIC, 443), context=authority.server(name)):
            if allowed:
                assert internet.fetch(f"https://{PUBLIC}/", trust=trusting(authority)) == PHOTO
            else:
                refused(internet.fetch, f"https://{PUBLIC}/", "certificate", trust=trusting(authority))


def test_https_does_not_go_on_as_http_but_http_goes_on_as_https(internet, authority):
    context = authority.server("photos.example.com")

    with (
        serving(internet, answer()),
        serving(internet, redirect("http://photos.example.com/"), at=(PUBLIC, 443), context=context),
    ):
        refused(internet.fetch, "https://photos.example.com/", "from https to http", trust=trusting(authority))
        assert internet.connected == [(PUBLIC, 443)]
    with (
        serving(internet, redirect("https://photos.example.com/")),
        serving(internet, answer(), at=(PUBLIC, 443), context=context),
    ):
        assert internet.fetch("http://photos.example.com/", trust=trusting(authority)) == PHOTO


@pytest.mark.parametrize("begins", [b"", b"\x16\x03\x03\x00\x7a"])
def test_a_handshake_that_drips_ends_with_the_deadline(internet, authority, begins):
    stopped = threading.Event()

    def slowly(connection):
        connection.sendall(begins)
        while not stopped.wait(0.02):
            connection.sendall(b"\x02" if begins else b"")

    with serving(internet, slowly, at=(PUBLIC, 443)) as server:
        server._answer = slowly
        fetch = lambda: refused(  # noqa: E731
            internet.fetch, "https://photos.example.com/", "in time", deadline_s=0.4, trust=trusting(authority)
        )
        took_s = timed(fetch)
        stopped.set()

    assert took_s < 5
