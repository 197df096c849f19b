"""Fetching a link: only what is public, only from the address that was checked, and never for long."""

import gzip
import re
import socket
import threading
import time
from ipaddress import ip_address

import pytest

from swipr import link_call
from swipr.addresses import is_public
from swipr.links import fetch_link
from tests.forbidden_addresses import FORBIDDEN_4, FORBIDDEN_6, every_link
from tests.public_internet import (
    ELSEWHERE,
    PHOTO,
    PUBLIC,
    Internet,
    answer,
    closed_port,
    redirect,
    refused,
    serving,
    timed,
)


@pytest.fixture
def internet():
    return Internet()


@pytest.fixture
def spy(monkeypatch):
    """Every attempt to connect from Python, none of which gets through."""
    attempts = []

    def attempt(*arguments, **options):
        attempts.append(arguments)
        raise OSError("no connections here")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, attempt)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, attempt)
    return attempts


# --- nothing that is not public ---------------------------------------------------------------------------


def test_no_forbidden_link_is_connected_to_or_looked_up(spy):
    forbidden = every_link()

    for url in forbidden:
        refused(fetch_link, url)

    assert len(forbidden) >= 250
    assert spy == []


def test_the_spy_sees_a_connection_where_there_is_one(spy):
    refused(fetch_link, f"http://{PUBLIC}/")
    refused(fetch_link, "http://photos.example.com/")

    assert (PUBLIC, 80) in spy[0]
    assert "photos.example.com" in spy[1]


@pytest.mark.parametrize("address", [*FORBIDDEN_4, *FORBIDDEN_6, "fe80::1%lo"])
def test_a_name_of_a_forbidden_address_is_not_connected_to(internet, spy, address):
    for found in ([address], [PUBLIC, address], [address, PUBLIC], [ELSEWHERE, PUBLIC, address]):
        internet.names["photos.example.com"] = found
        refused(internet.fetch, "https://photos.example.com/a.jpg", "not on the public internet")

    assert (internet.connected, spy) == ([], [])


@pytest.mark.parametrize("found", [["photos"], [""], ["127.1"], ["0x7f000001"], ["1.2.3.4.5"], ["::g"], [" 127.0.0.1"]])
def test_an_address_that_cannot_be_read_is_not_connected_to(internet, spy, found):
    internet.names["photos.example.com"] = found

    refused(internet.fetch, "http://photos.example.com/", "cannot be read")

    assert (internet.connected, spy) == ([], [])


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_used(internet):
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    internet.names["photos.example.com"] = lambda: next(answers)

    with serving(internet, answer()):
        assert internet.fetch("http://photos.example.com/a.jpg") == PHOTO

    assert internet.asked == ["photos.example.com"]
    assert internet.connected == [(PUBLIC, 80)]


def test_a_name_that_changes_between_redirects_is_checked_anew(internet):
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    internet.names["photos.example.com"] = lambda: next(answers)

    with serving(internet, redirect("/again")):
        refused(internet.fetch, "http://photos.example.com/a.jpg", "not on the public internet")

    assert internet.connected == [(PUBLIC, 80)]


def test_no_redirect_leads_to_a_forbidden_link(internet):
    sent = [url for url in every_link() if url and url.isascii() and url.isprintable() and len(url) < 8000]
    sent = [url for url in sent if re.match("[a-z]+://[^/]", url, re.IGNORECASE)]  # others stay with their server
    with serving(internet, b"") as server:
        for url in sent:
            server.answer = redirect(url)
            refused(internet.fetch, "http://photos.example.com/")

        assert len(server.requests) == len(sent)
    assert len(sent) >= 250
    assert {address for address, _ in internet.connected} == {PUBLIC}
    assert set(internet.asked) == {"photos.example.com"}


