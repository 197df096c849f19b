"""Installs for the tests of sessions."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.install import Install


@pytest.fixture
def install() -> Iterator[Callable[..., Install]]:
    """Installs in memory where there is such a folder: processes die here, machines do not."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    opened: list[Install] = []
    with tempfile.TemporaryDirectory(dir=memory) as folder:

        def make(seed: int, **options: Any) -> Install:
            opened.append(Install(Path(folder, str(len(opened))), seed, **options))
            return opened[-1]

        yield make
        for each in opened:
            each.database.close()
