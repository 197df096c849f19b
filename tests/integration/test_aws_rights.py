"""Each function may do what it does, by the policies of template.yaml, and no table is open to it beyond that."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from swipr.errors import ConflictError, NotFoundError
from swipr.forgetting import OF_USERS
from swipr.roles import roles_of
from swipr.swiping import tick
from tests.aws_rights import only_rights_of, watched
from tests.aws_stack import AwsStack
from tests.contract.test_store_broken import OPERATIONS
from tests.contract.test_store_deletion import fill
from tests.contract.values import NOW, a_status, a_user, later
from tests.install import USER
from tests.integration.test_aws_session import AwsInstall
from tests.moto_world import moto_world
from tests.tuned_users import CHAMPIONS, SHADOWS, Watched, run_with, serve, version

#: What the program calls of the store, by the function that does; found by reading it from `bootstrap` on.
BOTH = {
    "user", "switch", "set_acting", "save_settings", "connect_deck", "forget_deck", "set_champion", "wake",
    "decision", "decisions", "label", "labels", "model", "models", "match", "matches", "put_label", "note_outcome",
    "delete_records",
}  # fmt: skip
FUNCTIONS = {
    "Api": BOTH | {
        "create_user", "delete_user", "acted", "delete_label", "forget_card", "delete_match", "begin_request",
        "finish_request",
    },
    "Feedback": BOTH | {
        "set_handoff", "label_features", "put_model", "put_match", "restore_decision", "refresh_label", "set_shadow",
        "note_logits", "acted",
    },
}  # fmt: skip


#: Rights needed where a held card's decision has expired, and where a restored decision is not final.
BY_CHANCE = {
    "Api": {("dynamodb:ConditionCheckItem", "arn:aws:none:::Decisions")},
    "Feedback": {("dynamodb:ConditionCheckItem", "arn:aws:none:::Acted")},
}


@pytest.fixture
def aws() -> Iterator[AwsStack]:
    with moto_world() as world, watched():
        yield world


def unused(granted: set[tuple[str, str]], used: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {grant for grant in granted - used if grant[0].startswith("dynamodb:")}


def prepared(aws: AwsStack, *, filled: bool) -> None:
    """Ann, with one of everything or with nothing, and off."""
    if aws.store.user("ann"):
        aws.store.switch("ann", enabled=False, at=NOW, status=a_status())
    assert aws.store.delete_user("ann", at=later(3600))
    aws.store.delete_records("ann")
    if filled:
        fill(aws.store, "ann")
    else:
        aws.store.create_user(a_user(enabled=False, next_due_at=None))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_all_it_does_and_has_no_right_to_a_table_beyond(aws: AwsStack, function: str) -> None:
    used: set[tuple[str, str]] = set()
    for operation in sorted(FUNCTIONS[function]):
        for filled in (False, True):
            prepared(aws, filled=filled)
            with only_rights_of(aws, function) as rights, suppress(NotFoundError, ConflictError):
                OPERATIONS[operation](aws.store)
            used |= rights.used

    assert unused(rights.granted, used) <= BY_CHANCE[function]


def test_a_tick_may_do_all_it_does_and_no_more(aws: AwsStack) -> None:
    aws.store.create_user(a_user())

    with only_rights_of(aws, "SwipeTick") as rights:
        assert tick(aws.store, aws.queue, at=NOW) == 1

    assert unused(rights.granted, rights.used) == set()
    assert ("sqs:SendMessage", "arn:aws:none:::SwipeSessions") in rights.used


@pytest.mark.parametrize("seed", range(4))
def test_a_session_may_do_all_it_does(aws: AwsStack, seed: int) -> None:
    install = AwsInstall(Path(), seed)
    install.superlike_too()
    install.tick()

    with only_rights_of(install.world, "SwipeSession") as rights:
        assert install.deliver(install.queued.pop())

    assert {"s3:PutObject", "dynamodb:ConditionCheckItem", "kms:Decrypt"} <= {action for action, _ in rights.used}


def test_a_session_may_have_tuned_networks_read(aws: AwsStack) -> None:
    install = AwsInstall(Path(), 1)
    serve(install, version(2, CHAMPIONS), version(3, SHADOWS))
    install.tick()

    with only_rights_of(install.world, "SwipeSession") as rights:
        run_with(install, Watched(install, champions=lambda logit: logit, shadows=lambda logit: logit))

    assert [place for action, place in rights.used if action == "s3:GetObject" and place.endswith("/models/*")]
    assert install.deck.swipes() > 0


@pytest.mark.parametrize("function", ["Api", "Feedback"])
def test_a_label_may_be_judged_by_tuned_networks(aws: AwsStack, function: str) -> None:
    install = AwsInstall(Path(), 1)
    serve(install, version(2, CHAMPIONS))
    user = install.store.user(USER)
    assert user is not None

    with only_rights_of(install.world, function):
        roles = roles_of(user, install.store)
        roles.request([], install.blobs)

    assert roles.networks


@pytest.mark.parametrize("function", ["Api", "Feedback"])
def test_deleting_all_that_is_a_user_s_is_allowed_everywhere_it_lies(aws: AwsStack, function: str) -> None:
    places = [
        *(f"{top}/ann/x" for top in OF_USERS),
        "handoffs/h1.json",
        "handoffs/h1/labels.jsonl",
        "inbox/h1-r/head.bin",
    ]
    for key in places:
        aws.blobs.put(key, b"x")

    with only_rights_of(aws, function):
        found = [key for key in places if key in aws.blobs.keys(key.rpartition("/")[0] + "/")]
        aws.blobs.delete(found)

    assert found == places
    assert aws.blobs.keys("") == []


def test_the_api_may_read_what_it_asks_and_reports_by(aws: AwsStack) -> None:
    known = ("features/ann/evidence.json", "features/ann/x.bin", "labelled/ann/card/00.jpg", "sessions/ann/s.features")
    for key in known:
        aws.blobs.put(key, b"x")

    with only_rights_of(aws, "Api"):
        assert [aws.blobs.get(key) for key in known] == [b"x"] * 4
        assert aws.blobs.keys("labelled/ann/card/") == [known[2]]


def test_what_no_right_allows_is_told(aws: AwsStack) -> None:
    aws.store.create_user(a_user(enabled=False))

    with only_rights_of(aws, "SwipeTick"), pytest.raises(AssertionError, match="may not dynamodb:DeleteItem"):
        aws.store.delete_user("ann", at=NOW)
    with only_rights_of(aws, "SwipeSession"), pytest.raises(AssertionError, match="may not s3:ListBucket"):
        aws.blobs.keys("labels/")
