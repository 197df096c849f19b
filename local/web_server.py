"""A waitress server on the loopback address, in a thread, that stops when told."""

import socket
from threading import Event, Thread
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

THREADS = 16
#: The largest upload; a grant may allow less. Larger bodies are refused before they are read.
REQUEST_BYTES = 1024 * 1024 * 1024
#: A page keeps six open, and many users many pages; one more than this would wait without a word.
CONNECTIONS = 2000
LOOP_S = 0.5
LOOPBACK = "127.0.0.1"


class WebServer:
    def __init__(self, app: Any, *, host: str = LOOPBACK, port: int = 0) -> None:
        """Bind now, serve after `start`. Raises ValueError for an address others can reach, OSError if it is taken."""
        if host != LOOPBACK:
            raise ValueError(f"{host} can be reached by others; only {LOOPBACK} is served")
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._sockets,
            sockets=[socket.create_server((host, port))],  # waitress would leave its own open when the port is taken
            threads=THREADS,
            ident=None,
            connection_limit=CONNECTIONS,
            max_request_body_size=REQUEST_BYTES,
            channel_timeout=60,
            clear_untrusted_proxy_headers=True,
        )
        self._stopping = Event()
        self._thread = Thread(target=self._serve, name="gateway", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.effective_port)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests; those being answered are cut off. Safe to call twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            self._server.pull_trigger()
            self._thread.join()
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._sockets)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            # poll, where there is one: select knows no file beyond the 1,024th
            wasyncore.loop(timeout=LOOP_S, use_poll=True, map=self._sockets, count=1)
