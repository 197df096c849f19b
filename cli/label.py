"""`swipr label import`: a file or folder of corrected labels to a running Swipr, followed to its report."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.client import Client, ClientError
from cli.label_files import LabelFileError, UploadForm, open_labels
from cli.said import Where, plain

UPLOAD_TIMEOUT_S = 60  # between two pieces, and for the answer
LOOK_S = 0.3
#: Longer than an upload waits before it is tried again.
SILENCE_S = 300.0
SHOWN = 10
TAKEN, SOME_REFUSED, FAILED = 0, 1, 2
Json = dict[str, Any]


@dataclass(frozen=True)
class Chosen:
    """The options of `swipr label import`."""

    path: Path
    where: Where
    as_json: bool
    wait: bool


def run(chosen: Chosen) -> int:
    """0 all rows were taken, 1 some were refused, 2 it failed; said on the screen, or as one JSON object."""
    screen = Console(highlight=False, soft_wrap=True, stderr=chosen.as_json)
    try:
        report = _import(chosen, screen)
    except (ClientError, LabelFileError) as error:
        if chosen.as_json:
            print(json.dumps({"state": "failed", "why": str(error)}))
        else:
            screen.print(f"swipr: {error}", style="red", markup=False)
        return FAILED
    if chosen.as_json:
        print(json.dumps(report))
    else:
        for line in summary(report):
            screen.print(line, markup=False)
    if report["state"] == "failed":
        return FAILED
    return SOME_REFUSED if report.get("refused") else TAKEN


def summary(report: Json) -> Iterator[str]:
    """What became of it, in lines."""
    if report["state"] == "waiting":
        yield f"Uploaded as {report['upload_id']}; what becomes of it: GET /v1/uploads/{report['upload_id']}"
        return
    if report["why"]:
        yield f"Not taken: {plain(report['why'])}"
    if report.get("restored"):
        restored = ", ".join(f"{n} {kind}" for kind, n in report["restored"].items())
        yield f"Restored {restored}; refused {report['refused']}"
    else:
        yield f"Taken {report['taken']} of {report['total'] or report['seen']} labels; refused {report['refused']}"
    refused = [row for row in report["rows"] if not row["taken"]]
    for row in refused[:SHOWN]:
        named = row.get("name") or row.get("card_id") or ""
        yield f"  row {row['row']} {plain(named)}: {plain(row['why'])}"
    if len(refused) > SHOWN:
        yield f"  and {len(refused) - SHOWN} more: --json lists them all"


def _import(chosen: Chosen, screen: Console) -> Json:
    """Raises ClientError or LabelFileError."""
    client = chosen.where.client()
    try:
        name, file = open_labels(chosen.path)
        with file, _bar(screen) as (progress, task):
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise LabelFileError(f"{chosen.path}: is empty")
            opened = client.post("/v1/uploads", {"name": name, "size": size})
            form = UploadForm(opened["fields"], name, file, size)
            _send(client, opened["url"], form, lambda sent: progress.update(task, total=size, completed=sent))
            upload_id = opened["upload_id"]
            if not chosen.wait:
                return {"upload_id": upload_id, "state": "waiting", "key": opened["key"]}
            progress.update(task, description="Reading   ", total=None, completed=0)
            return _follow(client, upload_id, lambda r: progress.update(task, total=r["total"], completed=r["seen"]))
    finally:
        client.close()


def _send(client: Client, url: str, form: UploadForm, told: Callable[[int], None]) -> None:
    with client.plain_session() as session:
        try:
            headers = {"Content-Type": form.content_type}
            answer = session.post(url, data=_Told(form, told), headers=headers, timeout=UPLOAD_TIMEOUT_S)
        except requests.RequestException as error:
            raise ClientError(f"the upload broke off ({type(error).__name__}); try again") from None
    if not answer.ok:
        raise ClientError(f"the upload was refused: HTTP {answer.status_code}")


class _Told:
    """The form's body, telling how much of the file has gone."""

    def __init__(self, form: UploadForm, told: Callable[[int], None]) -> None:
        self._form, self._told = form, told

    def __len__(self) -> int:
        return len(self._form)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")

    def read(self, size: int = -1) -> bytes:
        piece = self._form.read(size)
        self._told(self._form.sent)
        return piece


def _follow(client: Client, upload_id: str, told: Callable[[Json], None]) -> Json:
    """The report once it is at its end."""
    changed = time.monotonic()
    last: Json = {}
    while True:
        report = client.get(f"/v1/uploads/{upload_id}")
        if report["state"] in ("done", "failed"):
            return report
        told(report)
        now = time.monotonic()
        if report["at"] != last.get("at"):
            last, changed = report, now
        if now - changed > SILENCE_S:
            raise ClientError(f"no news of upload {upload_id} for {SILENCE_S:g} s; it may still be read in later")
        time.sleep(LOOK_S)


@contextmanager
def _bar(screen: Console) -> Iterator[tuple[Progress, Any]]:
    percent = TextColumn("{task.percentage:>3.0f} %")
    columns = TextColumn("{task.description}"), BarColumn(), percent, TimeRemainingColumn()
    with Progress(*columns, console=screen, transient=True) as progress:
        yield progress, progress.add_task("Uploading ", total=None)
