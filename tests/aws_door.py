"""moto's AWS of this process on a loopback port, for SDKs in other processes: AWS_ENDPOINT_URL points to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request")


class _Door(BaseHTTPRequestHandler):
    """Which service is meant stands in the signature's scope."""

    def do_POST(self) -> None:
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        answered = None if scope is None else self._asked(f"{scope['service']}.{scope['region']}.amazonaws.com", body)
        status, headers, answer = answered or (400, {}, "no service is named")
        raw = answer.encode() if isinstance(answer, str) else answer
        self.send_response(int(status))
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815  names of the base class

    def _asked(self, host: str, body: bytes) -> object:
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            headers[name] = host if name.lower() == "host" else value
        url = f"https://{host}{self.path}"
        return botocore_stubber.process_request(AWSPreparedRequest(self.command, url, headers, body, False))

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def aws_door() -> Iterator[str]:
    """The address of the door; inside of `moto_world`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
