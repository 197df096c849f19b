"""Connections that know which call they serve: connecting has no longer than the call, and its end shuts the socket."""

import contextlib
import socket
import threading
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError
from urllib3.util.connection import allowed_gai_family

CONNECT_TIMEOUT_S = 4.0


class BoundedCall:
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

    @property
    def connect_s(self) -> float:
        """How long a step of connecting may take. Raises TimeoutError when no time is left."""
        left_s = self.left_s
        if self.over or left_s <= 0:
            raise TimeoutError("the deadline passed while connecting")
        return min(CONNECT_TIMEOUT_S, left_s)

    def end(self) -> None:
        self.over = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # of the plain class: an SSLSocket's own would race with its reader
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


current = threading.local()


def _begin(connection: HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    call: BoundedCall = current.call
    call.begin(connection.sock)


def _connect(connection: HTTPConnection) -> socket.socket:
    """To the first of the host's addresses that accepts; all of them together have no longer than the call."""
    call: BoundedCall = current.call
    trouble = OSError("the host has no address")
    asked = connection.host.strip("[]"), connection.port, allowed_gai_family(), socket.SOCK_STREAM
    for family, kind, protocol, _, address in socket.getaddrinfo(*asked):
        opened = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                opened.setsockopt(*option)
            opened.settimeout(call.connect_s)
            opened.connect(address)
            opened.settimeout(call.connect_s)  # for the greeting over TLS
            return opened
        except OSError as error:
            opened.close()
            trouble = error
    if isinstance(trouble, TimeoutError):
        raise ConnectTimeoutError(connection, "no address accepted in time")
    raise trouble


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _begin(self)
        super().request(*args, **kwargs)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _begin(self)
        super().request(*args, **kwargs)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class BoundedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