def test_the_next_of_the_checked_addresses_is_tried(internet):
    internet.names["photos.example.com"] = [ELSEWHERE, PUBLIC]

    with serving(internet, answer()):
        internet.ports[ELSEWHERE, 80] = closed_port()
        assert internet.fetch("http://photos.example.com/") == PHOTO

    assert internet.connected == [(ELSEWHERE, 80), (PUBLIC, 80)]


def test_a_name_nobody_knows_and_one_without_addresses_are_told(internet):
    refused(internet.fetch, "http://unknown.example.com/", "does not exist")
    internet.names["photos.example.com"] = []
    refused(internet.fetch, "http://photos.example.com/", "does not exist")


def test_a_resolver_that_hangs_ends_with_the_deadline(internet):
    ended = threading.Event()
    internet.names["photos.example.com"] = lambda: [ended.wait(20)]

    took_s = timed(lambda: refused(internet.fetch, "http://photos.example.com/", "in time", deadline_s=0.3))

    ended.set()
    assert took_s < 5


# --- what is sent -----------------------------------------------------------------------------------------


def test_a_request_holds_nothing_but_the_path_and_who_asks(internet, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with serving(internet, answer(Set_Cookie="a=b")) as server:
        for _ in range(2):
            internet.fetch("http://photos.example.com/a%20b.jpg?x=1#part")

    assert server.requests[0] == server.requests[1]
    assert server.requests[0] == (
        b"GET /a%20b.jpg?x=1 HTTP/1.1\r\nHost: photos.example.com\r\nUser-Agent: Swipr\r\nAccept: image/*\r\n"
        b"Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )


def test_a_redirect_takes_no_referrer_and_no_cookie_along(internet):
    internet.names["other.example.com"] = [ELSEWHERE]
    first = answer(b"", "302 Found", Location="http://other.example.com/b", Set_Cookie="a=b")

    with serving(internet, first), serving(internet, answer(), at=(ELSEWHERE, 80)) as second:
        assert internet.fetch("http://photos.example.com/secret") == PHOTO

    assert second.requests[0].startswith(b"GET /b HTTP/1.1\r\nHost: other.example.com\r\n")
    assert not [word for word in (b"secret", b"Cookie", b"Referer") if word in second.requests[0]]


# --- redirects --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize(
    "location", ["/b.jpg", "b.jpg", "//photos.example.com/b.jpg", "http://photos.example.com/b.jpg"]
)
def test_a_redirect_is_followed(internet, status, location):
    with serving(internet, sequence(redirect(location, status), answer())) as server:
        assert internet.fetch("http://photos.example.com/a.jpg") == PHOTO

    assert server.requests[1].startswith(b"GET /b.jpg HTTP/1.1\r\n")


def sequence(*answers):
    left = iter(answers)
    return lambda connection: connection.sendall(next(left))


def test_three_redirects_are_followed_and_a_fourth_is_not(internet):
    hops = [redirect(f"/{number}") for number in range(4)]

    with serving(internet, sequence(*hops[:3], answer())):
        assert internet.fetch("http://photos.example.com/") == PHOTO
    with serving(internet, sequence(*hops, answer())) as server:
        refused(internet.fetch, "http://photos.example.com/", "more than 3 redirects")

    assert len(server.requests) == 4


def test_a_redirect_to_itself_ends(internet):
    with serving(internet, redirect("/")) as server:
        refused(internet.fetch, "http://photos.example.com/", "redirects")

    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "location", ["", "http://[", "/a b", "/\\evil", "http://photos.example.com:8080/", "/ä", "/\x01"]
)
def test_a_redirect_that_cannot_be_read_is_not_followed(internet, location):
    with serving(internet, redirect(location)) as server:
        refused(internet.fetch, "http://photos.example.com/")

    assert len(server.requests) == 1


# --- answers ----------------------------------------------------------------------------------------------


