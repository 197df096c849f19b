"""`swipr user add|list|remove`: who uses this install."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Admin, ClientError, StillRunsError
from cli.said import DEFAULT_DATA, DataFolder, answered

app = typer.Typer(help="Who uses this install; each has their own taste, deck and budget.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Letters, digits, _ . and -.")]
#: A session that runs ends within five minutes, and one that was killed counts as ended after four.
REMOVE_S = 330.0
LOOK_S = 0.5


@app.command()
def add(name: Name, data: DataFolder = DEFAULT_DATA) -> None:
    """Add a user to a running `swipr up`."""
    answered(lambda: _add(data, name))


@app.command("list")
def list_(data: DataFolder = DEFAULT_DATA) -> None:
    """List the users of a running `swipr up`."""
    answered(lambda: typer.echo("\n".join(Admin(data).users()) or "Nobody yet: swipr user add NAME"))


@app.command()
def remove(
    name: Name,
    data: DataFolder = DEFAULT_DATA,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Switch a user off, wait until nothing of theirs runs, and delete all that is theirs."""
    answered(lambda: _remove(data, name, yes=yes))


def _add(data: Path, name: str) -> None:
    added = Admin(data).add_user(name)
    typer.echo(f"Added {name}." if added else f"{name} is there already.")
    typer.echo(f"Their page: swipr token --user {name}")


def _remove(data: Path, name: str, *, yes: bool) -> None:
    admin = Admin(data)
    if name not in admin.users():
        raise ClientError(f"there is no user {name}; `swipr user list` names them")
    if not yes:
        typer.confirm(f"Delete {name} and everything that is kept for them? It cannot be undone", abort=True)
    deadline = time.monotonic() + REMOVE_S
    while True:
        try:
            receipt = admin.remove_user(name)
            break
        except StillRunsError:
            if time.monotonic() > deadline:
                raise ClientError(f"{name} is off, but a session still runs; try again later") from None
            time.sleep(LOOK_S)
    show_receipt(f"{name} was deleted", receipt)


def show_receipt(title: str, receipt: dict[str, Any]) -> None:
    """What went and what stays."""
    counts = ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in receipt["removed"].items() if n)
    typer.echo(f"{title} at {receipt['at']}. Removed: {counts or 'there was nothing left'}")
    for line in receipt["stays"]:
        typer.echo(f"  {line}")
