"""Sessions over the adapters of AWS: never twice and never over budget, wherever a session dies."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from swipr.models import BlobRange
from tests.aws_stack import AwsStack, build_stack
from tests.install import USER, Install
from tests.moto_world import moto_world

_numbers = itertools.count()


class AwsInstall(Install):
    """Each in a stack of its own."""

    def open(self, folder: Path) -> None:
        self.world: AwsStack = build_stack(f"install-{next(_numbers)}")
        self.store, self.blobs, self.secrets = self.world.store, self.world.blobs, self.world.secrets

    def range_of(self, url: str, first: int, last: int) -> BlobRange:
        address = urlsplit(url)
        assert address.netloc.startswith(self.world.settings.bucket)
        return BlobRange(key=address.path.removeprefix("/"), first=first, last=last)


@pytest.fixture
def aws() -> Iterator[None]:
    with moto_world():
        yield


def installed(seed: int) -> AwsInstall:
    install = AwsInstall(Path(), seed)
    install.superlike_too()
    install.tick()
    return install


@pytest.mark.parametrize("seed", range(4))
def test_a_deck_is_swiped_to_rest(aws: None, seed: int) -> None:
    install = AwsInstall(Path(), seed)
    install.superlike_too()

    install.run_to_rest()

    install.check_promises()
    install.check_matches()
    assert install.deck.swipes() > 0


def test_a_session_delivered_again_does_nothing_more(aws: None) -> None:
    install = installed(2)
    session = install.queued.pop()
    assert install.deliver(session)
    swipes, user = install.deck.swipes(), install.store.user(USER)

    assert install.deliver(session)

    assert install.deck.swipes() == swipes > 0
    assert install.store.user(USER) == user


def test_what_a_session_queues_can_be_read_again(aws: None) -> None:
    install = installed(1)
    install.world.queue.send_session(install.queued[0])

    (body,) = install.world.messages("SwipeSessions")

    assert type(install.queued[0]).model_validate_json(body) == install.queued[0]
