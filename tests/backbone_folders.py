"""Backbone folders to test with: the built-in one, and others that differ from it by a weight."""

import json
from pathlib import Path
from typing import Any

from local.backbones import BUILT_IN, SHIPPED
from swipr import backbone

BUILTIN_FOLDER = SHIPPED / BUILT_IN
BUILTIN_SHA256 = json.loads((BUILTIN_FOLDER / "backbone.json").read_text())["sha256"]


def another(folder: Path, name: str = "another", weight: float = 0.25) -> Path:
    """A backbone made elsewhere: the built-in network with another weight, and a card without our own additions."""
    folder.mkdir(parents=True)
    card: dict[str, Any] = json.loads((BUILTIN_FOLDER / "backbone.json").read_text())
    card = {key: value for key, value in card.items() if key not in ("golden", "card_sha256", "note")}
    card["name"] = name
    card["outputs"][0]["weight"] = weight
    card["sha256"] = backbone.identity(card)
    for file in card["files"]:
        (folder / file).write_bytes((BUILTIN_FOLDER / file).read_bytes())
    (folder / "backbone.json").write_text(json.dumps(card))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below the folder with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
