"""Installs for the tests of sessions."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.install import USER, Install

if TYPE_CHECKING:
    from tests.api_home import Caller


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


@pytest.fixture
def call(install: Callable[..., Install], tmp_path: Path) -> "Iterator[Caller]":
    """The API as a user with a deck of three cards: one to like, one to pass, one to ask about."""
    from tests.api_home import api_over, three_cards  # few of the tests here need the API

    with api_over(install(1, cards=three_cards(), budget=9), USER, tmp_path) as caller:
        yield caller
