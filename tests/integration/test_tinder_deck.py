"""TinderDeck against the simulator over HTTP: what each answer, and each lack of one, is taken for."""

import itertools
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from swipr.decks.tinder import TinderDeck
from swipr.errors import DeckRefusedError, DeckUnavailableError
from swipr.models import MatchList
from tests.deck_server import DeckServer


@pytest.fixture(scope="module")
def server():
    with DeckServer("--nothing-left-s", "1800") as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults_left(server):
    yield
    server.fault(clear=True)


def now():
    return datetime.now(UTC)


def open_deck(server, token, pauses=None, **options):
    pauses = [] if pauses is None else pauses
    return TinderDeck("simulator", server.address, token, (".example.com",), now=now, sleep=pauses.append, **options)


@pytest.fixture
def token(server):
    return server.user(cards=25)


@pytest.fixture
def deck(server, token):
    return open_deck(server, token)


def near(at, wanted, within_s=20):
    return at is not None and abs((at - wanted).total_seconds()) < within_s


# --- reads --------------------------------------------------------------------------------------------


def test_cards_carry_what_the_deck_says(server, token, deck):
    offer = deck.cards()

    truth = server.control("GET", "truth", params={"token": token})["cards"]
    assert [card.card_id for card in offer.cards] == [f"simulator:{card_id}" for card_id in list(truth)[:10]]
    assert offer.wait_until is None
    assert all(card.name and (card.age is None or 21 <= card.age <= 58) for card in offer.cards)
    assert all("/320x400_" in photo.url or "/original_" in photo.url for card in offer.cards for photo in card.photos)
    assert int(offer.cards[3].echo["s_number"]) == 98_765_432_101_234_567 + 6


def test_a_deck_is_swiped_to_its_end_and_every_echo_is_right(server, token, deck):
    swiped = set()
    for _ in range(10):
        offer = deck.cards()
        for i, card in enumerate(offer.cards):
            assert (deck.like if i % 2 else deck.pass_)(card).state == "sent"
            assert card.card_id not in swiped
            swiped.add(card.card_id)

    counters = server.counters(token)
    assert len(swiped) == 25 == counters["likes"] + counters["passes"]
    assert counters["double_likes"] == counters["wrong_echoes"] == counters["unknown_ids"] == 0
    assert near(deck.cards().wait_until, now() + timedelta(minutes=30))


@pytest.mark.parametrize("form", ["empty", "null", "missing", "empty_body", "recs timeout", "recs exhausted"])
def test_nothing_left_in_any_form_is_an_empty_offer(server, token, deck, form):
    server.fault(kind="recs", token=token, nothing_left=form)

    offer = deck.cards()

    assert offer.cards == ()
    assert offer.wait_until is None


def test_limits_in_recommendations_are_waits(server, token):
    server.fault(kind="recs", token=token, nothing_left="recs limited")
    server.fault(kind="recs", token=token, limit_card=True)

    for _ in range(2):
        offer = open_deck(server, token).cards()
        assert offer.cards == ()
        assert near(offer.wait_until, now() + timedelta(hours=12))


def test_doubles_and_adverts_are_left_out(server, token, deck):
    server.fault(kind="recs", token=token, doubled=True, advert=True)

    ids = [card.card_id for card in deck.cards().cards]

    assert len(ids) == len(set(ids)) == 10


def test_missing_fields_cost_nothing_but_themselves(server, token):
    deck = open_deck(server, server.user(cards=200))
    cards = []
    for _ in range(20):
        batch = deck.cards().cards
        cards += batch
        for card in batch:
            deck.pass_(card)

    assert len(cards) == 200
    assert 0 < sum(card.age is None for card in cards) < 30
    assert 0 < sum(card.distance_km is None for card in cards) < 60
    assert 0 < sum(not card.bio for card in cards) < 150
    assert 0 < sum(not card.photos for card in cards) < 20
    assert 0 < sum("content_hash" not in card.echo for card in cards) < 30


