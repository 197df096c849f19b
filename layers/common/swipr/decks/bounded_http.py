"""HTTP calls that end by a deadline, never follow a redirect, and say whether anything was sent.

Time-outs of sockets count each read anew, so a server that drips one byte at a time could hold a call for ever. Here a
timer shuts the socket at the deadline. Only the resolver may take longer; nothing is sent after the deadline either.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_TIMEOUT_S = 4.0
_CHUNK = 65_536


class NotSentError(Exception):
    """The call failed, and nothing of the request left this machine."""


class UnansweredError(Exception):
    """The request may have arrived, but there is no whole answer."""


class TooLargeError(UnansweredError):
    """The answer is larger than allowed."""


class Reply(NamedTuple):
    """A whole answer. `body` is decoded from its transfer encoding; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Call:
    """One call on its way: its deadline, its socket, and whether the request began to leave."""

    def __init__(self, timeout_s: float) -> None:
        self.ends_at = time.monotonic() + timeout_s
        self.sent = False
        self.over = False
        self._socket: socket.socket | None = None

    @property
    def left_s(self) -> float:
        return self.ends_at - time.monotonic()

    def begin(self, connected: socket.socket) -> None:
        """Called by the connection just before the first byte leaves."""
        self._socket = connected
        if self.over or self.left_s <= 0:
            raise TimeoutError("the deadline passed before anything was sent")
        self.sent = True

    def end(self) -> None:
        self.over = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # of the plain class: an SSLSocket's own would race with its reader
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_current = threading.local()


def _begin(connection: HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    call: _Call = _current.call
    call.begin(connection.sock)


class _PlainConnection(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _begin(self)
        super().request(*args, **kwargs)


class _TlsConnection(HTTPSConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _begin(self)
        super().request(*args, **kwargs)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class BoundedHttp:
    """Calls over kept connections. Proxies, cookies and credentials of the surroundings play no part."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter())

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        max_bytes: int,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Reply:
        """One request and its whole answer.

        Raises NotSentError, UnansweredError or TooLargeError; their messages name no address.
        """
        call = _current.call = _Call(timeout_s)
        timer = threading.Timer(timeout_s, call.end)
        timer.daemon = True
        timer.start()
        try:
            with self._session.request(
                method, url, headers=dict(headers), params=params, json=json, stream=True, allow_redirects=False,
                timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s),
            ) as response:  # fmt: skip
                body = _read(response, max_bytes)
                if call.over:  # a body that ends with its connection looks whole when we cut it
                    raise UnansweredError("timed out")
                return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            what = "timed out" if call.over or isinstance(error, requests.Timeout) else "connection failed"
            raise (UnansweredError if call.sent else NotSentError)(what) from None
        finally:
            timer.cancel()

    def close(self) -> None:
        self._session.close()


def _read(response: requests.Response, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise TooLargeError(f"larger than {max_bytes} bytes")
    return bytes(body)
