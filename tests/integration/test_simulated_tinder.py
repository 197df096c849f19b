"""TinderDeck against the simulator through each of the simulator's options and faults, each in one line of a table."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from simulator.answers import NOTHING_LEFT
from simulator.faults import BODIES, KINDS, Fault
from simulator.service import OPTIONS, RECS
from swipr.decks.tinder import TinderDeck
from swipr.errors import DeckRefusedError, DeckUnavailableError, PhotoError
from swipr.models import Answer, Card, DeckHealth, MatchList, Offer
from tests.deck_server import DeckServer


@pytest.fixture(scope="module")
def server():
    with DeckServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults_left(server):
    yield
    server.fault(clear=True)


class Case(NamedTuple):
    """A user with `options`, then a `fault`, then what is asked in order; `wanted` says in a word how each went."""

    name: str
    asks: tuple[str, ...]
    wanted: tuple[str, ...]
    options: Mapping[str, Any] = {}
    fault: Mapping[str, Any] = {}
    counters: Mapping[str, Any] = {}
    deck: Mapping[str, Any] = {}


LIKES_TEN = ("like",) * 10

OPTION_CASES = [
    Case("taste", ("cards",), ("10 cards",), {"taste": {"seed": 3}}),
    Case("likes_limit", ("like", "like", "like", "pass", "cards"),
         ("sent", "failed waits likes", "failed waits likes", "failed waits likes", "unavailable waits"),
         {"likes_limit": 1}, counters={"likes": 1, "calls": {"recs": 1, "like": 2}}),
    Case("likes_wait_s", ("like", "check"), ("failed waits likes", "works waits 0 left"),
         {"likes_limit": 0, "likes_wait_s": 60}),
    Case("super like when out of likes", ("like", "superlike", "matches"),
         ("failed waits likes", "sent", "all matches"), {"likes_limit": 0}, {"kind": "super", "match": False},
         {"likes": 1, "superlikes": 1}),
    Case("superlikes", ("superlike", "superlike", "superlike", "superlike"),
         ("sent", "sent", "failed superlikes", "failed superlikes"), {"superlikes": 2, "match": "object"}, {},
         {"superlikes": 2, "calls": {"recs": 1, "super": 3}}),
    Case("superlikes none", ("superlike", "like"), ("failed superlikes", "sent"), {"superlikes": 0}),
    Case("pass_status", ("pass",), ("sent",), {"pass_status": 204}, counters={"passes": 1}),
    Case("matches_per_page", (*LIKES_TEN, "matches"), (*["sent"] * 10, "all matches"), {"matches_per_page": 1}),
    Case("match", LIKES_TEN, ("sent",) * 10, {"match": "true"}),
    Case("need_platform", ("cards",), ("10 cards",), {"need_platform": True}),
    Case("need_platform not sent", ("cards",), ("unavailable",), {"need_platform": True}, deck={"platform": ""}),
    Case("nothing_left_s", ("cards",), ("0 cards waits",), {"cards": 0, "nothing_left_s": 60}),
    Case("recs v1", ("cards",), ("10 cards",), {"recs": ["v1"]}),
    Case("recs doubled", ("cards",), ("10 cards",), {"recs": ["doubled"]}),
    Case("recs advert", ("cards",), ("10 cards",), {"recs": ["advert"]}),
    Case("recs all but limits", ("cards",), ("10 cards",), {"recs": ["v1", "doubled", "advert"]}),
    Case("recs limit_card", ("cards", "like", "pass", "matches"),
         ("0 cards waits", "failed waits likes", "failed waits likes", "all matches"), {"recs": ["limit_card"]}),
    *[Case(f"nothing_left {form}", ("cards",), ("0 cards" if form not in ("timeout", "recs limited") else
           "0 cards waits",), {"cards": 0, "nothing_left": form}) for form in NOTHING_LEFT],
    *[Case(f"nothing_left {form} once", ("cards",), ("0 cards" if form not in ("timeout", "recs limited") else
           "0 cards waits",), fault={"kind": "recs", "nothing_left": form}) for form in NOTHING_LEFT],
]  # fmt: skip

READS = {"recs": "cards", "matches": "matches", "profile": "check"}
SWIPES = {"like": "like", "pass": "pass", "super": "superlike"}
CALLS = READS | SWIPES


def twice(first: str) -> tuple[str, ...]:
    """Asked again after a stop signal, with a swipe or a read besides: all end in the same words."""
    waits = " waits" if "waits" in first else ""
    read = "refused" if first.endswith("refused") or "ill refused" in first else "unavailable waits"
    return (first, first, f"failed{waits or ' refused'}", read)


def stop_case(kind: str, ask: str, status: int, **fault: Any) -> Case:
    waits = status == 429
    first = {"check": "ill waits" if waits else "ill refused"}.get(
        ask, ("unavailable waits" if waits else "refused") if kind in READS else
        ("failed waits" if waits else "failed refused")
    )  # fmt: skip
    name = f"{kind} status {status} {fault.get('retry_after', '')}".strip()
    calls = {"recs": 2} if kind == "recs" else {"recs": 1, kind: 1}
    asks = (ask, ask, "like", "cards")
    return Case(name, asks, twice(first), fault={"kind": kind, "status": status, **fault}, counters={"calls": calls})


def same_for_all(name: str, swipe: str, **fault: Any) -> list[Case]:
    """One fault at the first call of each kind, which a read gets over."""
    cases = []
    for kind, ask in CALLS.items():
        fine = {"cards": "10 cards", "matches": "all matches", "check": "works 100 left"}.get(ask, swipe)
        cases.append(Case(f"{kind} {name}", (ask,), (fine,), fault={"kind": kind, **fault}))
    return cases


QUICK = {"timeout_s": 0.7}
FAULT_CASES = [
    *[stop_case(kind, ask, status) for status in (401, 403, 429) for kind, ask in CALLS.items()],
    *[stop_case(kind, ask, 429, retry_after="120") for kind, ask in CALLS.items()],
    *[Case(f"{kind} status {status}", (ask,), (went,), fault={"kind": kind, "status": status})
      for status in (400, 404)
      for kind, ask, went in [("recs", "cards", "unavailable"), ("matches", "matches", "unavailable"),
                              ("profile", "check", "ill"), ("like", "like", "failed"), ("pass", "pass", "failed"),
                              ("super", "superlike", "failed")]],
    *same_for_all("status 500 once", "unknown", status=500),
    *same_for_all("body html", "unknown", body="html"),
    *same_for_all("body truncated", "unknown", body="truncated"),
    *same_for_all("body short", "unknown", body="short"),
    *same_for_all("reset before", "unknown", reset="before"),
    *same_for_all("reset after", "unknown", reset="after"),
    *[case._replace(deck=QUICK) for case in same_for_all("delay_s", "unknown", delay_s=1.4)],
    Case("skip and times", ("like", "like", "like", "like"), ("sent", "failed", "failed", "sent"),
         fault={"kind": "like", "status": 404, "skip": 1, "times": 2}),
    Case("any", ("cards",), ("refused",), fault={"kind": "any", "status": 403}),
    Case("recs body empty", ("cards",), ("0 cards",), fault={"kind": "recs", "body": "empty"}),
    Case("recs body redirect", ("cards",), ("unavailable",), fault={"kind": "recs", "body": "redirect"}),
    Case("like body redirect", ("like",), ("unknown",), fault={"kind": "like", "body": "redirect"}),
    Case("pass body empty", ("pass",), ("sent",), fault={"kind": "pass", "body": "empty"}, counters={"passes": 1}),
    Case("counted all the same", ("like",), ("unknown",), fault={"kind": "like", "status": 500, "counted": True},
         counters={"likes": 1, "calls": {"recs": 1, "like": 1}}),
    Case("not counted", ("like",), ("unknown",), fault={"kind": "like", "status": 500}, counters={"likes": 0}),
    Case("match object", ("like",), ("sent match",), fault={"kind": "like", "match": "object"}),
    Case("match true", ("superlike",), ("sent match",), fault={"kind": "super", "match": "true"}),
    Case("match false", ("like",), ("sent",), fault={"kind": "like", "match": False}),
    Case("out_of_likes", ("like", "like"), ("failed waits likes", "failed waits likes"),
         fault={"kind": "like", "out_of_likes": True}, counters={"likes": 0, "calls": {"recs": 1, "like": 1}}),
    Case("limit_card", ("cards", "like"), ("0 cards waits", "failed waits likes"),
         fault={"kind": "recs", "limit_card": True}),
    Case("doubled", ("cards",), ("10 cards",), fault={"kind": "recs", "doubled": True}),
    Case("advert", ("cards",), ("10 cards",), fault={"kind": "recs", "advert": True}),
    Case("set", ("like",), ("failed refused",), fault={"kind": "like", "set": {"status": 401}}),
    Case("drop", ("like",), ("sent",), fault={"kind": "like", "match": False, "drop": ["status", "likes_remaining"]}),
    Case("photo", ("photo",), ("a photo",)),
    *[Case(f"photo status {status}", ("photo", "photo"), ("no photo", "a photo"),
           fault={"kind": "photo", "status": status}) for status in (403, 404, 410, 500)],
    *[Case(f"photo body {body}", ("photo", "photo"), ("no photo", "a photo"), fault={"kind": "photo", "body": body})
      for body in ("short", "empty", "large", "redirect")],
    *[Case(f"photo body {body} is seen by the judge", ("photo",), ("a photo",), fault={"kind": "photo", "body": body})
      for body in ("html", "truncated")],
    Case("photo delay_s", ("photo",), ("no photo",), fault={"kind": "photo", "delay_s": 1.4}, deck=QUICK),
    Case("photo reset", ("photo", "photo"), ("no photo", "a photo"), fault={"kind": "photo", "reset": "after"}),
    Case("photo after a refusal", ("cards", "photo"), ("refused", "a photo"), fault={"kind": "recs", "status": 401}),
]  # fmt: skip
CASES = [*OPTION_CASES, *FAULT_CASES]


# --- the words for what came -------------------------------------------------------------------------------


def word_for(came: object) -> str:
    match came:
        case Offer():
            return f"{len(came.cards)} cards" + (" waits" if came.wait_until else "")
        case Answer():
            parts = [
                came.state,
                came.wait_until and "waits",
                came.refused and "refused",
                came.spent,
                came.match_id and "match",
            ]
            return " ".join(part for part in parts if part)
        case MatchList():
            return "all matches" if came.complete else "incomplete matches"
        case DeckHealth():
            left = "" if came.likes_left is None else f" {came.likes_left} left"
            refused = " refused" if "token" in came.text and not came.works else ""
            return ("works" if came.works else "ill") + (" waits" if came.wait_until else refused) + left
        case _:
            return "a photo"


def ask(deck: TinderDeck, name: str, cards: list[Card], photos: list[Card]) -> str:
    swipes: Mapping[str, Callable[[Card], Answer]] = {
        "like": deck.like, "pass": deck.pass_, "superlike": deck.superlike,
    }  # fmt: skip
    reads: Mapping[str, Callable[[], object]] = {
        "cards": deck.cards, "matches": deck.matches, "check": deck.check,
        "photo": lambda: deck.photo(photos[0].photos[0]),
    }  # fmt: skip
    try:
        return word_for(swipes[name](cards.pop(0)) if name in swipes else reads[name]())
    except DeckRefusedError:
        return "refused"
    except DeckUnavailableError as error:
        return "unavailable waits" if error.wait_until else "unavailable"
    except PhotoError:
        return "no photo"


def open_deck(server: DeckServer, token: str, **options: Any) -> TinderDeck:
    return TinderDeck(
        "simulator", server.address, token, (), now=lambda: datetime.now(UTC), sleep=lambda _: None, **options
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_case(server, case):
    token = server.user(**{"cards": 40, "match": "object"} | dict(case.options))
    first = open_deck(server, server.user(cards=40)).cards().cards
    cards, photos = list(first), [card for card in first if card.photos]
    open_deck(server, token, platform="web").cards()
    if case.fault:
        server.fault(**({} if case.fault["kind"] == "photo" else {"token": token}) | dict(case.fault))

    deck = open_deck(server, token, **case.deck)
    went = tuple(ask(deck, name, cards, photos) for name in case.asks)

    counters = server.counters(token)
    # Who matches is up to the drawn people, where the case does not say it.
    assert tuple(w if w in case.wanted else w.removesuffix(" match") for w in went) == case.wanted
    assert {name: counters[name] for name in case.counters} == case.counters
    assert counters["calls_after_stop"] == counters["double_likes"] == counters["wrong_echoes"] == 0


def test_each_option_and_each_fault_is_in_the_table():
    options = {name for case in CASES for name in case.options}
    recs = {name for case in CASES for name in case.options.get("recs", ())}
    faults = {name for case in CASES for name in case.fault}
    forms = {case.options.get("nothing_left") for case in CASES} | {case.fault.get("nothing_left") for case in CASES}

    assert set(OPTIONS) <= options
    assert set(RECS) <= recs
    assert {field.name for field in fields(Fault)} - {"token"} <= faults
    assert set(NOTHING_LEFT) <= forms
    assert set(BODIES) <= {case.fault.get("body") for case in CASES}
    assert set(KINDS) - {"meta"} <= {case.fault.get("kind") for case in CASES}


def test_a_super_like_is_seen_in_the_match(server):
    token = server.user(cards=40, superlikes=40)
    deck = open_deck(server, token)
    matched = [card for card in deck.cards().cards if deck.superlike(card).match_id]

    listed = deck.matches().matches

    assert matched
    assert {match.card_id for match in listed} == {card.card_id for card in matched}
    assert {match.card_id: match.name for match in listed} == {card.card_id: card.name for card in matched}