def test_ten_megabytes_arrive_and_one_byte_more_does_not(internet):
    whole = bytes(link_call.MAX_BYTES)

    with serving(internet, answer(whole)):
        assert internet.fetch("http://photos.example.com/") == whole
    for length in (len(whole) + 1, None):
        with serving(internet, answer(whole + b"x", Content_Length=length)):
            refused(internet.fetch, "http://photos.example.com/", "larger than 10 MB")


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n", b"Content-Length: -5\r\n"])
def test_a_body_without_end_is_cut_off(internet, head):
    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while True:
            connection.sendall((b"40000\r\n" if b"chunked" in head else b"") + bytes(0x40000) + b"\r\n")

    with serving(internet, endless):
        refused(internet.fetch, "http://photos.example.com/", "larger than 10 MB")


@pytest.mark.parametrize(
    "status", ["201 Created", "204 No Content", "206 Partial", "304 Same", "404 Not Found", "500 No"]
)
def test_only_an_answer_of_200_is_a_photo(internet, status):
    with serving(internet, answer(status=status)):
        refused(internet.fetch, "http://photos.example.com/", status[:3])


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "x-gzip", "identity, gzip", "gzip, gzip"])
def test_a_packed_body_is_not_unpacked(internet, encoding):
    bomb = gzip.compress(bytes(50_000_000))

    with serving(internet, answer(bomb, Content_Encoding=encoding)):
        refused(internet.fetch, "http://photos.example.com/", "packed")


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        answer(PHOTO, Content_Length=100), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)  # fmt: skip
def test_a_broken_answer_is_refused(internet, broken):
    with serving(internet, broken):
        refused(internet.fetch, "http://photos.example.com/", "could not be fetched|broke off")


DRIPS = {
    "nothing at all": b"",
    "the first line": b"H",
    "the headers": b"HTTP/1.1 200 OK\r\nX-A: a",
    "early hints": b"HTTP/1.1 100 Continue\r\n\r\n",
    "the body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
}


@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_drips_ends_with_the_deadline(internet, drip):
    stopped = threading.Event()

    def slowly(connection):
        connection.sendall(DRIPS[drip])
        while not stopped.wait(0.02):
            connection.sendall(
                {"chunks": b"1\r\na\r\n", "early hints": DRIPS["early hints"], "nothing at all": b""}.get(drip, b"a")
            )

    with serving(internet, slowly):
        fetch = lambda: refused(internet.fetch, "http://photos.example.com/", "in time", deadline_s=0.4)  # noqa: E731
        took_s = timed(fetch)
        stopped.set()

    assert took_s < 5  # each drip came well before a time-out of its own


def test_slow_redirects_share_one_deadline(internet):
    def slowly(connection):
        time.sleep(0.3)
        connection.sendall(redirect("/"))

    with serving(internet, slowly) as server:
        refused(internet.fetch, "http://photos.example.com/", "in time", deadline_s=0.5)

    assert len(server.requests) == 2


# --- what is told -----------------------------------------------------------------------------------------


def test_no_error_repeats_the_link(internet):
    internet.names["photos.example.com"] = ["10.11.12.13"]
    told = [
        refused(internet.fetch, url)
        for url in [*every_link(), "http://photos.example.com/secret?token=hush", "http://nobody.example.com/hush"]
    ]
    with serving(internet, answer(status="500 hush")):
        internet.names["photos.example.com"] = [PUBLIC]
        told.append(refused(internet.fetch, "http://photos.example.com/hush"))

    for error in told:
        assert not [word for word in ("127.0", "169.254", "10.11", "example", "hush", "secret") if word in str(error)]
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None


def test_the_real_resolver_finds_this_machine_and_it_is_not_public():
    found = link_call.resolve_name("localhost")

    assert found
    assert not [text for text in found if is_public(ip_address(text))]


def test_a_real_connection_goes_to_the_address_given():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        opened = link_call.connect_to("127.0.0.1", listener.getsockname()[1], 5.0)
        with opened:
            assert opened.getpeername() == listener.getsockname()
    with pytest.raises(ConnectionRefusedError):
        link_call.connect_to("127.0.0.1", closed_port(), 5.0)
