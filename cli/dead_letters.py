"""`swipr dead-letters list|resend`: what failed for good, here or on AWS, and another try of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from cli.client import Admin, ClientError
from cli.said import DEFAULT_DATA, AsJson, DataFolder, Region, Stack, answered, echo_json, echo_table

app = typer.Typer(help="Messages that failed for good: what they were and why, and another try.", no_args_is_help=True)
#: Something stays dead, as nobody could ever read it.
STAYS = 3
DONE = {"resend": "sent again", "drop": "dropped", "keep": "stays"}
Json = dict[str, Any]


@app.command("list")
def list_(data: DataFolder = DEFAULT_DATA, stack: Stack = None, region: Region = None, as_json: AsJson = False) -> None:
    """Show what failed for good; nothing changes.

    Exit status: 0 shown, also where there is none; 1 it could not be looked at; 2 an option is wrong.
    """
    answered(lambda: _list(_found(data, stack, region, resend=False), as_json=as_json), as_json=as_json)


@app.command()
def resend(
    data: DataFolder = DEFAULT_DATA, stack: Stack = None, region: Region = None, as_json: AsJson = False
) -> None:
    """Send all of them again; what came too late is dropped. Doing so twice changes nothing more.

    What fails again comes back here with its reason. Exit status: 0 all were sent again or dropped; 1 it failed, and
    what was not sent is still there; 2 an option is wrong; 3 some can never be read, and stay.
    """
    letters: list[Json] = []
    answered(lambda: letters.extend(_found(data, stack, region, resend=True)), as_json=as_json)
    if as_json:
        counts = {name: sum(letter["next"] == then for letter in letters) for then, name in _COUNTED.items()}
        echo_json({**counts, "letters": letters})
    else:
        _show(letters, "became")
    if any(letter["next"] == "keep" for letter in letters):
        raise typer.Exit(STAYS)


_COUNTED = {"resend": "sent", "drop": "dropped", "keep": "stay"}


def _list(letters: Sequence[Json], *, as_json: bool) -> None:
    if as_json:
        echo_json({"letters": list(letters)})
    else:
        _show(letters, "if sent again")


def _found(data: Path, stack: str | None, region: str | None, *, resend: bool) -> list[Json]:
    """Raises ClientError."""
    if stack is None:
        return Admin(data).dead_letters(resend=resend)
    try:
        return _of_stack(stack, region, resend=resend)
    except OSError as error:  # AwsError
        raise ClientError(f"{error}; look at the stack's name, --region and your AWS credentials") from None


def _of_stack(stack: str, region: str | None, *, resend: bool) -> list[Json]:
    from cli.stack_letters import StackLetters  # the SDK takes a while to import
    from swipr import dead_letters

    boxes, letters = list(dead_letters.BOXES.values()), StackLetters.of(stack, region)
    if resend:
        found = dead_letters.resend(letters, boxes, now=lambda: datetime.now(UTC))
    else:
        found = dead_letters.listed(letters, boxes, at=datetime.now(UTC))
    return [letter.model_dump() for letter in found]


def _show(letters: Sequence[Json], last: str) -> None:
    if not letters:
        typer.echo("Nothing has failed for good.")
        return
    table = Table(box=None)
    for name in ("queue", "kind", "about", "age", "reason", last):
        table.add_column(name, overflow="fold", no_wrap=name in ("kind", "age"))  # an id cut short finds nothing
    for letter in letters:
        row = (letter["queue"], letter["kind"], letter["about"], _age(letter["age_s"]), letter["reason"])
        table.add_row(*row, DONE[letter["next"]])
    echo_table(table)


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