def test_platform_is_sent(server):
    deck = open_deck(server, server.user(need_platform=True))

    assert len(deck.cards().cards) == 10


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 503}, {"body": "html"}, {"body": "truncated"}, {"body": "short"}, {"reset": "after"}],
)
def test_a_read_is_tried_again_and_then_succeeds(server, token, fault):
    pauses = []
    server.fault(kind="recs", token=token, times=2, **fault)

    offer = open_deck(server, token, pauses).cards()

    assert len(offer.cards) == 10
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]
    assert server.counters(token)["calls"]["recs"] == 3


def test_a_read_is_tried_three_times_at_most(server, token):
    server.fault(kind="recs", token=token, times=9, status=502)

    with pytest.raises(DeckUnavailableError, match="502") as raised:
        open_deck(server, token).cards()

    assert raised.value.wait_until is None
    assert server.counters(token)["calls"]["recs"] == 3


@pytest.mark.parametrize("status", [400, 404])
def test_a_read_that_is_wrong_is_not_repeated(server, token, deck, status):
    server.fault(kind="recs", token=token, status=status)

    with pytest.raises(DeckUnavailableError, match=str(status)):
        deck.cards()

    assert server.counters(token)["calls"]["recs"] == 1


@pytest.mark.parametrize(("status", "words"), [(401, "paste a new token"), (403, "refuses this account")])
def test_a_refused_read_says_the_next_step(server, token, deck, status, words):
    server.fault(kind="recs", token=token, status=status)

    with pytest.raises(DeckRefusedError, match=words) as raised:
        deck.cards()

    assert token not in str(raised.value)
    assert server.counters(token)["calls"]["recs"] == 1


def test_an_unknown_token_is_refused(server):
    with pytest.raises(DeckRefusedError, match="paste a new token"):
        open_deck(server, "nobody").cards()


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (None, timedelta(minutes=15)),
        ("soon", timedelta(minutes=15)),
        ("date", timedelta(hours=1)),
    ],
)
def test_too_fast_waits_as_long_as_the_deck_says(server, token, header, wait):
    header = format_datetime(now() + wait) if header == "date" else header
    server.fault(kind="recs", token=token, status=429, retry_after=header)
    server.fault(kind="like", token=token, status=429, retry_after=header)
    card = open_deck(server, server.user(cards=25)).cards().cards[0]

    answer = open_deck(server, token).like(card)
    with pytest.raises(DeckUnavailableError) as raised:
        open_deck(server, token).cards()

    assert server.counters(token)["calls"] == {"recs": 1, "like": 1}
    assert answer.state == "failed"
    assert near(answer.wait_until, now() + wait)
    assert near(raised.value.wait_until, now() + wait)


def test_a_token_may_be_pasted_with_its_quotes(server, token):
    assert open_deck(server, f' "{token}"\n').cards().cards


@pytest.mark.parametrize("bad", ["", '""', "a\nb", "tökén"])
def test_what_cannot_be_a_token_is_refused(server, bad):
    with pytest.raises(DeckRefusedError, match="paste it again"):
        open_deck(server, bad)


@pytest.mark.parametrize(
    "api", ["http://tinder.example", "ftp://127.0.0.1", "https://a@b.example", "https://a.example/x", ""]
)
def test_a_deck_is_https_or_on_this_machine(api):
    with pytest.raises(ValueError, match="https"):
        TinderDeck("tinder", api, "t", (), now=now, sleep=print)


# --- swipes -------------------------------------------------------------------------------------------


@pytest.fixture
def card(deck):
    return deck.cards().cards[2]


def bare(card):
    return card.card_id.partition(":")[2]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_both_methods_work_and_echo_the_same(server, method):
    token = server.user(cards=25)
    deck = open_deck(server, token, like_method=method, pass_method=method)
    first, second, *_ = deck.cards().cards

    assert deck.like(first).state == "sent"
    assert deck.pass_(second).state == "sent"
    counters = server.counters(token)
    assert counters["likes_by_card"] == {bare(first): 1}
    assert counters["passes_by_card"] == {bare(second): 1}
    assert counters["wrong_echoes"] == 0


def test_a_pass_may_be_answered_without_a_body(server):
    deck = open_deck(server, server.user(pass_status=204))

    assert deck.pass_(deck.cards().cards[0]).state == "sent"


