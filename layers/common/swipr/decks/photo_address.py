"""Which photo addresses a deck may fetch: its own hosts over https, or exactly the simulator it talks to."""

import re
from collections.abc import Sequence

# So strict that every parser reads such an address the same way: no user part, port, backslash, space or escape.
_HTTPS = re.compile(r"https://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::443)?(/[!-\[\]-~]*)?")
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")


def checked_origin(api: str) -> str:
    """`api` without a trailing slash. Raises ValueError unless it is https, or http on this machine itself."""
    origin = api.rstrip("/")
    https = _HTTPS.fullmatch(origin)
    if _LOOPBACK.fullmatch(origin) or (https and https[2] is None):
        return origin
    raise ValueError("a deck's address must be https://host, or http:// on 127.0.0.1")


def is_allowed(url: str, *, api: str, suffixes: Sequence[str]) -> bool:
    """`suffixes` such as `.example.com` allow that host and all below it."""
    if _LOOPBACK.fullmatch(api):
        return url.startswith(f"{api}/") and re.fullmatch(r"[!-\[\]-~]+", url[len(api) :]) is not None
    https = _HTTPS.fullmatch(url)
    return https is not None and any(f".{https[1]}".endswith(f".{suffix.lstrip('.')}") for suffix in suffixes if suffix)
