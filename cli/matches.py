"""`swipr matches`: who, when, and by which decision."""

from typing import Annotated

import typer
from rich.table import Table

from cli.client import Client
from cli.decisions import pages, shown_score
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


def matches(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """List matches, newest first, each with the decision that led to it."""
    as_user(Where(data, user, stack, region), lambda client: _list(client, limit, as_json=as_json), as_json=as_json)


def _list(client: Client, limit: int, *, as_json: bool) -> None:
    found = pages(client, "/v1/matches", "matches", {}, limit)
    if as_json:
        echo_json(found)
        return
    if found["matches"]:
        echo_table(_table(found["matches"]))
    else:
        typer.echo("No match yet.")
    read = (
        f"The deck's list was last read {moment(found['read_at'])}."
        if found["read_at"]
        else "The deck's own list was never read yet."
    )
    more = " There are more: --limit N." if found["next"] else ""
    typer.echo(f"{read}{more} How often likes become matches: `swipr report`.")


def _table(matches: list[Json]) -> Table:
    table = Table(box=None)
    for name in ("when", "name", "card", "score then", "line", "version", "outcome"):
        table.add_column(name, overflow="fold", no_wrap=True)
    for each in matches:
        scores = [shown_score(each[name]) for name in ("score", "threshold")]
        version = "" if each["model_version"] is None else str(each["model_version"])
        row = [moment(each["matched_at"]), each["name"], each["card_id"], *scores, version, _outcome(each)]
        table.add_row(*map(plain, row))
    return table


def _outcome(match: Json) -> str:
    said: str = (match["outcome"] or "").replace("_", " ")
    return " ".join(filter(None, (said, "(gone)" if match["gone_at"] else "")))
