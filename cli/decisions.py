"""`swipr decisions|fix|undo`: what was decided and why, and the person's own word on it."""

from typing import Annotated, Literal
from urllib.parse import quote

import typer
from rich.table import Table

from cli.client import Client, ClientError, RefusedError
from cli.said import (
    DEFAULT_DATA,
    DEFAULT_USER,
    AsJson,
    DataFolder,
    Json,
    Region,
    Stack,
    UserName,
    Where,
    as_user,
    echo_json,
    echo_table,
    plain,
)
from cli.standing import moment

Verdict = Literal["like", "pass", "unsure"]
State = Literal["dry_run", "unsure", "failed", "pending", "sent", "unknown"]
CardId = Annotated[str, typer.Argument(metavar="CARD_ID", help="As `swipr decisions` names it: deck:id.")]
#: Of one answer of the API.
PAGE = 100


def decisions(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    verdict: Annotated[Verdict | None, typer.Option(help="Only these verdicts.")] = None,
    state: Annotated[State | None, typer.Option(help="Only what became of it.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only the unsure ones that you have not answered.")
    ] = False,
    matched: Annotated[bool, typer.Option("--matched", help="Only those that became a match.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where the list before ended, with the same filter.")] = None,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """List decisions, newest first: verdict, score and your line, reason, and what the deck answered.

    Exit status: 0 listed, also where there are none; 1 it could not be done; 2 an option is wrong.
    """
    if waiting and (verdict or state):
        raise typer.BadParameter("leave --verdict and --state out: waiting are the unsure ones", param_hint="--waiting")
    query: dict[str, str | int] = {}
    if waiting:
        query = {"state": "unsure", "labelled": "false"}
    query |= {name: value for name, value in (("verdict", verdict), ("state", state)) if value}
    query |= {"matched": "true"} if matched else {}
    where = Where(data, user, stack, region)
    as_user(where, lambda client: _list(client, query, limit, cursor, as_json=as_json), as_json=as_json)


def fix(
    card_id: CardId,
    choice: Annotated[Literal["like", "pass"], typer.Argument(help="Your own word.")],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Say like or pass of a decided card yourself: it is learned from, and answers a card that waits.

    What the deck was told already stays told. Exit status: 0 kept; 1 it could not be done; 2 an argument is wrong.
    """
    where = Where(data, user, stack, region)
    as_user(where, lambda client: _fix(client, card_id, choice, as_json=as_json), as_json=as_json)


def undo(
    card_id: Annotated[
        str | None, typer.Argument(metavar="CARD_ID", help="Whose label; left out, your newest one.")
    ] = None,
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Take a label of yours back, the newest or that of one card; it is learned from no more.

    Exit status: 0 taken back; 1 it could not be done, for example as there is none.
    """
    as_user(Where(data, user, stack, region), lambda client: _undo(client, card_id, as_json=as_json), as_json=as_json)


# --- listing --------------------------------------------------------------------------------------------------


def _list(client: Client, query: dict[str, str | int], limit: int, cursor: str | None, *, as_json: bool) -> None:
    found = pages(client, "/v1/decisions", "decisions", query, limit, cursor)
    if as_json:
        echo_json(found)
    elif found["decisions"]:
        echo_table(_table(found["decisions"]))
        if found["next"]:
            typer.echo(f"There are more: --limit N, or --cursor {found['next']}")
    else:
        typer.echo(_nothing(query))


def _nothing(query: dict[str, str | int]) -> str:
    if not query:
        return "Nothing was decided yet: `swipr on` looks at the deck."
    return "No card waits for your answer." if "labelled" in query else "No decision is like that."


def pages(
    client: Client, path: str, name: str, query: dict[str, str | int], limit: int, cursor: str | None = None
) -> Json:
    """As many pages of a list as `limit` entries take, as one; a page of a filtered list may be empty."""
    entries: list[Json] = []
    while True:
        asked = query | {"limit": min(PAGE, limit - len(entries))} | ({"cursor": cursor} if cursor else {})
        found = client.get(path, **asked)
        entries += found[name]
        cursor = found["next"]
        if cursor is None or len(entries) >= limit:
            return {**found, name: entries}


def _table(decisions: list[Json]) -> Table:
    table = Table(box=None)
    for name in ("when", "card", "name", "verdict", "score", "line", "state", "you", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name != "reason")
    for each in decisions:
        label = each["label"]["choice"] if each["label"] else ""
        scores = [shown_score(each[name]) for name in ("score", "threshold")]
        row = [moment(each["decided_at"]), each["card_id"], each["name"], each["verdict"], *scores]
        table.add_row(*map(plain, [*row, _state(each), label, each["reason"]]))
    return table


def _state(decision: Json) -> str:
    state: str = decision["state"].replace("_", " ")
    return f"{state}, match" if decision["match_id"] else state


def shown_score(score: float | None) -> str:
    """Without a zero that says nothing: .87."""
    return "" if score is None else f"{score:.2f}".removeprefix("0")


# --- the person's own word ---------------------------------------------------------------------------------------


def _fix(client: Client, card_id: str, choice: str, *, as_json: bool) -> None:
    label = _corrected(client, card_id, choice)
    if as_json:
        echo_json(label)
        return
    before = f"; before you had said {label['earlier'][0]['choice']}" if label["earlier"] else ""
    typer.echo(f"Kept: {choice} for {plain(card_id)}{before}. `swipr undo {plain(card_id)}` takes it back.")


def _undo(client: Client, card_id: str | None, *, as_json: bool) -> None:
    if card_id is None:
        newest = client.get("/v1/labels", limit=1)["labels"]
        if not newest:
            raise ClientError("you have no label that could be taken back; `swipr label next` says what to label")
        card_id = str(newest[0]["card_id"])
    removed = _taken_back(client, card_id)
    if as_json:
        echo_json(removed)
        return
    label = removed["removed"]
    typer.echo(f"Taken back: {label['choice']} for {plain(card_id)}, which you said {moment(label['labelled_at'])}.")


def _corrected(client: Client, card_id: str, choice: str) -> Json:
    try:
        return client.post(f"/v1/decisions/{_id(card_id)}/label", {"choice": choice})
    except RefusedError as error:
        if error.status != 404:
            raise
        raise ClientError(f"nothing is kept of a card {plain(card_id)}; `swipr decisions` names them") from None


def _taken_back(client: Client, card_id: str) -> Json:
    try:
        return client.delete(f"/v1/labels/{_id(card_id)}")
    except RefusedError as error:
        if error.status != 404:
            raise
        raise ClientError(f"you have no label on {plain(card_id)}; `swipr undo` alone takes the newest") from None


def _id(card_id: str) -> str:
    return quote(card_id, safe="")
