"""Which links may be fetched at all, and which network addresses are on the public internet. Connects to nothing.

One strict grammar reads a link; whatever another parser might read differently is refused before any name is looked
up: user parts, escapes in the host, numbers that are addresses in disguise, letters beyond ASCII, dots at the end.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from swipr.errors import InputError

Address = IPv4Address | IPv6Address
MAX_LENGTH = 8_192
PORTS = {"http": 80, "https": 443}
_LINK = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:\[(?P<six>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9.-]{1,253}))"
    r"(?::(?P<port>80|443))?"
    r"(?P<target>(?:[/?][!\"$-\[\]-~]*)?)"  # visible ASCII without the backslash, which browsers read as a slash
    r"(?:#[!-\[\]-~]*)?",  # for the browser alone
    re.IGNORECASE,
)
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
#: Names that mean a machine or a network of one's own, whatever a resolver says.
_OWN = frozenset({"arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localhost", "test"})

# Beyond what `is_global` knows in the oldest Python we run on.
_NEVER_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # looks public, but is the host of each machine at one provider
    )
)  # fmt: skip
_UNICAST_6 = IPv6Network("2000::/3")
_NEVER_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocols, Teredo and benchmarks among them
        "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20",
    )
)  # fmt: skip
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


class Link(NamedTuple):
    """A link taken apart. `target` is path and query; `literal` is the host if it is an address itself."""

    scheme: str
    host: str
    port: int
    target: str
    literal: Address | None

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str) -> Link:
    """Take a link apart. Raises InputError for `url`, never repeating it, unless it is plain http or https."""
    found = _LINK.fullmatch(url) if len(url) <= MAX_LENGTH else None
    if found is None or not url.isascii():
        raise InputError(
            "url",
            "is no link that is fetched: send http:// or https://, a host name and a path in plain ASCII, without "
            "user name, spaces or backslashes, on port 80 or 443",
        )
    scheme = found["scheme"].lower()
    target = found["target"]
    literal, host = _host(found["six"], (found["name"] or "").lower())
    port = int(found["port"] or PORTS[scheme])
    return Link(scheme, host, port, target if target.startswith("/") else f"/{target}", literal)


def _host(six: str | None, name: str) -> tuple[Address | None, str]:
    try:
        if six is not None:
            return IPv6Address(six), str(IPv6Address(six))
        if name[-1].isdigit():
            return IPv4Address(name), name  # four decimal numbers and nothing else: no octal, hex or short form
    except AddressValueError:
        raise InputError("url", "has a host that is neither a name nor a plain address: send its name") from None
    if not _NAME.fullmatch(name) or name.rpartition(".")[2] in _OWN:
        raise InputError("url", "has a host that is no name on the public internet: send a link with a full host name")
    return None, name


def is_public(address: Address) -> bool:
    """Whether this is one machine on the public internet, and not one reached through another address inside it."""
    if isinstance(address, IPv4Address):
        return address.is_global and not _special(address) and not any(address in never for never in _NEVER_4)
    if address in _NAT64:  # how networks without IPv4 reach all of it
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _UNICAST_6 or any(address in never for never in _NEVER_6):
        return False
    return address.is_global and not _special(address) and int(address) >> 32 & 0xFFFF_FFFF not in _ISATAP


def _special(address: Address) -> bool:
    return (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
