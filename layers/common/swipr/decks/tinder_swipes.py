"""A like, pass or super like: what is sent, and what its answer means."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from swipr.decks import tinder_limits as limits
from swipr.decks import tinder_shapes as shapes
from swipr.decks import tinder_stops as stops
from swipr.decks.bounded_http import Reply
from swipr.decks.tinder_calls import Method
from swipr.decks.tinder_claims import in_words
from swipr.decks.tinder_fields import parse_object
from swipr.models import Action, Answer, Card

#: Statuses by which the deck says that it did not take a swipe.
NOT_COUNTED: Final = frozenset({400, 404, 405, 410, 413, 415, 422})


class Sending(NamedTuple):
    """One request; `query` and `body` hold what the card's deck wants back."""

    path: str
    query: Mapping[str, str]
    body: object


def sending(action: Action, method: Method, card: Card) -> Sending:
    user_id = card.card_id.partition(":")[2]
    path = {"like": f"/like/{user_id}", "pass": f"/pass/{user_id}", "superlike": f"/like/{user_id}/super"}[action]
    locale = {"locale": "en"}
    if method == "POST":
        return Sending(path, locale, _serial(card) if action == "pass" else _like_body(card))
    return Sending(path, locale | (_pass_query(card) if action == "pass" else _like_query(card)), None)


def read_answer(
    action: Action, status: int, reply: Reply, card: Card, *, now: datetime
) -> tuple[Answer, stops.Stop | None]:
    """What became of the swipe, and the stop signal in its body, if there is one. `status`: what the answer means."""
    deck, _, user_id = card.card_id.partition(":")
    if status in NOT_COUNTED:
        return Answer(state="failed", detail=f"answered {status}"), None
    if not 200 <= status < 300:
        return Answer(state="unknown", detail=in_words(status)), None
    if status == 204 or (action == "pass" and not reply.body.strip()):
        return Answer(state="sent"), None
    answer = parse_object(reply.body)
    if answer is None:
        return Answer(state="unknown", detail="did not answer in JSON"), None
    stop = _stop_in(action, answer, deck, now)
    match_id = shapes.match_id(answer, user_id) if action != "pass" else None
    if stop is None:
        return Answer(state="sent", match_id=match_id), None
    if match_id:  # only a like that counted can match
        return Answer(state="sent", match_id=match_id, wait_until=stop.wait_until, spent=stop.spent), stop
    return stop.answer(), stop


def _stop_in(action: Action, answer: Mapping[str, Any], deck: str, now: datetime) -> stops.Stop | None:
    if action == "like" and limits.out_of_likes(answer, now):
        return stops.likes_spent(deck, limits.likes_again_at(answer, now))
    if action == "superlike" and limits.out_of_superlikes(answer):
        return stops.superlikes_spent(deck, limits.superlikes_again_at(answer))
    return None


def _serial(card: Card) -> dict[str, object]:
    return {"s_number": int(card.echo["s_number"])} if card.echo.get("s_number") else {}


def _like_body(card: Card) -> dict[str, object]:
    body = _serial(card)
    if "content_hash" in card.echo:
        body["content_hash"] = card.echo["content_hash"]
    if "photo_id" in card.echo:
        body |= {"liked_content_id": card.echo["photo_id"], "liked_content_type": "photo"}
    return body


def _like_query(card: Card) -> dict[str, str]:
    names = {"photo_id": "photoId", "content_hash": "content_hash", "s_number": "s_number"}
    return {asked: card.echo[kept] for kept, asked in names.items() if kept in card.echo}


def _pass_query(card: Card) -> dict[str, str]:
    return {"s_number": card.echo["s_number"]} if "s_number" in card.echo else {}
