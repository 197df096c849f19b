"""An internet for tests: names resolve as the test says, and public addresses lead to servers on this machine."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from swipr.errors import InputError
from swipr.links import fetch_link

PUBLIC, ELSEWHERE = "93.184.215.14", "2606:4700:4700::1111"
PHOTO = b"\xff\xd8 not really a photo"


class Internet:
    """A resolver of our own, and connections to public addresses that end at servers of this test."""

    def __init__(self):
        self.names = {"photos.example.com": [PUBLIC]}
        self.ports = {}
        self.asked, self.connected = [], []

    def resolve(self, name):
        self.asked.append(name)
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        answer = self.names[name]
        return answer() if callable(answer) else answer

    def connect(self, address, port, timeout_s):
        self.connected.append((address, port))
        return socket.create_connection(("127.0.0.1", self.ports[address, port]), timeout_s)

    def fetch(self, url, **options):
        return fetch_link(url, resolve=self.resolve, connect=self.connect, **options)


class Server:
    """Gives each connection to `answer`, which is bytes or writes to it itself; keeps the requests."""

    def __init__(self, answer, context=None):
        self.answer, self.context, self.requests = answer, context, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    secured = self.context.wrap_socket(connection, server_side=True) if self.context else connection
                    with secured:
                        self._answer(secured)
                except OSError:
                    continue

    def _answer(self, connection):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(65_536) or b"\r\n\r\n"
        self.requests.append(request)
        if callable(self.answer):
            self.answer(connection)
        else:
            connection.sendall(self.answer)


@contextmanager
def serving(internet, answer, *, at=(PUBLIC, 80), context=None):
    server = Server(answer, context)
    server.thread.start()
    internet.ports[at] = server.port
    try:
        yield server
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
        server.thread.join(timeout=5)


def answer(body=PHOTO, status="200 OK", **headers):
    given = {"Content-Length": len(body), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


def redirect(location, status="302 Found"):
    return answer(b"", status, Location=location)


def refused(fetch, url, match=".", **options):
    with pytest.raises(InputError, match=match) as caught:
        fetch(url, **options)
    assert caught.value.field == "url"
    return caught.value


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def timed(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began
