"""How a command finds its Swipr and says that it failed, and the options that many of them share.

Exit status of every command, where its help says nothing else: 0 done; 1 it could not be done, and the message says
why and what to do; 2 an option is wrong.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.client import Client, ClientError, running
from cli.demo import USER

DataFolder = Annotated[Path, typer.Option("--data", help="Where everything is kept; private to you.")]
DEFAULT_DATA = Path(".swipr")
UserName = Annotated[str, typer.Option("--user", help="Whose.")]
DEFAULT_USER = USER
Stack = Annotated[str | None, typer.Option("--stack", help="A stack on AWS instead of a running `swipr up`.")]
Region = Annotated[str | None, typer.Option("--region", help="Of the stack; else that of your AWS settings.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, errors too.")]
Json = dict[str, Any]
#: Narrower terminals break the lines of tables themselves.
WIDE_COLUMNS = 120
_ANY_COLUMNS = 10_000


@dataclass(frozen=True)
class Where:
    """Which Swipr is meant: a data folder on this machine and one of its users, or a stack on AWS."""

    data: Path = DEFAULT_DATA
    user: str = DEFAULT_USER
    stack: str | None = None
    region: str | None = None

    def client(self) -> Client:
        """Raises ClientError, with the next step."""
        if self.stack is None:
            return running(self.data, self.user)
        if self.user != DEFAULT_USER:
            raise ClientError("--user is for this machine: on a stack you are who signed in")
        from cli.stack_client import stack_client  # what it imports takes a while

        return stack_client(self.stack, self.region)


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


def as_user(where: Where, work: Callable[[Client], object], *, as_json: bool = False) -> None:
    """Do it with a client of that Swipr; exit status 1 and why, if it cannot be done."""

    def signed_in() -> None:
        client = where.client()
        try:
            work(client)
        finally:
            client.close()

    answered(signed_in, as_json=as_json)


def echo_json(value: Any) -> None:
    typer.echo(json.dumps(value))


def echo_table(table: Table) -> None:
    """A row is a line for whoever reads it by a program, and nowhere is an id cut in two if that can be helped."""
    screen = Console(soft_wrap=True, highlight=False, markup=False)
    screen.width = max(screen.width, WIDE_COLUMNS) if screen.is_terminal else _ANY_COLUMNS
    screen.print(table)


def plain(text: str) -> str:
    """Without what a terminal would act on: names may hold anything."""
    return "".join(character if character.isprintable() else "?" for character in text)
