"""`swipr predict`: photos by file or link, judged by the person's own model."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import requests
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.client import Client, ClientError, RefusedError
from cli.decisions import shown_score
from cli.label_files import UploadForm
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

#: What the API takes in the request itself; larger ones are uploaded.
INLINE_BYTES = 4_000_000
MOST_BYTES = 10_000_000
UPLOAD_TIMEOUT_S = 60
LINKS = ("http://", "https://")
KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}
#: Of these statuses the next photo would fare no better: not signed in, no model yet, too many requests.
HOPELESS = (401, 403, 409, 429)
TASTE = "A score is your taste on these photos, learned from your labels; it says nothing of anybody's worth."


def predict(
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO...", help="Files (JPEG, PNG, WebP) or https links.")],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Judge photos by your own model: the score, the verdict, and how sure that is. Nothing is kept or swiped.

    Exit status: 0 all were judged; 1 some could not be, or none (the message says why); 2 an argument is wrong.
    """
    as_user(Where(data, user, stack, region), lambda client: _predict(client, photos, as_json=as_json), as_json=as_json)


def _predict(client: Client, photos: Sequence[str], *, as_json: bool) -> None:
    judged = _judged(client, photos)
    model = client.get("/v1/status")["model"]
    labels = model["labels"] if model else 0
    for each in judged:
        if "error" not in each:
            each["text"] = in_words(each, labels)
    if as_json:
        echo_json({"predictions": judged})
    else:
        _show(judged)
    if any("error" in each for each in judged):
        raise typer.Exit(1)


def _judged(client: Client, photos: Sequence[str]) -> list[Json]:
    """One answer or error each, in order. Raises ClientError where no photo would fare better."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    found: list[Json] = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for photo in progress.track(photos, description="Judging"):
            try:
                found.append({"photo": photo, **_answer(client, photo)})
            except RefusedError as error:
                if error.status in HOPELESS:
                    raise
                found.append({"photo": photo, "error": str(error).partition(": ")[2]})
            except PhotoFileError as error:
                found.append({"photo": photo, "error": str(error)})
    return found


class PhotoFileError(Exception):
    """This photo cannot be sent; the message says why and what to do."""


def _answer(client: Client, photo: str) -> Json:
    if photo.startswith(LINKS):
        return client.post("/v1/predict", {"url": photo})
    body, content_type = _read(Path(photo))
    if len(body) <= INLINE_BYTES:
        return client.post_photo("/v1/predict", body, content_type)
    return client.post("/v1/predict", {"upload_id": _uploaded(client, body)})


def _read(path: Path) -> tuple[bytes, str]:
    """Raises PhotoFileError."""
    try:
        if path.is_dir():
            raise PhotoFileError(f"is a folder; name its photos, for example {path}/*.jpg")
        if path.stat().st_size > MOST_BYTES:
            raise PhotoFileError(f"is larger than {MOST_BYTES / 1e6:.0f} MB; make it smaller")
        body = path.read_bytes()
    except OSError as error:
        raise PhotoFileError(f"cannot be read: {error.strerror}") from None
    kind = next((kind for magic, kind in KINDS.items() if body.startswith(magic)), None)
    if kind is None:
        raise PhotoFileError("is not a JPEG, PNG or WebP photo")
    return body, kind


def _uploaded(client: Client, body: bytes) -> str:
    opened = client.post("/v1/predict/uploads", {})
    form = UploadForm(opened["fields"], "photo", io.BytesIO(body), len(body))
    try:
        with client.plain_session() as session:
            headers = {"Content-Type": form.content_type}
            answer = session.post(opened["url"], data=form, headers=headers, timeout=UPLOAD_TIMEOUT_S)
    except requests.RequestException as error:
        raise ClientError(f"the upload broke off ({type(error).__name__}); try again") from None
    if not answer.ok:
        raise ClientError(f"the upload was refused: HTTP {answer.status_code}; try again")
    upload_id: str = opened["upload_id"]
    return upload_id


# --- in words ------------------------------------------------------------------------------------------------


def in_words(prediction: Json, labels: int) -> str:
    """How sure that is: of photos of such a score, how many the person would like by the model's own account."""
    if prediction["reason"].startswith("not enough"):
        return str(prediction["reason"])
    of_ten = max(0, min(10, math.floor(10 * prediction["score"] + 0.5)))
    share = {0: "hardly any", 10: "nearly all"}.get(of_ten, f"about {of_ten} of 10")
    sure = "too near your line to say; " if prediction["verdict"] == "unsure" else ""
    return f"{sure}you would like {share} photos scored like this, as far as {labels} labels tell"


def _show(judged: Sequence[Json]) -> None:
    table = Table(box=None)
    for name in ("photo", "verdict", "score", "line", "words"):
        table.add_column(name, overflow="fold", no_wrap=name in ("verdict", "score", "line"))
    for each in judged:
        if "error" in each:
            table.add_row(plain(each["photo"]), "not judged", "", "", plain(each["error"]))
        else:
            scores = [shown_score(each[name]) for name in ("score", "threshold")]
            table.add_row(plain(each["photo"]), each["verdict"], *scores, plain(each["text"]))
    echo_table(table)
    typer.echo(TASTE)