@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        ({"status": 500}, 0), ({"status": 500, "counted": True}, 1), ({"status": 503, "counted": True}, 1),
        ({"body": "html"}, 1), ({"body": "truncated"}, 1), ({"body": "short"}, 1), ({"body": "empty"}, 1),
        ({"reset": "after"}, 1), ({"reset": "before"}, 0), ({"status": 302}, 1),
    ],
)  # fmt: skip
def test_a_like_nobody_can_tell_about_is_unknown_and_sent_once(server, token, deck, card, fault, counted):
    server.fault(kind="like", token=token, times=9, **fault)

    answer = deck.like(card)

    counters = server.counters(token)
    assert answer.state == "unknown"
    assert answer.detail
    assert counters["calls"]["like"] == 1
    assert counters["likes"] == counted


def test_a_pass_nobody_can_tell_about_is_unknown_and_sent_once(server, token, deck, card):
    server.fault(kind="pass", token=token, times=9, status=500)

    assert deck.pass_(card).state == "unknown"
    assert server.counters(token)["calls"]["pass"] == 1


@pytest.mark.parametrize("choice", ["like", "pass"])
def test_silence_ends_at_the_time_out_and_is_unknown(server, token, card, choice):
    deck = open_deck(server, token, timeout_s=0.5)
    server.fault(kind=choice, token=token, delay_s=1.5)

    begun = time.monotonic()
    answer = deck.like(card) if choice == "like" else deck.pass_(card)

    assert answer.state == "unknown"
    assert "timed out" in answer.detail
    assert time.monotonic() - begun < 1.3
    assert server.counters(token)["calls"][choice] == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_like_the_deck_did_not_take_has_failed(server, token, deck, card, status):
    server.fault(kind="like", token=token, status=status)

    answer = deck.like(card)

    assert answer.state == "failed"
    assert (answer.refused, answer.wait_until) == (None, None)


@pytest.mark.parametrize(("status", "words"), [(401, "paste a new token"), (403, "refuses this account")])
def test_a_refused_like_has_failed_and_says_why(server, token, deck, card, status, words):
    server.fault(kind="like", token=token, status=status)

    answer = deck.like(card)

    assert answer.state == "failed"
    assert words in answer.refused
    assert server.counters(token)["likes"] == 0


def test_out_of_likes_did_not_count_and_waits(server):
    token = server.user(likes_limit=2, likes_wait_s=3600)
    deck = open_deck(server, token)
    cards = deck.cards().cards

    answers = [deck.like(card) for card in cards[:3]]

    assert [answer.state for answer in answers] == ["sent", "sent", "failed"]
    assert near(answers[2].wait_until, now() + timedelta(hours=1))
    assert server.counters(token)["likes"] == 2


def test_missing_fields_in_a_like_mean_unknown_not_out(server, token, deck, card):
    server.fault(kind="like", token=token, match=False, drop=["likes_remaining", "match", "status", "X-Padding"])

    answer = deck.like(card)

    assert (answer.state, answer.match_id, answer.wait_until) == ("sent", None, None)


@pytest.mark.parametrize(("form", "matched"), [(False, False), ("true", True), ("object", True)])
def test_a_match_may_be_false_true_or_an_object(server, token, deck, card, form, matched):
    server.fault(kind="like", token=token, match=form)

    answer = deck.like(card)

    assert answer.state == "sent"
    assert (answer.match_id is not None) == matched


def test_the_last_like_counted_if_it_matched(server, token, deck, card):
    server.fault(kind="like", token=token, match="object", set={"likes_remaining": 0})

    answer = deck.like(card)

    assert answer.state == "sent"
    assert answer.match_id
    assert near(answer.wait_until, now() + timedelta(hours=12))


def test_nobody_there_means_nothing_was_sent(card):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    deck = TinderDeck("simulator", f"http://127.0.0.1:{port}", "t", (), now=now, sleep=lambda _: None)

    answer = deck.like(card)

    assert answer.state == "failed"
    assert "nothing was sent" in answer.detail
    with pytest.raises(DeckUnavailableError, match="connection failed"):
        deck.cards()


