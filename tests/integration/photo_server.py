"""A photo origin on this machine that can misbehave on demand, and counts connections."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PhotoServer:
    """`photos` by path. Paths below /slow, /drip, /redirect, /gzip, /short, /endless and /500 do as they say."""

    def __init__(self, photos):
        self.photos = photos
        self.connections = 0
        self.requests = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                owner.connections += 1
                super().setup()

            def do_GET(self):
                owner.requests.append(self.path)
                owner.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that hangs up is part of the tests
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request):
        path = request.path.partition("?")[0]
        kind, _, name = path[1:].partition("/")
        body = self.photos.get(f"/{name}", self.photos.get(path, b""))
        headers = {"Content-Length": str(len(body))}
        status = 200
        given = request.headers.get("Range")
        if kind == "redirect":
            status, headers["Location"], body = 302, f"{self.origin}/{name}", b""
            headers["Content-Length"] = "0"
        elif kind == "500":
            status = 500
        elif kind == "slow":
            time.sleep(3)
        elif kind == "gzip":
            headers["Content-Encoding"] = "gzip"
        elif kind == "short":
            headers["Content-Length"] = str(len(body) + 100)
            headers["Connection"] = "close"
        elif kind == "endless":
            body, headers = bytes(11_000_000), {"Content-Length": "11000000"}
        elif given and kind != "whole":
            first, last = map(int, given.removeprefix("bytes=").split("-"))
            status = 206
            shift = 1 if kind == "shifted" else 0
            headers["Content-Range"] = f"bytes {first + shift}-{last + shift}/{len(body)}"
            body = body[first : last + 1]
            headers["Content-Length"] = str(len(body))
        request.send_response(status)
        for header, value in headers.items():
            request.send_header(header, value)
        request.end_headers()
        if kind == "drip":
            for byte in body:
                request.wfile.write(bytes([byte]))
                request.wfile.flush()
                time.sleep(0.05)
        else:
            request.wfile.write(body)
        if kind == "short":
            request.close_connection = True


@contextmanager
def serving(photos):
    served = PhotoServer(photos)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()
