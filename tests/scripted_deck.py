"""A deck's server on this machine that says exactly what it is told to, and remembers every call."""

import json
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """`body`: bytes, or what becomes JSON. `how`: `whole`, `silence` until the end, `cut` or `short` of its length."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = {}
    how: str = "whole"

    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Call(NamedTuple):
    """One request as it came; header names are in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes


class ScriptedDeck:
    """Gives `replies` in order; what comes after the last of them is answered 418 and fails the test's list."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.calls: list[Call] = []
        self.over = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # an answer in one piece: in two, each would wait 40 ms for the first to be confirmed

            def handle_any(self):
                length = int(self.headers.get("Content-Length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.calls.append(Call(f"{self.command} {self.path}", headers, self.rfile.read(length)))
                owner.answer(self, owner.replies.pop(0) if owner.replies else Reply(418))

            do_GET = do_POST = handle_any  # noqa: N815  the library's names

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that hangs up is part of the tests
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.how == "silence":
            self.over.wait(10)
        if reply.how in ("silence", "cut"):
            request.close_connection = True
            return
        data = reply.data()
        request.send_response(reply.status)
        for name, value in reply.headers.items():
            request.send_header(name, value)
        if reply.status != 204:
            request.send_header("Content-Length", str(len(data) + (10 if reply.how == "short" else 0)))
        request.end_headers()
        if reply.status != 204:
            request.wfile.write(data)
        request.close_connection = request.close_connection or reply.how == "short"

    def take_calls(self) -> list[Call]:
        """The calls since the last time."""
        taken, self.calls = self.calls, []
        return taken


@contextmanager
def scripted_deck():
    scripted = ScriptedDeck()
    thread = threading.Thread(target=scripted.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        scripted.over.set()
        scripted.server.shutdown()
        scripted.server.server_close()
        thread.join()
