"""`swipr deck connect|check|forget`: the deck of one's own account."""

import sys
from typing import Annotated

import typer

from cli.client import Client, ClientError
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

app = typer.Typer(help="Where cards come from: connect one, check it, forget its token.", no_args_is_help=True)


@app.command()
def connect(
    deck: Annotated[str, typer.Argument(help="Its name, for example tinder.")],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="You have read what connecting may cost, and accept it.")
    ] = False,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Connect a deck. Its token is asked for without being shown, or read from standard input; never an argument."""
    where = Where(data, user, stack, region)
    as_user(where, lambda client: _connect(client, deck, accepted=accept_terms, as_json=as_json), as_json=as_json)


@app.command()
def check(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Does it still work? Asks the deck once. Exit status 1 if it does not."""
    as_user(Where(data, user, stack, region), lambda client: _check(client, as_json=as_json), as_json=as_json)


@app.command()
def forget(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Forget the deck's token; swiping is switched off."""
    as_user(Where(data, user, stack, region), lambda client: _forget(client, as_json=as_json), as_json=as_json)


def _connect(client: Client, deck: str, *, accepted: bool, as_json: bool) -> None:
    choices = {choice["deck"]: choice for choice in client.get("/v1/deck")["decks"]}
    if deck not in choices:
        raise ClientError(f"there is no deck {deck!r} here; choose one of: {', '.join(choices)}")
    terms, needs_token = choices[deck]["terms"], choices[deck]["needs_token"]
    if terms:
        typer.echo(terms, err=True)
        if not accepted:
            _ask_yes()
    body = {"deck": deck, "accept_terms": bool(terms)}
    if needs_token:
        body["token"] = _token(deck)
    status = client.put("/v1/deck", body)
    if as_json:
        echo_json(status)
        return
    typer.echo(f"Connected {deck}. It is a dry run until you allow acting on it; `swipr deck check` asks it once.")


def _ask_yes() -> None:
    """A typed word, as a return key is pressed easily."""
    if not sys.stdin.isatty():
        raise ClientError("say that you accept this with --accept-terms")
    if input("Type yes to connect it: ").strip().lower() != "yes":
        raise ClientError("not connected")


def _token(deck: str) -> str:
    """From the terminal without showing it, or from standard input: an argument would stand in the process list."""
    import getpass

    if sys.stdin.isatty():
        token = getpass.getpass(f"Token of your own {deck} account (not shown): ")
    else:
        token = sys.stdin.readline()
    if not token.strip():
        raise ClientError("no token was given; nothing was changed")
    return token.strip()


def _check(client: Client, *, as_json: bool) -> None:
    health = client.get("/v1/deck/check")
    if as_json:
        echo_json(health)
    else:
        typer.echo(f"{'Works' if health['works'] else 'Does not work'}: {health['text']}")
    if not health["works"]:
        raise typer.Exit(1)


def _forget(client: Client, *, as_json: bool) -> None:
    status = client.delete("/v1/deck")
    if as_json:
        echo_json(status)
        return
    typer.echo("The deck's token is forgotten, and swiping is off.")
