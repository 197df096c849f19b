"""Which links are read, how, and which addresses are public."""

import contextlib
from ipaddress import ip_address

import pytest

from swipr.addresses import MAX_LENGTH, is_public, parse
from swipr.errors import InputError
from tests.forbidden_addresses import FORBIDDEN_4, FORBIDDEN_6, every_link

PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.9.9.9", "11.0.0.1", "93.184.215.14", "100.63.255.255", "100.128.0.1", "126.255.255.254",
    "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.169.0.1", "198.17.255.255",
    "198.20.0.1", "223.255.255.255", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:82f::200e",
    "64:ff9b::8.8.8.8",
)  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_machines_of_the_internet_are_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", [*FORBIDDEN_4, *FORBIDDEN_6])
def test_everything_else_is_not(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", FORBIDDEN_4)
def test_an_address_inside_another_is_judged_or_refused_with_it(text):
    number = int(ip_address(text))
    high, low = number >> 16, number & 0xFFFF
    for wrapped in (f"::ffff:{text}", f"64:ff9b::{text}", f"2002:{high:x}:{low:x}::1", f"::{text}"):
        assert not is_public(ip_address(wrapped))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", ("https", "example.com", 443, "/")),
        ("HTTPS://Photos.Example.COM/A%20b?x=/@:#top", ("https", "photos.example.com", 443, "/A%20b?x=/@:")),
        ("http://example.com?a=b", ("http", "example.com", 80, "/?a=b")),
        ("http://example.com:443/a", ("http", "example.com", 443, "/a")),
        ("https://xn--bcher-kva.example.com:443/", ("https", "xn--bcher-kva.example.com", 443, "/")),
        ("https://a1.b-2.example.co/p/[1](2);v,3", ("https", "a1.b-2.example.co", 443, "/p/[1](2);v,3")),
        ("http://93.184.215.14/a", ("http", "93.184.215.14", 80, "/a")),
        ("http://[2606:4700:4700::1111]/a", ("http", "2606:4700:4700::1111", 80, "/a")),
    ],
)
def test_plain_links_are_read(url, expected):
    assert parse(url)[:4] == expected


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("http://93.184.215.14/", "93.184.215.14"),
        ("http://[2606:4700:4700:0::1111]:443/", "[2606:4700:4700::1111]:443"),
    ],
)
def test_the_host_header_names_a_port_only_where_it_is_not_the_usual_one(url, authority):
    assert parse(url).authority == authority


def test_a_forbidden_link_is_refused_or_read_as_an_address_that_is_not_public():
    read = []
    for url in every_link():
        with contextlib.suppress(InputError):
            read.append(parse(url))

    assert len(read) >= 100
    assert [link for link in read if link.literal is None or is_public(link.literal)] == []


def test_a_link_has_an_end():
    assert parse("http://example.com/".ljust(MAX_LENGTH, "a"))
    with pytest.raises(InputError):
        parse("http://example.com/".ljust(MAX_LENGTH + 1, "a"))
