"""How far a run is: a line on the screen, or a line of JSON in the file that whoever started it looks at."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Tell = Callable[[str, float], None]
"""What is going on, and how much of all is done, 0 to 1."""
#: Names the file.
PROGRESS = "SWIPR_TRAIN_PROGRESS"
_EVERY_S = 0.5


def teller(environment: Mapping[str, str]) -> Tell:
    path = environment.get(PROGRESS)
    said_at, said = 0.0, ""

    def tell(what: str, share: float) -> None:
        nonlocal said_at, said
        now = time.monotonic()
        if now - said_at < _EVERY_S and share < 1 and what == said:
            return
        said_at, said = now, what
        if path:
            write(Path(path), {"what": what, "share": round(share, 4)})
        elif sys.stderr.isatty() or share >= 1:
            print(f"\r{share:5.0%} {what:40}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)

    return tell


def result(environment: Mapping[str, str], line: dict[str, Any]) -> None:
    """What the run gave, as the last line, for whoever looks at the file."""
    if path := environment.get(PROGRESS):
        write(Path(path), {"what": "done", "share": 1.0, "result": line})


def write(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Whole lines, oldest first."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:  # being written just now
            continue
    return found
