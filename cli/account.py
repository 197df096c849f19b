"""`swipr on|off|report|export|forget`: what a user asks of a running Swipr about their own account."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import requests
import typer

from cli.client import Client, ClientError
from cli.report_lines import lines
from cli.said import DEFAULT_DATA, DEFAULT_USER, AsJson, DataFolder, UserName, as_user, echo_json
from cli.users import show_receipt
from local import durable

LOOK_S = 0.3
EXPORT_S = 900.0
STOPPING_S = 30.0
FETCH_TIMEOUT_S = 60
_PIECE_BYTES = 1 << 20
Json = dict[str, Any]
Reason = Annotated[str, typer.Option(help="Kept in the switch's history.")]


def on(data: DataFolder = DEFAULT_DATA, user: UserName = DEFAULT_USER, reason: Reason = "") -> None:
    """Switch on: a session looks at the deck at once."""
    as_user(data, user, lambda client: _switch(client, enabled=True, reason=reason))


def off(data: DataFolder = DEFAULT_DATA, user: UserName = DEFAULT_USER, reason: Reason = "") -> None:
    """Switch off, and wait until an action that is under way has ended."""
    as_user(data, user, lambda client: _switch(client, enabled=False, reason=reason))


def report(data: DataFolder = DEFAULT_DATA, user: UserName = DEFAULT_USER, as_json: AsJson = False) -> None:
    """Say how well it does: each figure with how many it is of, none without enough of them."""
    as_user(data, user, lambda client: _report(client, as_json=as_json), as_json=as_json)


def export(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    out: Annotated[Path | None, typer.Option(help="The file to write; else swipr-<user>-<date>.zip here.")] = None,
) -> None:
    """Fetch everything that is kept for you, but the deck's token, as one archive; `swipr import` takes it in again."""
    as_user(
        data,
        user,
        lambda client: _export(client, out or Path(f"swipr-{user}-{datetime.now().astimezone():%Y-%m-%d}.zip")),
    )


def forget(
    card_id: Annotated[str, typer.Argument(metavar="CARD_ID", help="As the page and the API name it: deck:id.")],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    as_json: AsJson = False,
) -> None:
    """Forget all about one person, but that they were swiped, and print a receipt."""
    as_user(data, user, lambda client: _forget(client, card_id, as_json=as_json), as_json=as_json)


def _switch(client: Client, *, enabled: bool, reason: str) -> None:
    status = client.put("/v1/switch", {"enabled": enabled, "reason": reason})
    until = time.monotonic() + STOPPING_S
    while status["switch"] == "stopping" and time.monotonic() < until:
        time.sleep(LOOK_S)
        status = client.get("/v1/status")
    state, said = status["switch"].capitalize(), status["status"]["text"] if status["status"] else ""
    typer.echo(said if said.startswith(state) else f"{state}. {said}".strip())
    if status["switch"] != ("on" if enabled else "off"):
        raise ClientError("an action is still under way; nothing begins after it")


def _report(client: Client, *, as_json: bool) -> None:
    found = client.get("/v1/report")
    if as_json:
        echo_json(found)
        return
    for name, line in lines(found):
        typer.echo(f"{name:<12} {line}")


def _export(client: Client, out: Path) -> None:
    if out.exists():
        raise ClientError(f"{out} is there already; name another file with --out")
    state = client.post("/v1/exports", {})
    until = time.monotonic() + EXPORT_S
    while state["state"] in ("waiting", "writing"):
        if time.monotonic() > until:
            raise ClientError("it was not written in time; ask again later")
        time.sleep(LOOK_S)
        state = client.get(f"/v1/exports/{state['export_id']}")
    if state["state"] != "ready":
        raise ClientError(f"not written: {state['why']}")
    size = _fetch(state["url"], out)
    left = f"; {state['photos_left_out']} photos did not fit" if state["photos_left_out"] else ""
    typer.echo(f"{out}: {size / 1e6:.1f} MB{left}")


def _fetch(url: str, out: Path) -> int:
    """Private from the first byte; one cut short is not left behind."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # loopback needs no proxy
            with session.get(url, stream=True, timeout=FETCH_TIMEOUT_S) as answer:
                if not answer.ok:
                    raise ClientError(f"the archive does not come: HTTP {answer.status_code}")
                with durable.draft(answer.iter_content(_PIECE_BYTES), temp=out.absolute().parent) as draft:
                    durable.rename(draft, out)
    except requests.RequestException as error:
        raise ClientError(f"the archive does not come ({type(error).__name__}); try again") from None
    except OSError as error:
        raise ClientError(f"{out}: cannot be written: {error.strerror}") from None
    return out.stat().st_size


def _forget(client: Client, card_id: str, *, as_json: bool) -> None:
    receipt = client.delete(f"/v1/cards/{quote(card_id, safe='')}")
    if as_json:
        echo_json(receipt)
    else:
        show_receipt(f"{card_id} is forgotten", receipt)
