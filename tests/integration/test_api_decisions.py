"""Filters, cursors and bounds of the list of decisions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from swipr.api import decisions as api_decisions
from swipr.api.decisions import SCAN_PAGES, SCAN_SIZE, DecisionQuery
from swipr.api.parts import Api
from swipr.errors import InputError
from swipr.models import Decision
from tests.api_home import Asked, Caller, swipe
from tests.api_parts import api_of
from tests.contract.values import a_decision
from tests.install import USER, Install

Make = Callable[..., Install]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"verdict": "like"}, {"fake:0"}),
        ({"verdict": "pass", "filtered": "false"}, {"fake:1"}),
        ({"state": "unsure"}, {"fake:2"}),
        ({"matched": "true"}, set()),
        ({"matched": "false"}, {"fake:0", "fake:1", "fake:2"}),
        ({"labelled": "true"}, {"fake:0"}),
        ({"labelled": "false"}, {"fake:1", "fake:2"}),
        ({"filtered": "true"}, set()),
        ({"session_id": "another"}, set()),
        ({"anything": "else"}, {"fake:0", "fake:1", "fake:2"}),
    ],
)
def test_a_filter_leaves_what_fits(call: Caller, query: dict[str, str], found: set[str]) -> None:
    swipe(call.install)
    call("POST", "/v1/decisions/fake:0/label", {"choice": "like"})

    page = call("GET", "/v1/decisions", query=query).body

    assert {decision["card_id"] for decision in page["decisions"]} == found
    assert page["next"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("verdict", "love"), ("state", ""), ("filtered", "1"), ("matched", "True"), ("limit", "1_0"), ("limit", " 1")],
)
def test_a_filter_that_means_nothing_is_refused(call: Caller, name: str, value: str) -> None:
    refused = call("GET", "/v1/decisions", query={name: value})

    assert (refused.status, refused.body["field"]) == (400, name)


def test_one_decision_is_read_as_in_the_list(call: Caller) -> None:
    swipe(call.install)
    listed = call("GET", "/v1/decisions").body["decisions"]

    assert [call("GET", f"/v1/decisions/{one['card_id']}").body for one in listed] == listed


def test_a_photo_whose_object_is_gone_is_a_404_that_names_no_object(call: Caller) -> None:
    swipe(call.install)
    call.install.blobs.delete([key for key in call.install.blobs.keys("sessions/") if key.endswith(".zip")])

    gone = call("GET", "/v1/decisions/fake:0/photos/0")

    assert (gone.status, gone.body["detail"]) == (404, "no such photo, or it has expired")


# --- over many ------------------------------------------------------------------------------------------


def stored(home: Install, count: int) -> list[str]:
    """Decisions, newest first; every hundredth is a like."""
    user = home.store.user(USER)
    assert user is not None
    for number in range(count):
        at = home.clock.at - timedelta(seconds=number)
        verdict = "like" if number % 100 == 99 else "pass"
        decision = a_decision(
            f"fake:{number}", user_id=USER, verdict=verdict, decided_at=at, expires_at=at.replace(year=2100)
        )
        assert home.store.record_decision(decision, fence=user.fence)
    return [f"fake:{number}" for number in range(count)]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Api:
    home = Install(tmp_path_factory.mktemp("many") / "install", 1, cards=[])
    stored(home, 2 * SCAN_PAGES * SCAN_SIZE + 50)
    return api_of(home, Asked())


def everything(api: Api, query: DecisionQuery) -> tuple[list[str], int]:
    """The ids of all pages, and how many pages there were."""
    found, pages = [], 0
    while True:
        page = api_decisions.page(api, USER, query)
        found += [decision.card_id for decision in page.decisions]
        pages += 1
        if page.next is None:
            return found, pages
        query = query.model_copy(update={"cursor": page.next})


def test_pages_hold_each_decision_once(many: Api) -> None:
    found, pages = everything(many, DecisionQuery(limit=100))

    assert found == [f"fake:{number}" for number in range(2050)]
    assert pages == 21


def test_a_filtered_list_goes_on_until_all_has_been_seen(many: Api) -> None:
    found, _ = everything(many, DecisionQuery(limit=7, verdict="like"))

    assert found == [f"fake:{number}" for number in range(99, 2050, 100)]


def test_one_call_looks_at_a_thousand_decisions_at_most(many: Api) -> None:
    seen: list[Decision] = []

    class Watching:
        def __getattr__(self, name: str) -> object:
            return getattr(many.store, name)

        def decisions(self, *args: object, **options: object) -> object:
            page = many.store.decisions(*args, **options)  # type: ignore[arg-type]
            seen.extend(page)
            return page

    page = api_decisions.page(replace(many, store=Watching()), USER, DecisionQuery(matched=True))  # type: ignore[arg-type]

    assert page.decisions == ()
    assert page.next is not None
    assert len(seen) == SCAN_PAGES * SCAN_SIZE
    assert everything(many, DecisionQuery(matched=True)) == ([], 3)


def test_a_cursor_is_good_for_its_own_filter_and_list_only(many: Api) -> None:
    cursor = api_decisions.page(many, USER, DecisionQuery(limit=5, verdict="pass")).next

    with pytest.raises(InputError, match="cursor"):
        api_decisions.page(many, USER, DecisionQuery(limit=5, verdict="like", cursor=cursor))
    assert api_decisions.page(many, USER, DecisionQuery(limit=50, verdict="pass", cursor=cursor)).decisions


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1], lambda text: text + "0", lambda text: "é" + text, str.upper]
)
def test_a_changed_cursor_is_refused(many: Api, change: Callable[[str], str]) -> None:
    cursor = api_decisions.page(many, USER, DecisionQuery(limit=5)).next
    assert cursor is not None

    with pytest.raises(InputError, match="cursor"):
        api_decisions.page(many, USER, DecisionQuery(cursor=change(cursor)))
