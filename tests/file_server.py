"""A local HTTP server for one file, which can cut it, lie, stall, drip, point elsewhere or send too much."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

Serve = Callable[[BaseHTTPRequestHandler, bytes], None]


def whole(request: BaseHTTPRequestHandler, body: bytes) -> None:
    _head(request, 200, len(body))
    request.wfile.write(body)


def cut(request: BaseHTTPRequestHandler, body: bytes) -> None:
    _head(request, 200, len(body))
    request.wfile.write(body[: len(body) // 2])


def cut_unannounced(request: BaseHTTPRequestHandler, body: bytes) -> None:
    _head(request, 200, None)
    request.wfile.write(body[: len(body) // 2])


def wrong(request: BaseHTTPRequestHandler, body: bytes) -> None:
    whole(request, body[:-1] + bytes([body[-1] ^ 1]))


def too_long(request: BaseHTTPRequestHandler, body: bytes) -> None:
    whole(request, body + b"x")


def endless(request: BaseHTTPRequestHandler, body: bytes) -> None:
    _head(request, 200, None)
    while True:
        request.wfile.write(body)


def moved(request: BaseHTTPRequestHandler, body: bytes) -> None:
    request.send_response(302)
    request.send_header("Location", "/elsewhere")
    request.end_headers()


def missing(request: BaseHTTPRequestHandler, body: bytes) -> None:
    _head(request, 404, 0)


def nonsense(request: BaseHTTPRequestHandler, body: bytes) -> None:
    request.wfile.write(b"no HTTP at all\r\n\r\n")


class Slow:
    """Serves that wait until they are let go, so that no thread outlives a test."""

    def __init__(self) -> None:
        self.over = Event()

    def silent(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        self.over.wait(20)

    def stalled(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        _head(request, 200, len(body))
        request.wfile.write(body[:10])
        self.over.wait(20)

    def dripping(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        _head(request, 200, len(body))
        ends_at = time.monotonic() + 20
        while not self.over.wait(0.05) and time.monotonic() < ends_at:
            request.wfile.write(b"x")


def _head(request: BaseHTTPRequestHandler, status: int, length: int | None) -> None:
    request.send_response(status)
    if length is not None:
        request.send_header("Content-Length", str(length))
    request.end_headers()


@contextmanager
def serving(serve: Serve, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """The file's address, and the paths asked for so far."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            try:
                serve(self, body)
            except OSError:  # the client has had enough
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/file.tflite", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
