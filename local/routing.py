"""Which route a request takes: the most specific one, as an HTTP API chooses."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from local.application import Route


class Routed(NamedTuple):
    route: Route
    path_parameters: dict[str, str]


class Routes:
    def __init__(self, routes: Sequence[Route]) -> None:
        ranked = sorted(routes, key=_rank)
        self._routes = [(route, _pattern(route.path)) for route in ranked]

    def match(self, method: str, path: str) -> Routed | None:
        """`path` is decoded. A greedy parameter takes one character at least."""
        for route, pattern in self._routes:
            found = pattern.fullmatch(path)
            if found and route.method in (method, "ANY"):
                return Routed(route, found.groupdict())
        return None


def _rank(route: Route) -> tuple[bool, int, int, bool]:
    """Fixed paths first, then few parameters, greedy ones last; of equal paths the one that names the method."""
    fixed = len(re.sub(r"\{[^}]*\}", "", route.path))
    return "+}" in route.path, route.path.count("{"), -fixed, route.method == "ANY"


def _pattern(path: str) -> re.Pattern[str]:
    def part(text: str) -> str:
        if not text.startswith("{"):
            return re.escape(text)
        name = text.strip("{}+")
        return f"(?P<{name}>.+)" if text.endswith("+}") else f"(?P<{name}>[^/]+)"

    return re.compile("".join(part(text) for text in re.split(r"(\{[^}]*\})", path)), re.DOTALL)
