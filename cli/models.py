"""`swipr models|promote|rollback`: the versions of one's own model, and which is in charge."""

from collections.abc import Callable
from typing import Annotated

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
from swipr.reporting.shares import ENOUGH

ROLES = {"champion": "in charge", "previous": "before it", "shadow": "waits"}


def models(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of your model with their left-out figures, newest first, and what waits to take over."""
    as_user(Where(data, user, stack, region), lambda client: _list(client, as_json=as_json), as_json=as_json)


def promote(
    version: Annotated[int, typer.Argument(min=1, help="As `swipr models` names it.")],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Put a version in charge.

    Exit status: 0 it is; 1 it could not be done; 2 an argument is wrong.
    """

    def ask(client: Client) -> Json:
        try:
            return client.post(f"/v1/models/{version}/promote", {})
        except RefusedError as error:
            if error.status != 404:
                raise
            raise ClientError(f"there is no version {version}; `swipr models` names them") from None

    as_user(Where(data, user, stack, region), lambda client: _put(client, ask, as_json=as_json), as_json=as_json)


def rollback(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Put the version before back in charge.

    Exit status: 0 it is; 1 it could not be done, for example as there was none before.
    """

    def ask(client: Client) -> Json:
        return client.post("/v1/models/rollback", {})

    as_user(Where(data, user, stack, region), lambda client: _put(client, ask, as_json=as_json), as_json=as_json)


def _put(client: Client, ask: Callable[[Client], Json], *, as_json: bool) -> None:
    model = ask(client)
    if as_json:
        echo_json(model)
        return
    typer.echo(f"Version {model['version']} ({model['kind']}, from {model['labels']} labels) is in charge.")
    typer.echo("`swipr rollback` puts the one before back.")


def _list(client: Client, *, as_json: bool) -> None:
    found = client.get("/v1/models")
    if as_json:
        echo_json(found)
        return
    if not found["models"]:
        typer.echo("No model yet: give at least two likes and two passes; `swipr label next` says of which cards.")
    else:
        echo_table(_table(found["models"]))
    if found["gate"]:
        typer.echo(found["gate"]["text"])
    for each in found["candidates"]:
        typer.echo(plain(f"Candidate {each['candidate']} ({moment(each['at'])}): {each['state']}. {each['reason']}"))


def _table(versions: list[Json]) -> Table:
    table = Table(box=None)
    for name in ("version", "role", "kind", "labels", "likes", "AUC", "right", "log loss", "made"):
        table.add_column(name, no_wrap=True)
    for each in versions:
        counts = [str(each["labels"]), str(each["likes"])]
        figures = [_figure(each, name) for name in ("auc", "accuracy", "log_loss")]
        role = ROLES.get(each["role"], "")
        table.add_row(str(each["version"]), role, each["kind"], *counts, *figures, moment(each["created_at"]))
    return table


def _figure(model: Json, name: str) -> str:
    """None of fewer labels than say something."""
    if model["labels"] < ENOUGH:
        return "too few"
    return f"{model['metrics'][name]:.3f}" if name in model["metrics"] else ""
