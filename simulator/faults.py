"""What goes wrong, and at which call: asked for by a test, the same every time."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

KINDS = ("any", "recs", "like", "pass", "super", "matches", "profile", "meta", "photo")
BODIES = ("truncated", "short", "html", "empty", "large", "redirect")


@dataclass
class Fault:
    """Happens at the calls of its kind (of one token, if given) after the first `skip`, `times` times."""

    kind: str = "any"
    token: str | None = None
    skip: int = 0
    times: int = 1
    status: int | None = None
    retry_after: str | None = None
    delay_s: float = 0
    """Passes after the call was counted and before it is answered."""
    body: str | None = None
    """`truncated` JSON or photo; `short`er than its length says; `html`; `empty`; a photo too `large`; `redirect`."""
    reset: str | None = None
    """The connection ends `before` the call is counted, or `after` that, without an answer."""
    counted: bool | None = None
    """Whether a like or pass counts all the same; by default it does unless `status` is an error."""
    match: bool | str | None = None
    """A like's answer says `true`, `false` or `object`."""
    out_of_likes: bool = False
    nothing_left: str | None = None
    """Which of `answers.NOTHING_LEFT`."""
    limit_card: bool = False
    doubled: bool = False
    advert: bool = False
    set: dict[str, Any] = field(default_factory=dict)
    """Top-level fields of the answer to set, and (`drop`) to leave out."""
    drop: list[str] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        return self.counted if self.counted is not None else self.status is None or self.status < 400


NO_FAULT = Fault(times=0)


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, asked: Mapping[str, Any]) -> None:
        """Raises ValueError naming what is not understood."""
        unknown = set(asked) - {known.name for known in fields(Fault)}
        if unknown or asked.get("kind", "any") not in KINDS or asked.get("body") not in (None, *BODIES):
            raise ValueError(
                f"a fault has kind (one of {', '.join(KINDS)}) and body ({', '.join(BODIES)}); not {asked}"
            )
        with self._lock:
            self._faults.append(Fault(**asked))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, kind: str, token: str | None) -> Fault:
        """The fault that this call meets; NO_FAULT for none."""
        with self._lock:
            for fault in self._faults:
                if fault.kind in ("any", kind) and fault.token in (None, token) and fault.times > 0:
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return NO_FAULT
