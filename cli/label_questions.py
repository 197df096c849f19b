"""`swipr label next|doubtful`: what to label next, and which labels may be wrong."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.said import (
    DEFAULT_DATA,
    DEFAULT_USER,
    AsJson,
    DataFolder,
    Region,
    Stack,
    UserName,
    Where,
    as_user,
    echo_json,
)

Json = dict[str, Any]
Most = Annotated[int, typer.Option(min=1, max=50, help="How many at most.")]
NOTHING = "Nothing to ask about: switch on, so that cards are looked at, or label photos with `swipr label import`."


def next_cards(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    limit: Most = 10,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """List the cards whose labels would teach most, and why these."""
    as_user(Where(data, user, stack, region), lambda client: _next(client, limit, as_json=as_json), as_json=as_json)


def doubtful(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    limit: Most = 20,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """List the labels that a model which had not seen them contradicts. Did you mean these?"""
    as_user(Where(data, user, stack, region), lambda client: _doubtful(client, limit, as_json=as_json), as_json=as_json)


def _next(client: Client, limit: int, *, as_json: bool) -> None:
    found = client.get("/v1/labels/next", limit=limit)
    if as_json:
        echo_json(found)
        return
    for line in next_lines(found):
        typer.echo(line)


def _doubtful(client: Client, limit: int, *, as_json: bool) -> None:
    found = client.get("/v1/labels/doubtful", limit=limit)
    if as_json:
        echo_json(found)
        return
    for line in doubtful_lines(found):
        typer.echo(line)


def next_lines(found: Json) -> Iterator[str]:
    if not found["cards"]:
        yield NOTHING
    for card in found["cards"]:
        score = "" if card["score"] is None else f", score {card['score']:.2f}"
        yield f"{card['card_id']}  {card['photos']} photos{score}  [{card['chosen_by']}] {card['why']}"


def doubtful_lines(found: Json) -> Iterator[str]:
    yield f"{found['n']} in all: {found['text']}" if found["n"] else found["text"]
    for label in found["labels"]:
        seen = f"{label['photos']} photos" if label["photos"] else "its photos are gone"
        yield f"{label['card_id']}  {label['text']} ({seen})"
