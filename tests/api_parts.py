"""The API's parts over an install, for tests that call its functions without HTTP."""

from typing import Any

from swipr.api.parts import Api
from tests.install import Install


def api_of(home: Install, queue: Any, **changes: Any) -> Api:
    """`now` is the install's own clock; random numbers are zeros."""
    parts = home.parts()

    def no_link(url: str) -> bytes:
        raise AssertionError("no link is fetched here")

    known = {
        "store": home.store,
        "blobs": home.blobs,
        "queue": queue,
        "secrets": home.secrets,
        "judge": parts.judge,
        "decks": ("fake",),
        "tokenless": frozenset(),
        "against_terms": frozenset(),
        "deck_of": parts.deck_of,
        "fetch_link": no_link,
        "now": home.clock.now,
        "token": lambda count: "0" * 2 * count,
        "pick": lambda count: 0,
    }
    return Api(**(known | changes))
