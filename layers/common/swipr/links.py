"""Fetch what a user's link points to, and nothing that only this machine or its network can reach.

Each hop is resolved once, every address of it checked, and the connection made to the very address that was checked,
with TLS for the name. No cookies, credentials, proxies or referrer; nothing of the link in an error.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPException
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import urljoin

from swipr import link_call
from swipr.addresses import Address, Link, is_public, parse
from swipr.errors import InputError
from swipr.link_call import refuse

DEADLINE_S = 10.0  # for all of it: names, redirects and body
MAX_REDIRECTS = 3
_CONNECT_S = 4.0  # an address; the next one may answer
_ADDRESSES = 4

Resolve = Callable[[str], Sequence[str]]
"""All addresses of a name, as text. Raises OSError."""
Connect = Callable[[str, int, float], socket.socket]
"""A connection to an address and port within so many seconds. Raises OSError."""
Trust = Callable[[], ssl.SSLContext]
"""Which authorities a server's certificate may be of."""


def fetch_link(
    url: str,
    *,
    resolve: Resolve = link_call.resolve_name,
    connect: Connect = link_call.connect_to,
    trust: Trust = link_call.trusted,
    deadline_s: float = DEADLINE_S,
) -> bytes:
    """The body at a link, at most 10 MB, within `deadline_s` seconds and over at most 3 redirects.

    Raises InputError for `url` with what to do; the message holds nothing of the link.
    """
    fetcher = _Fetcher(resolve, connect, trust, time.monotonic() + deadline_s)
    link = parse(url)
    for _ in range(MAX_REDIRECTS + 1):
        found = fetcher.get(link)
        if isinstance(found, bytes):
            return found
        link = _onward(link, found)
    raise InputError("url", f"leads over more than {MAX_REDIRECTS} redirects: send the address where they end")


def _onward(link: Link, location: str) -> Link:
    """Where a redirect leads, read by the same parser. Raises InputError."""
    if not location or not all("!" <= character <= "~" for character in location):
        refuse("leads to an address that cannot be read: send another link")
    try:
        onward = parse(urljoin(f"{link.scheme}://{link.authority}{link.target}", location))
    except ValueError:
        refuse("leads to an address that cannot be read: send another link")
    if (link.scheme, onward.scheme) == ("https", "http"):
        refuse("leads from https to http, which is not followed: send a link that stays on https")
    return onward


class _Fetcher:
    """One link's way over its hops, under one deadline."""

    def __init__(self, resolve: Resolve, connect: Connect, trust: Trust, ends_at: float) -> None:
        self._resolve = resolve
        self._connect = connect
        self._trust = trust
        self._ends_at = ends_at

    def get(self, link: Link) -> bytes | str:
        """The body, or where the answer redirects to. Raises InputError."""
        addresses = self._checked(link)
        try:
            with closing(self._opened(link, addresses)) as opened:
                return link_call.answer(opened, link, self._left_s)
        except ssl.SSLCertVerificationError:
            refuse("has a server whose certificate is not valid for its name: send another link")
        except TimeoutError:
            refuse("did not arrive in time: try again, or upload the photo itself")
        except (OSError, HTTPException, ValueError):
            refuse("could not be fetched: check that it opens in a browser, or upload the photo itself")

    def _left_s(self) -> float:
        """Seconds until the deadline. Raises TimeoutError after it."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    # --- which addresses -------------------------------------------------------------------------

    def _checked(self, link: Link) -> list[str]:
        addresses = [link.literal] if link.literal is not None else self._resolved(link.host)
        if not addresses:
            refuse("has a host name that does not exist: check it")
        if not all(is_public(address) for address in addresses):
            refuse("leads to a machine that is not on the public internet: upload the photo itself")
        return [str(address) for address in addresses[:_ADDRESSES]]

    def _resolved(self, name: str) -> list[Address]:
        """In a thread of its own: the system's resolver takes no time-out."""
        answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(list(self._resolve(name)))
            except (OSError, UnicodeError):
                answers.put([])

        threading.Thread(target=look_up, daemon=True).start()
        try:
            return [_address(text) for text in answers.get(timeout=self._left_s())]
        except (queue.Empty, TimeoutError):
            refuse("has a host name that could not be looked up in time: try again")
        except AddressValueError:
            refuse("has a host name whose addresses cannot be read: send another link")

    # --- connection ------------------------------------------------------------------------------

    def _opened(self, link: Link, addresses: Sequence[str]) -> socket.socket:
        """Connected to one of exactly these addresses, the first that answers. Raises OSError."""
        problem: OSError = TimeoutError()
        for address in addresses:
            try:
                opened = self._connect(address, link.port, min(_CONNECT_S, self._left_s()))
            except OSError as error:
                problem = error
                continue
            secure = link.scheme == "https"
            return link_call.secured(opened, link.host, self._trust, self._left_s) if secure else opened
        raise problem


def _address(text: str) -> Address:
    return IPv6Address(text) if ":" in text else IPv4Address(text)
