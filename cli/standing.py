"""`swipr status`: the switch, the budget, what waits, the model and the last sessions."""

from collections.abc import Iterator
from datetime import datetime

import typer

from cli.client import Client
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
    plain,
)

#: Of the sessions remembered, those that a screen has room for.
SHOWN = 5


def status(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Say how things stand: switch, deck, budget, cards that wait for you, model, last sessions."""
    as_user(Where(data, user, stack, region), lambda client: _status(client, as_json=as_json), as_json=as_json)


def _status(client: Client, *, as_json: bool) -> None:
    found = client.get("/v1/status")
    if as_json:
        echo_json(found)
        return
    for name, line in status_lines(found):
        typer.echo(plain(f"{name:<10} {line}"))


def status_lines(status: Json) -> Iterator[tuple[str, str]]:
    """The status in lines, each with a name."""
    mode = f"acting on {status['deck']}" if status["acting"] else f"a dry run on {status['deck']}"
    yield "Switch", f"{status['switch']}, {mode}{'' if status['deck_connected'] else ' (not connected)'}"
    if status["status"]:
        yield "", status["status"]["text"]
    if status["next_due_at"] and status["switch"] == "on":
        yield "Next look", moment(status["next_due_at"])
    yield "Budget", _budget(status["budget"])
    if status["held"]:
        yield "Held", f"{status['held']} wait for your answer: `swipr decisions --waiting`, then `swipr fix`"
    yield "Model", _model(status)
    for session in status["sessions"][:SHOWN]:
        yield "Session", _session(session)


def _budget(budget: Json) -> str:
    left = f"{budget['left']} of {budget['likes_per_day']} likes left today"
    return f"{left}, {budget['swipes_today']} of {budget['swipes_per_day']} swipes used ({budget['time_zone']})"


def _model(status: Json) -> str:
    model = status["model"]
    if model is None:
        return f"none yet, {status['labels']} labels: give at least two likes and two passes"
    return f"version {model['version']} ({model['kind']}), from {model['labels']} labels; `swipr report` says how good"


def _session(session: Json) -> str:
    counts = ((session[name], name) for name in ("liked", "passed", "unsure", "filtered", "unknown", "failed"))
    said = ", ".join(f"{n} {name}" for n, name in counts if n) or "nothing judged"
    return f"{moment(session['ended_at'])}  {session['outcome']}: {session['cards']} cards, {said}"


def moment(at: str | None) -> str:
    """A time of the API in this machine's zone, to the minute; empty for none."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}" if at else ""
