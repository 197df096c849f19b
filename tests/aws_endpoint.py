"""A service of AWS on this machine that answers as it is told, one answer a request; the last one again and again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

CREDENTIALS = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """What is said of the body's length, where it is a lie."""


#: The connection ends without a word.
HANG_UP = Reply(0)
#: Nothing comes until the test is over.
SILENCE = Reply(-1)


def answer(body: Any) -> Reply:
    """Of a service that speaks JSON."""
    return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.0"})


def refusal(code: str, *, status: int = 400, **more: Any) -> Reply:
    """An error of a service that speaks JSON; its words name what no log should."""
    body = {"__type": f"com.amazonaws#{code}", "message": "arn:aws:iam::1:user/ann may not see token-1", **more}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.0"})


def s3_refusal(code: str, status: int) -> Reply:
    words = "https://bucket/sessions/ann?token-1"
    return Reply(status, f"<Error><Code>{code}</Code><Message>{words}</Message></Error>".encode())


@dataclass
class Endpoint:
    url: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    """Operation (or method and path) and body of each, in order."""

    def says(self, *replies: Reply) -> None:
        self.replies[:] = replies

    @property
    def calls(self) -> list[str]:
        return [name for name, _ in self.requests]

    def body(self, number: int) -> Any:
        """Of one request, as JSON."""
        return json.loads(self.requests[number][1])

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.endpoint = service = Endpoint(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def endpoint_for_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Every client made meanwhile asks this endpoint; between its tries the SDK does not really wait."""
    with endpoint() as service:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.url)
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
        yield service


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        service: Endpoint = self.server.endpoint  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        service.requests.append((target.rpartition(".")[2] or f"{self.command} {self.path}", body))
        self._say(service.next_reply())

    do_GET = do_PUT = do_POST  # noqa: N815 - names of the base class

    def _say(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.status == HANG_UP.status:
            return
        if reply.status == SILENCE.status:
            self.rfile.read(1)  # until the client gives up
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
