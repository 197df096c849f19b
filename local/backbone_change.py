"""Another backbone for a data folder that is in use: labels follow by their photos, heads are fitted anew.

The record says what is being changed to before anything changes and until all is done, so a change cut short is seen
at the next start, and doing it again finishes it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request

from local import backbone_folder, backbones
from local.backbones import BackboneError, Record
from local.blob_door import BlobDoor
from local.blobs import FileBlobs
from local.data_folder import DataFolder, open_folder
from local.database import Database
from local.judge_process import JudgeProcess
from local.secrets import derive_key
from local.store import SqliteStore
from local.web_server import LOOPBACK, WebServer
from swipr.errors import ModelError
from swipr.judging import Judge
from swipr.learning.refitting import refit
from swipr.models import ModelVersion
from swipr.reembedding import Followed, reembed

JUDGE_MB = 1769
JUDGE_S = 60.0
Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Changed:
    """What became of one user; `model` is None where too few labels could follow to learn from."""

    user_id: str
    labels: Followed
    model: ModelVersion | None


@dataclass(frozen=True)
class _Install:
    store: SqliteStore
    blobs: FileBlobs
    judge: Judge


def use(
    data: Path, name: str, now: Callable[[], datetime], told: Told = lambda *_: None
) -> tuple[Record, list[Changed]]:
    """Change the data folder's backbone to the one named; idempotent. `told` of user, labels done and labels in all.

    Raises BackboneError, or DataFolderError while a runtime is at work on the folder.
    """
    with open_folder(data) as folder:
        target = backbones.keep(folder.path, backbones.find(folder.path, name))
        card = _checked(target)
        new = Record(
            target.name, card["sha256"], "chosen with `swipr backbone use`", now().isoformat(timespec="seconds")
        )
        backbones.write_record(folder.path, _before(folder.path, new)._replace(changing_to=target.name))
        changed = list(_change(folder, target, card["sha256"], now, told))
        backbones.write_record(folder.path, new)
    return new, changed


def _checked(folder: Path) -> backbone_folder.Card:
    try:
        return backbone_folder.check(folder)
    except ModelError as error:
        raise BackboneError(f"{folder.name} cannot be used: {error}") from error


def _before(data: Path, new: Record) -> Record:
    try:
        return backbones.read_record(data) or new
    except BackboneError:  # damaged: this is how it is mended
        return new


def _change(
    folder: DataFolder, target: Path, sha256: str, now: Callable[[], datetime], told: Told
) -> Iterator[Changed]:
    users = backbones.users(folder.path)
    if not users:
        return
    with _opened(folder, target, now) as install:
        for user_id in users:
            yield _change_user(user_id, install, sha256, now, told)


def _change_user(user_id: str, install: _Install, sha256: str, now: Callable[[], datetime], told: Told) -> Changed:
    strangers = [label for label in install.store.labels(user_id) if label.backbone != sha256]
    try:
        followed = reembed(
            strangers,
            store=install.store,
            blobs=install.blobs,
            judge=install.judge,
            backbone=sha256,
            at=now(),
            told=lambda done: told(user_id, done, len(strangers)),
        )
    except ModelError as error:
        raise BackboneError(f"the labels of {user_id} cannot be embedded: {error}") from error
    packs = install.blobs.keys(f"features/{user_id}/")
    install.blobs.delete([key for key in packs if sha256[:12] not in key])
    model = refit(user_id, install.store, install.blobs, now=now(), code="swipr backbone use", backbone=sha256)
    return Changed(user_id, followed, model or _newest_of(user_id, install.store, sha256))


def _newest_of(user_id: str, store: SqliteStore, sha256: str) -> ModelVersion | None:
    """The newest model, if it is of this backbone: then there was nothing new to learn."""
    newest = next(iter(store.models(user_id, limit=1)), None)
    return newest if newest is not None and newest.backbone == sha256 else None


@contextmanager
def _opened(folder: DataFolder, target: Path, now: Callable[[], datetime]) -> Iterator[_Install]:
    """The folder's store and blobs, and a judge with the new backbone that may read from them."""
    with ExitStack() as stack:
        database = Database(folder.database)
        stack.callback(database.close)
        server: WebServer
        blobs = FileBlobs(
            folder.blobs,
            sign_key=derive_key(folder.key, "blob addresses"),
            base_url=lambda: f"http://{LOOPBACK}:{server.port}",
            now=now,
        )
        server = WebServer(_door(blobs))
        stack.callback(server.stop)
        server.start()
        environment = {"BACKBONE_DIR": str(target.resolve()), "PHOTO_ORIGIN": f"http://{LOOPBACK}:{server.port}"}
        judge = stack.enter_context(
            JudgeProcess("functions/judge/app.py", env=environment, memory_mb=JUDGE_MB, timeout_s=JUDGE_S)
        )
        yield _Install(SqliteStore(database), blobs, judge)


def _door(blobs: FileBlobs) -> Callable[[dict[str, Any], Any], Any]:
    door = BlobDoor(blobs)
    return lambda environ, start: door.handle(Request(environ))(environ, start)
