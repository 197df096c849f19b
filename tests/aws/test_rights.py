"""Least privilege: each right of each role, taken away alone, stops a step of the journey."""

from collections.abc import Iterator

import pytest

from tests.aws import steps_answers, steps_api, steps_forgetting, steps_learning, steps_session, steps_uploads
from tests.aws.beyond import BEYOND, beyond, held, is_let_through
from tests.aws.deployment import Stack
from tests.aws.emulator import Emulator
from tests.aws.grants import Grant, also, grants, without
from tests.aws.quiet_home import QuietHome, quiet_home
from tests.aws.steps import Steps

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.timeout(1200)]

#: Which steps there are: importing them says so.
MODULES = (steps_answers, steps_api, steps_forgetting, steps_learning, steps_session, steps_uploads)
WITH_STEPS = ("SwipeTick", "SwipeSession", "Feedback", "Api")
ALL = (*WITH_STEPS, "Judge")


@pytest.fixture(scope="module")
def home(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuietHome]:
    with quiet_home(emulator, "rights", tmp_path_factory.mktemp("deck"), LogLevel="WARNING") as home:
        yield home


def of_the_program(stack: Stack, function: str) -> list[Grant]:
    return [grant for grant in grants(stack, function) if beyond(grant) is None]


@pytest.mark.parametrize("function", WITH_STEPS)
def test_each_right_of_a_function_is_needed_by_a_step(home: QuietHome, function: str) -> None:
    own = Steps(function, home)
    assert own.run_all() == {}, "with all its rights"

    unneeded, stuck = [], []
    for grant in of_the_program(home.stack, function):
        with without(home.stack, grant):
            stopped = own.stopped_by_lack_of(grant)
        if stopped is None:
            unneeded.append(str(grant))
        elif why := own.wrong_with(stopped):  # with the right put back, the very same step has to go
            stuck.append(f"{grant}: {stopped.name}: {why}")

    assert unneeded == []
    assert stuck == []


def test_a_right_that_nothing_needs_is_found(home: QuietHome) -> None:
    (queries,) = [grant for grant in grants(home.stack, "SwipeTick") if grant.action == "dynamodb:Query"]
    spare = queries._replace(action="dynamodb:Scan")

    with also(home.stack, spare):
        assert spare in grants(home.stack, "SwipeTick")
        with without(home.stack, spare):
            assert Steps("SwipeTick", home).stopped_by_lack_of(spare) is None


def test_the_judge_s_own_work_needs_no_right(home: QuietHome) -> None:
    assert of_the_program(home.stack, "Judge") == []


@pytest.mark.parametrize("function", ALL)
def test_what_only_aws_asks_for_is_spelled_as_it_is_asked(home: QuietHome, function: str) -> None:
    with held(home.stack, function) as credentials:
        for grant in grants(home.stack, function):
            entry = beyond(grant)
            if entry is None or entry.probe is None:
                continue
            assert is_let_through(grant, entry.probe, home.stack, credentials), str(grant)
            with without(home.stack, grant):
                assert not is_let_through(grant, entry.probe, home.stack, credentials), str(grant)


def test_each_right_that_only_aws_asks_for_is_one_of_some_function(home: QuietHome) -> None:
    found = {entry.pattern for function in ALL for grant in grants(home.stack, function) if (entry := beyond(grant))}

    assert found == {entry.pattern for entry in BEYOND}
