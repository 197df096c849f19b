"""One GET over a connection that is already open, read until a deadline; and how links are resolved and connected."""

import io
import socket
import ssl
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Any, NoReturn, cast

from swipr.addresses import Link
from swipr.errors import InputError

MAX_BYTES = 10_000_000
_CHUNK = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def resolve_name(name: str) -> list[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def connect_to(address: str, port: int, timeout_s: float) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.settimeout(timeout_s)
        opened.connect((address, port))
    except BaseException:
        opened.close()
        raise
    return opened


@cache
def trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def secured(
    opened: socket.socket, host: str, trust: Callable[[], ssl.SSLContext], left_s: Callable[[], float]
) -> ssl.SSLSocket:
    """TLS for the name `host` over an open connection, which is closed if that fails. Raises OSError."""
    try:
        opened.settimeout(left_s())  # one time-out for the whole handshake
        return trust().wrap_socket(opened, server_hostname=host)
    except BaseException:
        opened.close()
        raise


def answer(opened: socket.socket, link: Link, left_s: Callable[[], float]) -> bytes | str:
    """The body at the link, or where its server redirects to.

    `left_s` gives the seconds left and raises TimeoutError when there are none. Raises InputError, OSError or
    HTTPException.
    """
    head = (
        f"GET {link.target} HTTP/1.1\r\nHost: {link.authority}\r\nUser-Agent: Swipr\r\nAccept: image/*\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )
    opened.settimeout(left_s())
    opened.sendall(head.encode("ascii"))
    with HTTPResponse(cast(socket.socket, _Wire(opened, left_s)), method="GET") as response:
        response.begin()
        if response.status in _REDIRECTS:
            return response.getheader("Location", "")
        _check(response)
        return _body(response)


class _Wire(io.RawIOBase):
    """A socket that is read until the deadline, not for a time-out anew at each read; HTTPResponse takes it for one."""

    def __init__(self, opened: socket.socket, left_s: Callable[[], float]) -> None:
        self._opened = opened
        self._left_s = left_s

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, _CHUNK)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._opened.settimeout(self._left_s())
        return self._opened.recv_into(buffer)


def _check(response: HTTPResponse) -> None:
    if response.status != HTTPStatus.OK:
        refuse(f"is answered with {response.status}, not with a photo: check that it opens in a browser")
    if response.getheader("Content-Encoding", "identity").strip().lower() != "identity":
        refuse("is answered packed, though nobody asked for that: download the photo and upload it")
    if response.length is not None and response.length > MAX_BYTES:
        _refuse_large()


def _body(response: HTTPResponse) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            _refuse_large()
    if response.length:
        refuse("broke off in the middle: try again")
    return bytes(body)


def _refuse_large() -> NoReturn:
    refuse(f"is larger than {MAX_BYTES // 1_000_000} MB: send a smaller photo")


def refuse(why: str) -> NoReturn:
    raise InputError("url", why) from None
