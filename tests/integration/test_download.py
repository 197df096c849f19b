"""A pinned file comes whole and right, or not at all."""

import hashlib
import time

import pytest

from local.download import DownloadError, Patience, Pinned, fetch
from tests import file_server
from tests.file_server import Slow, serving

BODY = bytes(range(256)) * 2000
SHORT = Patience(answer_s=0.6, silence_s=0.6, whole_s=1.5)


def pinned(url):
    return Pinned(url, len(BODY), hashlib.sha256(BODY).hexdigest())


def test_a_whole_file_comes_and_its_progress_is_told():
    told = []
    with serving(file_server.whole, BODY) as (url, _):
        body = fetch(pinned(url), progress=told.append, patience=SHORT)

    assert body == BODY
    assert told == sorted(told)
    assert told[-1] == len(BODY)


@pytest.mark.parametrize(
    ("serve", "why"),
    [
        (file_server.cut, "broke off after"),
        (file_server.cut_unannounced, "broke off after"),
        (file_server.wrong, "sha256 differs"),
        (file_server.too_long, "offers 512001 bytes"),
        (file_server.endless, "sends more than"),
        (file_server.missing, "answers 404"),
        (file_server.nonsense, "no connection"),
    ],
)
def test_a_server_that_gives_something_else_is_refused(serve, why):
    with serving(serve, BODY) as (url, _), pytest.raises(DownloadError, match=why):
        fetch(pinned(url), patience=SHORT)


def test_a_redirect_is_not_followed():
    with serving(file_server.moved, BODY) as (url, asked):
        with pytest.raises(DownloadError, match="points elsewhere"):
            fetch(pinned(url), patience=SHORT)

        assert asked == ["/file.tflite"]


@pytest.mark.parametrize(
    ("kind", "why"), [("silent", "no answer within"), ("stalled", "broke off"), ("dripping", "too slow")]
)
def test_a_slow_server_is_given_up_in_time(kind, why):
    slow = Slow()
    began = time.monotonic()
    with serving(getattr(slow, kind), BODY) as (url, _):
        with pytest.raises(DownloadError, match=why):
            fetch(pinned(url), patience=SHORT)
        took_s = time.monotonic() - began
        slow.over.set()

    assert took_s < 5


def test_a_name_nobody_has_is_no_connection():
    with pytest.raises(DownloadError, match=r"no connection|no answer"):
        fetch(pinned("http://nobody.invalid/file"), patience=SHORT)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "nonsense", "https://"])
def test_only_http_addresses_are_asked(url):
    with pytest.raises(DownloadError, match=r"no http\(s\) address"):
        fetch(pinned(url), patience=SHORT)
