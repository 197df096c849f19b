"""`swipr on|off|report|export|forget`: what a user asks of a running Swipr about their own account."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import requests
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cli import report_page
from cli.client import Client, ClientError
from cli.report_lines import lines
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
)
from cli.users import show_receipt
from local import durable

LOOK_S = 0.3
EXPORT_S = 900.0
STOPPING_S = 30.0
FETCH_TIMEOUT_S = 60
_PIECE_BYTES = 1 << 20
Reason = Annotated[str, typer.Option(help="Kept in the switch's history.")]


def on(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    reason: Reason = "",
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Switch on: a session looks at the deck at once."""
    where = Where(data, user, stack, region)
    as_user(where, lambda client: _switch(client, enabled=True, reason=reason, as_json=as_json), as_json=as_json)


def off(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    reason: Reason = "",
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Switch off, and wait until an action that is under way has ended.

    Exit status: 0 it is off; 1 it could not be done, or an action is still under way (nothing begins after it).
    """
    where = Where(data, user, stack, region)
    as_user(where, lambda client: _switch(client, enabled=False, reason=reason, as_json=as_json), as_json=as_json)


def report(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    html: Annotated[
        Path | None, typer.Option(help="Write it to this file, with plots: one page that needs nothing else.")
    ] = None,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Say how well it does: each figure with how many it is of, none without enough of them."""
    where = Where(data, user, stack, region)
    as_user(where, lambda client: _report(client, html, as_json=as_json), as_json=as_json)


def export(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    out: Annotated[Path | None, typer.Option(help="The file to write; else swipr-<user>-<date>.zip here.")] = None,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Fetch everything that is kept for you, but the deck's token, as one archive; `swipr import` takes it in again."""
    file = out or Path(f"swipr-{stack or user}-{datetime.now().astimezone():%Y-%m-%d}.zip")
    where = Where(data, user, stack, region)
    as_user(where, lambda client: _export(client, file, as_json=as_json), as_json=as_json)


def forget(
    card_id: Annotated[str, typer.Argument(metavar="CARD_ID", help="As the page and the API name it: deck:id.")],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Forget all about one person, but that they were swiped, and print a receipt."""
    as_user(Where(data, user, stack, region), lambda client: _forget(client, card_id, as_json=as_json), as_json=as_json)


def _switch(client: Client, *, enabled: bool, reason: str, as_json: bool) -> None:
    status = client.put("/v1/switch", {"enabled": enabled, "reason": reason})
    until = time.monotonic() + STOPPING_S
    while status["switch"] == "stopping" and time.monotonic() < until:
        time.sleep(LOOK_S)
        status = client.get("/v1/status")
    if status["switch"] != ("on" if enabled else "off"):
        raise ClientError("an action is still under way; nothing begins after it")
    if as_json:
        echo_json(status)
        return
    state, said = status["switch"].capitalize(), status["status"]["text"] if status["status"] else ""
    typer.echo(said if said.startswith(state) else f"{state}. {said}".strip())


def _report(client: Client, html: Path | None, *, as_json: bool) -> None:
    found = client.get("/v1/report")
    if html is not None:
        _write_private(html, report_page.page(found))
    if as_json:
        echo_json(found)
        return
    if html is not None:
        typer.echo(f"{html}: open it in a browser")
        return
    for name, line in lines(found):
        typer.echo(f"{name:<12} {line}")


def _write_private(file: Path, text: str) -> None:
    """Of what a person likes: for nobody else from the first byte. Written anew where there is one."""
    try:
        with durable.draft([text.encode()], temp=file.absolute().parent) as draft:
            durable.rename(draft, file)
    except OSError as error:
        raise ClientError(f"{file}: cannot be written: {error.strerror}; name another with --html") from None


def _export(client: Client, out: Path, *, as_json: bool) -> None:
    if out.exists():
        raise ClientError(f"{out} is there already; name another file with --out")
    with _bar() as progress:
        state = _written(client, progress)
        size = _fetch(client, state["url"], out, progress)
    if as_json:
        echo_json({"file": str(out), "bytes": size, "photos_left_out": state["photos_left_out"]})
        return
    left = f"; {state['photos_left_out']} photos did not fit" if state["photos_left_out"] else ""
    typer.echo(f"{out}: {size / 1e6:.1f} MB{left}")


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _written(client: Client, progress: Progress) -> Json:
    task = progress.add_task("Writing ", total=None)
    state = client.post("/v1/exports", {})
    until = time.monotonic() + EXPORT_S
    while state["state"] in ("waiting", "writing"):
        if time.monotonic() > until:
            raise ClientError("it was not written in time; ask again later")
        time.sleep(LOOK_S)
        state = client.get(f"/v1/exports/{state['export_id']}")
    if state["state"] != "ready":
        raise ClientError(f"not written: {state['why']}")
    progress.remove_task(task)
    return state


def _fetch(client: Client, url: str, out: Path, progress: Progress) -> int:
    """Private from the first byte; one cut short is not left behind."""
    try:
        with client.plain_session() as session, session.get(url, stream=True, timeout=FETCH_TIMEOUT_S) as answer:
            if not answer.ok:
                raise ClientError(f"the archive does not come: HTTP {answer.status_code}")
            size = int(answer.headers.get("Content-Length", 0)) or None
            task = progress.add_task("Fetching", total=size)
            pieces = _told(answer.iter_content(_PIECE_BYTES), lambda n: progress.advance(task, n))
            with durable.draft(pieces, temp=out.absolute().parent) as draft:
                durable.rename(draft, out)
    except requests.RequestException as error:
        raise ClientError(f"the archive does not come ({type(error).__name__}); try again") from None
    except OSError as error:
        raise ClientError(f"{out}: cannot be written: {error.strerror}") from None
    return out.stat().st_size


def _told(pieces: Iterable[bytes], tell: Callable[[int], None]) -> Iterator[bytes]:
    for piece in pieces:
        tell(len(piece))
        yield piece


def _forget(client: Client, card_id: str, *, as_json: bool) -> None:
    receipt = client.delete(f"/v1/cards/{quote(card_id, safe='')}")
    if as_json:
        echo_json(receipt)
    else:
        show_receipt(f"{card_id} is forgotten", receipt)
