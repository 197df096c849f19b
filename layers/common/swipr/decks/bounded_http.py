"""HTTP calls that end by a deadline, never follow a redirect, and say whether anything was sent.

Time-outs of sockets count each read anew, so a server that drips one byte at a time could hold a call for ever. Here a
timer shuts the socket at the deadline. Only the resolver may take longer; nothing is sent after the deadline either.
"""

import threading
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import NamedTuple

import requests
import urllib3

from swipr.decks.bounded_connections import CONNECT_TIMEOUT_S, BoundedAdapter, BoundedCall, current

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


class _Session(requests.Session):
    """Knows no redirects: asked not to follow one, the library still reads all of its body, of whatever size."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  the library's name
        return None


class BoundedHttp:
    """Calls over kept connections. Proxies, cookies and credentials of the surroundings play no part."""

    def __init__(self) -> None:
        self._session = _Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, BoundedAdapter())

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
        call = current.call = BoundedCall(timeout_s)
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
            timed_out = call.over or call.left_s <= 0 or isinstance(error, requests.Timeout)
            what = "timed out" if timed_out else "connection failed"
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
