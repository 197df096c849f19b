"""The backbones of a data folder: what is installed in `backbones/`, and which one `backbone.json` says is in use.

    backbone.json   {"name", "sha256", "how", "chosen_at", "changing_to"}

`changing_to` names the backbone that a change cut short was about to bring in; nothing runs before it is finished.
"""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import local
from local import backbone_folder, durable
from swipr.errors import ModelError, SwiprError

SHIPPED = Path(local.__file__).resolve().parents[1] / "backbones"
BUILT_IN = "builtin"
RECORD = "backbone.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
Card = dict[str, Any]


class BackboneError(SwiprError):
    """There is no such backbone, or it cannot be used here; the message says why and what to do."""


class Record(NamedTuple):
    """Which backbone a data folder uses; `how` in words it came to be that one."""

    name: str
    sha256: str
    how: str
    chosen_at: str
    changing_to: str | None = None


class Known(NamedTuple):
    name: str
    folder: Path
    card: Card


class Taught(NamedTuple):
    """So many labels of this user were embedded by this backbone."""

    user_id: str
    sha256: str
    labels: int


def home(data: Path) -> Path:
    return data / "backbones"


def known(data: Path) -> list[Known]:
    """The built-in backbone, then the installed ones by name. The card of a damaged one is empty."""
    places = [(BUILT_IN, SHIPPED / BUILT_IN)]
    if home(data).is_dir():
        places += [(folder.name, folder) for folder in sorted(home(data).iterdir()) if _is_name(folder.name)]
    return [Known(name, folder, _card(folder)) for name, folder in places]


def find(data: Path, name: str) -> Path:
    """The folder of a backbone by name, or a path to one. Raises BackboneError naming what there is."""
    there = {each.name: each.folder for each in known(data)}
    if name in there:
        return there[name]
    path = Path(name)
    if (path / backbone_folder.CARD).is_file():
        return path.resolve()
    raise BackboneError(f"there is no backbone {name!r}; there are {', '.join(there)}, or name a backbone's folder")


def keep(data: Path, source: Path) -> Path:
    """Copy a backbone into the data folder, so that it cannot go away or change; one kept already stays.

    Raises BackboneError for a folder that is no sound backbone.
    """
    if source.parent == home(data).resolve():
        return source

    def fill(draft: Path) -> None:
        for name in (backbone_folder.GRAPH, backbone_folder.REFERENCE, backbone_folder.CARD):
            (draft / name).write_bytes((source / name).read_bytes())
        _complete(draft)

    try:
        return backbone_folder.install(home(data), _name_of(backbone_folder.read_card(source)), fill)
    except (ModelError, OSError) as error:
        raise BackboneError(f"{source} is no backbone that can be used: {error}") from error


def _complete(folder: Path) -> None:
    """Add to the card of a backbone made elsewhere what ours have."""
    from swipr import backbone

    network = backbone.load(folder)
    card = backbone_folder.read_card(folder)
    if "golden" not in card:
        picture = backbone_folder.golden_picture(network.size_px)
        card["golden"] = backbone_folder.golden_of(network.features(picture[None])[0])
        card.pop("card_sha256", None)
    if "card_sha256" not in card:
        backbone_folder.write_card(folder, card)


def _is_name(name: str) -> bool:
    return name != BUILT_IN and _NAME.fullmatch(name) is not None


def _name_of(card: Card) -> str:
    """A name fit for a folder, and not that of the built-in one, which may change with the program."""
    name = re.sub(r"[^a-z0-9._-]+", "-", str(card.get("name", "")).lower()).strip("-._")[:40]
    return name if name not in ("", BUILT_IN) else "backbone"


def _card(folder: Path) -> Card:
    try:
        return backbone_folder.read_card(folder)
    except ModelError:
        return {}


# --- which one is in use ----------------------------------------------------------------------------------


def read_record(data: Path) -> Record | None:
    """None in a folder that has none yet. Raises BackboneError for a damaged one."""
    path = data / RECORD
    if not path.exists():
        return None
    try:
        return Record(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BackboneError(f"{path} is damaged; `swipr backbone use NAME` writes it anew") from error


def write_record(data: Path, record: Record) -> None:
    durable.write_file(data / RECORD, (json.dumps(record._asdict(), indent=2) + "\n").encode(), temp=data)


def in_use(data: Path, record: Record) -> Path:
    """The folder of the recorded backbone. Raises BackboneError if it is gone, another, or half changed."""
    if record.changing_to is not None:
        raise BackboneError(
            f"the change of backbone to {record.changing_to!r} was cut short: finish it with "
            f"`swipr backbone use {record.changing_to}`, or go back with `swipr backbone use {record.name}`"
        )
    folder = home(data) / record.name
    if _card(folder).get("sha256") != record.sha256:
        raise BackboneError(
            f"the backbone in use, {record.name!r}, is missing or damaged in {home(data)}: put it back, or choose "
            "another with `swipr backbone use NAME`"
        )
    return folder


def taught(data: Path) -> list[Taught]:
    """Whose labels were embedded by which backbone, read beside a runtime that may be running."""
    statement = """SELECT user_id, json_extract(record, '$.backbone'), count(*) FROM labels
                   GROUP BY 1, 2 ORDER BY 1, 3 DESC"""
    return [Taught(*row) for row in _rows(data, statement)]


def users(data: Path) -> list[str]:
    return [user_id for (user_id,) in _rows(data, "SELECT user_id FROM users ORDER BY 1")]


def _rows(data: Path, statement: str) -> list[tuple[Any, ...]]:
    path = data / "swipr.db"
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10.0)) as db:
            return db.execute(statement).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # its making was cut short
            return []
        raise BackboneError(f"{path} cannot be read: {error}") from error
