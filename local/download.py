"""One file over HTTP whose length and hash are known before: whole and right, or not at all.

Nothing touches the disk. Redirects are refused: what is pinned is served from where it is said to be.
"""

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from swipr.errors import SwiprError

_PIECE_BYTES = 65_536


class DownloadError(SwiprError):
    """The file did not come whole and right; the message says why, in plain words."""


@dataclass(frozen=True)
class Pinned:
    """A file that is the same for ever."""

    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Patience:
    """Seconds: until the first line of the answer, between two pieces, and for all of it."""

    answer_s: float = 10.0  # from looking up the name on
    silence_s: float = 10.0
    whole_s: float = 180.0  # 4 MB at 23 kB/s


def fetch(
    pinned: Pinned, *, progress: Callable[[int], None] = lambda _: None, patience: Patience = Patience()
) -> bytes:
    """The file's bytes; `progress` is told how many have come. Raises DownloadError."""
    if urlsplit(pinned.url).scheme not in ("https", "http") or not urlsplit(pinned.url).hostname:
        raise DownloadError(f"{pinned.url!r} is no http(s) address")
    ends_at = time.monotonic() + patience.whole_s
    with _Session() as session:
        response = _answer(session, pinned.url, patience)
        with response:
            _refuse_other(response, pinned)
            body = _read(response, pinned, progress, ends_at)
    if hashlib.sha256(body).hexdigest() != pinned.sha256:
        raise DownloadError("what came is not the pinned file: its sha256 differs")
    return body


class _Session(requests.Session):
    """Without a look at where a redirect points: requests would read its whole body for that, however large."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


def _answer(session: requests.Session, url: str, patience: Patience) -> requests.Response:
    """In a thread, since neither a name's look-up nor all of its addresses together obey a socket's time-out."""
    answers: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
    waiting = threading.Event()
    waiting.set()

    def ask() -> None:
        try:
            response = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(patience.answer_s, patience.silence_s),
                headers={"Accept-Encoding": "identity", "User-Agent": "swipr"},
            )
        except (requests.RequestException, OSError, ValueError) as error:
            answers.put(error)
            return
        if waiting.is_set():
            answers.put(response)
        else:
            response.close()

    threading.Thread(target=ask, name="download", daemon=True).start()
    try:
        answer = answers.get(timeout=patience.answer_s)
    except queue.Empty:
        waiting.clear()
        raise DownloadError(f"no answer within {patience.answer_s:g} s") from None
    if isinstance(answer, requests.ReadTimeout):
        raise DownloadError(f"no answer within {patience.answer_s:g} s")
    if isinstance(answer, Exception):
        raise DownloadError(f"no connection ({type(answer).__name__})") from None
    return answer


def _refuse_other(response: requests.Response, pinned: Pinned) -> None:
    if response.is_redirect or 300 <= response.status_code < 400:
        raise DownloadError("the server points elsewhere, which is not followed")
    if response.status_code != 200:
        raise DownloadError(f"the server answers {response.status_code}")
    length = response.headers.get("Content-Length")
    if length is not None and length != str(pinned.size):
        raise DownloadError(f"the server offers {length[:20]} bytes, the file has {pinned.size}")


def _read(response: requests.Response, pinned: Pinned, progress: Callable[[int], None], ends_at: float) -> bytes:
    body = bytearray()
    while len(body) <= pinned.size:
        try:
            piece = response.raw.read1(_PIECE_BYTES)  # returns with what one read of the socket brought
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise DownloadError(f"it broke off after {len(body)} of {pinned.size} bytes") from error
        if not piece:
            break
        body += piece
        progress(len(body))
        if time.monotonic() > ends_at:
            raise DownloadError(f"too slow: {len(body)} of {pinned.size} bytes came in time")
    if len(body) > pinned.size:
        raise DownloadError(f"the server sends more than the file's {pinned.size} bytes")
    if len(body) < pinned.size:
        raise DownloadError(f"it broke off after {len(body)} of {pinned.size} bytes")
    return bytes(body)
