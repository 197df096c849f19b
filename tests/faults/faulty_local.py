"""The local adapters over a disk that fails: the database file and the objects' folder."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.database import Database, DatabaseError
from tests.faults.dice import Dice

#: `before`: nothing happened. `undone`: the commit failed. `unheard`: it is stored, and nobody was told.
WRITES = ("before", "undone", "unheard")
READS = ("before",)


class FaultyDatabase(Database):
    """Fails below the adapters, which have to translate it and to leave nothing half done."""

    def __init__(self, path: Path, dice: Dice) -> None:
        self._dice, on = dice, dice.on
        dice.on = False
        super().__init__(path)
        dice.on = on

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        kind = self._dice.draw(WRITES)
        if kind == "before":
            raise DatabaseError("database is locked")
        with super().transaction() as connection:
            yield connection
            if kind == "undone":
                raise sqlite3.OperationalError("disk I/O error")
        if kind == "unheard":
            raise DatabaseError("disk I/O error")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        if self._dice.draw(READS):
            raise DatabaseError("disk I/O error")
        with super().reading() as connection:
            yield connection


class Faulty:
    """A part whose calls fail with OSError, before or after they have happened."""

    def __init__(self, part: Any, dice: Dice) -> None:
        self._part, self._dice = part, dice

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        return self._failing(value) if callable(value) and not name.startswith("_") else value

    def _failing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            kind = self._dice.draw(("before", "unheard"))
            if kind == "before":
                raise OSError("no space left on device")
            answer = call(*args, **named)
            if kind == "unheard":
                raise OSError("input/output error")
            return answer

        return called
