"""`swipr user add|list|remove` and `swipr token`: who uses this install, and their way to its page."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Admin, ClientError, StillRunsError
from cli.said import (
    DEFAULT_DATA,
    DEFAULT_USER,
    AsJson,
    DataFolder,
    Region,
    Stack,
    UserName,
    answered,
    echo_json,
)

app = typer.Typer(help="Who uses this install; each has their own taste, deck and budget.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Letters, digits, _ . and -.")]
#: A session that runs ends within five minutes, and one that was killed counts as ended after four.
REMOVE_S = 330.0
LOOK_S = 0.5


@app.command()
def add(name: Name, data: DataFolder = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Add a user to a running `swipr up`."""
    answered(lambda: _add(data, name, as_json=as_json), as_json=as_json)


@app.command("list")
def list_(data: DataFolder = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List the users of a running `swipr up`."""
    answered(lambda: _list(data, as_json=as_json), as_json=as_json)


@app.command()
def remove(
    name: Name,
    data: DataFolder = DEFAULT_DATA,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Switch a user off, wait until nothing of theirs runs, and delete all that is theirs.

    With --json say --yes, as nobody can be asked.
    """
    answered(lambda: _remove(data, name, yes=yes, as_json=as_json), as_json=as_json)


def token(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    end: Annotated[bool, typer.Option("--end", help="With --stack: sign this machine out of it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print another one-use address of the page of a running `swipr up`, or the page's address of a stack."""
    if end and stack is None:
        raise typer.BadParameter("name the stack with --stack", param_hint="--end")
    if stack is None:
        answered(lambda: _token(data, user, as_json=as_json), as_json=as_json)
    else:
        answered(lambda: _of_stack(stack, region, end=end, as_json=as_json), as_json=as_json)


def _of_stack(stack: str, region: str | None, *, end: bool, as_json: bool) -> None:
    from cli import stack_client, stack_outputs

    said: dict[str, Any]
    if end:
        ended = stack_client.end(stack, region)
        said, words = {"ended": ended}, "Signed out." if ended else "This machine was not signed in."
    else:
        kept = stack_outputs.read(stack_outputs.place(stack, region)) or stack_outputs.ask(stack, region)
        said, words = {"page": kept.api}, kept.api
    if as_json:
        echo_json(said)
    else:
        typer.echo(words)


def _token(data: Path, user: str, *, as_json: bool) -> None:
    address, one_use = Admin(data).one_use_token(user)
    page = f"{address}/#token={one_use}"
    if as_json:
        echo_json({"page": page})
    else:
        typer.echo(page)


def _list(data: Path, *, as_json: bool) -> None:
    users = Admin(data).users()
    if as_json:
        echo_json({"users": users})
    else:
        typer.echo("\n".join(users) or "Nobody yet: swipr user add NAME")


def _add(data: Path, name: str, *, as_json: bool) -> None:
    added = Admin(data).add_user(name)
    if as_json:
        echo_json({"user_id": name, "added": added})
        return
    typer.echo(f"Added {name}." if added else f"{name} is there already.")
    typer.echo(f"Their page: swipr token --user {name}")


def _remove(data: Path, name: str, *, yes: bool, as_json: bool) -> None:
    admin = Admin(data)
    if name not in admin.users():
        raise ClientError(f"there is no user {name}; `swipr user list` names them")
    if not yes and as_json:
        raise ClientError("say --yes: with --json nobody can be asked")
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
    if as_json:
        echo_json(receipt)
    else:
        show_receipt(f"{name} was deleted", receipt)


def show_receipt(title: str, receipt: dict[str, Any]) -> None:
    """What went and what stays."""
    counts = ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in receipt["removed"].items() if n)
    typer.echo(f"{title} at {receipt['at']}. Removed: {counts or 'there was nothing left'}")
    for line in receipt["stays"]:
        typer.echo(f"  {line}")