def drip(listener, piece):
    """Answer the first call with one piece each tenth of a second, without end."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        for part in itertools.chain([piece[0]], itertools.repeat(piece[1], 100)):
            try:
                connection.sendall(part)
            except OSError:
                return
            time.sleep(0.1)


@pytest.mark.parametrize(
    "piece",
    [(b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n"), (b"HTTP/1.1 200 OK\r\n\r\n", b" "), (b"HTTP", b"/")],
    ids=["headers", "body", "status line"],
)
def test_a_drip_cannot_hold_a_like_beyond_its_time(card, piece):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener, piece))
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        deck = TinderDeck("simulator", address, "t", (), now=now, sleep=lambda _: None, timeout_s=0.6)

        begun = time.monotonic()
        answer = deck.like(card)
        took_s = time.monotonic() - begun

        thread.join()
    assert answer.state == "unknown"
    assert took_s < 1.2


# --- after a stop signal -------------------------------------------------------------------------------


def test_an_empty_deck_is_asked_again_after_the_wait_and_not_before(server):
    clock = [now()]
    token = server.user(cards=0, nothing_left_s=60)
    deck = TinderDeck("simulator", server.address, token, (), now=lambda: clock[0], sleep=lambda _: None)

    first, second = deck.cards(), deck.cards()
    calls_before = server.counters(token)["calls"]["recs"]
    clock[0] += timedelta(seconds=61)
    deck.cards()

    assert first == second
    assert (calls_before, server.counters(token)["calls"]["recs"]) == (1, 2)


def test_a_stop_outlives_its_wait_in_the_same_session(server, token, card):
    clock = [now()]
    deck = TinderDeck("simulator", server.address, token, (), now=lambda: clock[0], sleep=lambda _: None)
    server.fault(kind="like", token=token, status=429, retry_after="1")

    first = deck.like(card)
    clock[0] += timedelta(seconds=5)
    second = deck.like(card)

    assert first == second
    assert server.counters(token)["calls"]["like"] == 1


def test_a_check_that_takes_long_is_not_tried_a_third_time(server, token):
    clock, start = itertools.count(), now()
    deck = TinderDeck(
        "simulator", server.address, token, (), now=lambda: start + timedelta(seconds=5 * next(clock)),
        sleep=lambda _: None,
    )  # fmt: skip
    server.fault(kind="profile", token=token, status=500, times=9)

    health = deck.check()

    assert not health.works
    assert "answered 500, twice in a row" in health.text
    assert "try again in some minutes" in health.text
    assert server.counters(token)["calls"]["profile"] == 2


# --- matches --------------------------------------------------------------------------------------------


def test_matches_of_both_kinds_and_all_pages_are_found(server):
    token = server.user(cards=400)
    deck = open_deck(server, token)
    liked, with_match = {}, set()
    while len(liked) < 400:
        for card in deck.cards().cards:
            liked[card.card_id] = deck.like(card)
            if liked[card.card_id].match_id:
                with_match.add(card.card_id)

    listed = deck.matches()

    matches = listed.matches
    assert listed.complete
    assert len(matches) > 100
    assert {match.card_id for match in matches} == with_match
    assert all(liked[match.card_id].match_id == match.match_id for match in matches)
    assert all(match.matched_at is not None for match in matches)
    assert server.counters(token)["calls"]["matches"] >= 3


def test_matches_ask_again_and_give_up_as_other_reads_do(server, token, deck):
    server.fault(kind="matches", token=token, status=500)
    assert deck.matches() == MatchList()

    server.fault(kind="matches", token=token, status=401)
    with pytest.raises(DeckRefusedError):
        deck.matches()


def test_matches_are_read_for_20_seconds_at_most(server):
    token = server.user(cards=40, matches_per_page=1)
    clock = itertools.count()
    start = now()
    deck = TinderDeck(
        "simulator", server.address, token, (), now=lambda: start + timedelta(seconds=5 * next(clock)),
        sleep=lambda _: None,
    )  # fmt: skip
    liker = open_deck(server, token)
    for _ in range(4):
        for card in liker.cards().cards:
            liker.like(card)

    listed = deck.matches()

    assert server.counters(token)["matches"] > len(listed.matches) > 0
    assert not listed.complete
    assert server.counters(token)["calls"]["matches"] < 8
