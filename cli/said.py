"""How a command says that it failed, and the options many of them share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client, ClientError, running
from cli.demo import USER

DataFolder = Annotated[Path, typer.Option("--data", help="Where everything is kept; private to you.")]
DEFAULT_DATA = Path(".swipr")
UserName = Annotated[str, typer.Option("--user", help="Whose.")]
DEFAULT_USER = USER
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, errors too.")]


def answered(work: Callable[[], object], *, as_json: bool = False) -> None:
    """Exit status 1 and why, if it cannot be done."""
    try:
        work()
    except ClientError as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error)}))
        else:
            typer.echo(f"swipr: {error}", err=True)
        raise typer.Exit(1) from None


def as_user(data: Path, user: str, work: Callable[[Client], object], *, as_json: bool = False) -> None:
    """Do it with a client of the running Swipr; exit status 1 and why, if it cannot be done."""

    def signed_in() -> None:
        client = running(data, user)
        try:
            work(client)
        finally:
            client.close()

    answered(signed_in, as_json=as_json)


def echo_json(value: Any) -> None:
    typer.echo(json.dumps(value))
