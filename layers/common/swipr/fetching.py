"""Fetch many photos (or networks) at once from exactly one origin, within one deadline."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from swipr.errors import PhotoError

MAX_BYTES = 10_000_000
DEADLINE_S = 10.0  # for all photos of a request together
CONNECTIONS = 16
_CHUNK = 65_536


class Wanted(NamedTuple):
    """A photo's place in the request, its address, and the part of the object it is (both ends included).

    `most` bytes are read; `what` it is, for the words of an error.
    """

    place: int
    url: str
    first: int | None = None
    last: int | None = None
    most: int = MAX_BYTES
    what: str = "photo"


class Fetched(NamedTuple):
    place: int
    body: bytes | None
    error: str
    """Why there is no body; never holds the address."""


def fetch(wanted: Sequence[Wanted], origin: str, *, deadline_s: float = DEADLINE_S) -> Iterator[Fetched]:
    """Yield each photo as it arrives, in any order, every one exactly once, within `deadline_s` seconds.

    `origin` is `scheme://host[:port]`; other addresses are not connected to, and redirects are not followed.
    """
    ends_at = time.monotonic() + deadline_s
    todo: queue.SimpleQueue[Wanted] = queue.SimpleQueue()
    done: queue.SimpleQueue[Fetched] = queue.SimpleQueue()
    for one in wanted:
        todo.put(one)
    workers = [_Worker(origin, todo, done, ends_at) for _ in range(min(CONNECTIONS, len(wanted)))]
    for worker in workers:
        worker.start()
    try:
        yield from _until(ends_at, done, {one.place: one.what for one in wanted})
    finally:
        for worker in workers:
            worker.close()


def _until(ends_at: float, done: "queue.SimpleQueue[Fetched]", missing: dict[int, str]) -> Iterator[Fetched]:
    while missing:
        try:
            fetched = done.get(timeout=max(0.0, ends_at - time.monotonic()))
        except queue.Empty:
            break
        missing.pop(fetched.place, None)
        yield fetched
    for place in sorted(missing):
        yield Fetched(place, None, f"the {missing[place]} did not arrive in time")


class _Worker(threading.Thread):
    """One kept connection. A daemon: one that hangs in name resolution holds nobody up."""

    def __init__(
        self,
        origin: str,
        todo: "queue.SimpleQueue[Wanted]",
        done: "queue.SimpleQueue[Fetched]",
        ends_at: float,
    ) -> None:
        super().__init__(daemon=True)
        self._origin = origin
        self._todo = todo
        self._done = done
        self._ends_at = ends_at
        self._connection = _connection(origin, ends_at - time.monotonic())

    def run(self) -> None:
        with suppress(queue.Empty):
            while time.monotonic() < self._ends_at:
                one = self._todo.get_nowait()
                self._done.put(self._fetched(one))
        self._connection.close()

    def close(self) -> None:
        """End a read that drips: closing alone would not wake it."""
        held = self._connection.sock
        if held is not None:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def _fetched(self, one: Wanted) -> Fetched:
        try:
            return Fetched(one.place, self._get(one), "")
        except PhotoError as error:
            self._connection.close()
            return Fetched(one.place, None, str(error))
        except (OSError, HTTPException, ValueError) as error:
            self._connection.close()
            return Fetched(one.place, None, f"the {one.what} could not be fetched ({type(error).__name__})")

    def _get(self, one: Wanted) -> bytes:
        target = _target(one, self._origin)
        headers = {"Accept-Encoding": "identity"}
        if one.first is not None:
            headers["Range"] = f"bytes={one.first}-{one.last}"
        self._connection.timeout = max(0.01, self._ends_at - time.monotonic())
        self._connection.request("GET", target, headers=headers)
        with self._connection.getresponse() as response:
            _check(response, one)
            return self._body(response, one)

    def _body(self, response: HTTPResponse, one: Wanted) -> bytes:
        exactly = None if one.first is None or one.last is None else one.last - one.first + 1
        parts: list[bytes] = []
        size = 0
        while chunk := response.read1(_CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > one.most:
                raise PhotoError(f"the {one.what} is larger than {one.most / 10**6:g} MB")
            if time.monotonic() > self._ends_at:
                raise PhotoError(f"the {one.what} did not arrive in time")
        if response.length or (exactly is not None and size != exactly):
            raise PhotoError(f"the {one.what} arrived incomplete")
        return b"".join(parts)


def _connection(origin: str, timeout_s: float) -> HTTPConnection:
    parts = urlsplit(origin)
    if parts.scheme == "https":
        return HTTPSConnection(str(parts.hostname), parts.port, timeout=timeout_s, context=_trusted())
    return HTTPConnection(str(parts.hostname), parts.port, timeout=timeout_s)


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()  # reading the authorities takes 15 ms


def _target(one: Wanted, origin: str) -> str:
    """Path and query of an address that begins with the very origin; anything cleverer is refused."""
    target = one.url.removeprefix(origin)
    if target == one.url or not target.startswith("/"):
        raise PhotoError(f"the {one.what}'s address is not of the configured origin")
    if any(not "!" <= character <= "~" for character in target):
        raise PhotoError(f"the {one.what}'s address holds characters that no address has")
    return target.partition("#")[0]


def _check(response: HTTPResponse, one: Wanted) -> None:
    expected = 200 if one.first is None else 206
    if response.status != expected:
        raise PhotoError(f"the {one.what}'s address answered {response.status}, not {expected}")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise PhotoError(f"the {one.what} arrived in an encoding nobody asked for")
    given = response.getheader("Content-Range", "")
    if one.first is not None and not given.replace(" ", "").startswith(f"bytes{one.first}-{one.last}/"):
        raise PhotoError(f"the {one.what}'s address answered with other bytes than asked for")
