"""A backbone folder made whole: written beside its place, loaded, run on a golden picture, then moved there.

Besides what `swipr.backbone` reads, the card holds `golden`: the features of a fixed picture (base64 of float16), so
that another machine's arithmetic can be checked, and `card_sha256` over all the rest of the card.

onnxruntime is imported only where a network is run: every start reads cards.
"""

import base64
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from local import durable
from swipr.errors import ModelError

GRAPH, REFERENCE, CARD = "backbone.onnx", "reference.f32", "backbone.json"
_DRAFT = ".draft-"
_AT_MOST_S = 600.0  # a draft takes seconds
#: Relative distance; int8 kernels of other processors round differently, saturating ones are far beyond it.
GOLDEN_WITHIN = 0.05
Card = dict[str, Any]


def write(folder: Path, graph: bytes, reference: np.ndarray, facts: Mapping[str, Any]) -> Card:
    """Write graph, reference and card into an existing folder; `facts` is the card but for hashes."""
    files = {GRAPH: graph, REFERENCE: np.asarray(reference, "<f4").tobytes()}
    card = dict(facts) | {"files": {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}}
    card["sha256"] = _identity(card)
    for name, body in files.items():
        _put(folder / name, body)
    return write_card(folder, card)


def write_card(folder: Path, card: Mapping[str, Any]) -> Card:
    """Put the card with its own hash."""
    sealed = {key: value for key, value in card.items() if key != "card_sha256"}
    sealed["card_sha256"] = _card_hash(sealed)
    _put(folder / CARD, (json.dumps(sealed, indent=2, ensure_ascii=False) + "\n").encode())
    return sealed


def read_card(folder: Path) -> Card:
    """The card of a folder, not verified. Raises ModelError."""
    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"there is no backbone in {folder}: {CARD} is missing") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / CARD} cannot be read") from error
    if not isinstance(card, dict) or not isinstance(card.get("sha256"), str):
        raise ModelError(f"{folder / CARD} is no backbone's card")
    return card


def install(home: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Make a folder in `home` by `fill`, whole and checked or not at all; returns it.

    It is `name`, unless another sound backbone has that: then with its sha256 behind. The same one that is there
    already stays. Raises ModelError when what was filled in is not a sound backbone.
    """
    made_home = not home.exists()
    durable.make_folders(home)
    _remove(_abandoned(home))
    draft = home / f"{_DRAFT}{uuid.uuid4().hex}"
    draft.mkdir(mode=0o700)
    try:
        fill(draft)
        sha256 = check(draft)["sha256"]
        places = home / name, home / f"{name}-{sha256[:8]}"
        folder = next(place for place in places if _there(place) in (None, sha256))
        if _there(folder) is None:
            _replace(folder, draft)
        return folder
    finally:
        _remove([draft])
        if made_home and not any(home.iterdir()):
            home.rmdir()


def check(folder: Path) -> Card:
    """Verify every hash, load the network and run its golden picture. Raises ModelError naming what is wrong."""
    from swipr import backbone

    card = read_card(folder)
    if card.get("card_sha256") != _card_hash({key: value for key, value in card.items() if key != "card_sha256"}):
        raise ModelError(f"{CARD} has been changed: its own sha256 differs")
    network = backbone.load(folder)
    features = network.features(golden_picture(network.size_px)[None])[0]
    expected = _golden(card, network.dimensions)
    distance = float(np.linalg.norm(features - expected) / max(float(np.linalg.norm(expected)), 1e-9))
    if not distance <= GOLDEN_WITHIN:
        raise ModelError(
            f"{card['name']} gives other features for the golden picture than it should (off by {distance:.1%}); "
            "this machine's onnxruntime does not compute it rightly"
        )
    return card


def golden_picture(size_px: int) -> np.ndarray:
    """uint8 (size_px, size_px, 3): a slope, a chequerboard and a moiré, by whole numbers only."""
    y, x = np.mgrid[:size_px, :size_px]
    slope = (x + y) * 255 // (2 * size_px - 2)
    board = (x // 16 + y // 16) % 2 * 200 + 20
    moire = x * y // 8 % 256
    return np.stack([slope, board, moire], axis=2).astype(np.uint8)


def golden_of(features: np.ndarray) -> str:
    """As the card keeps it: features (dimensions,) in, text out."""
    return base64.b64encode(np.asarray(features, "<f2").tobytes()).decode()


def _identity(card: Card) -> str:
    from swipr import backbone

    return backbone.identity(card)


def _golden(card: Card, dimensions: int) -> np.ndarray:
    try:
        values = np.frombuffer(base64.b64decode(card["golden"], validate=True), "<f2")
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"{CARD} holds no golden features to check against") from None
    if len(values) != dimensions:
        raise ModelError(f"{CARD} holds {len(values)} golden features, not {dimensions}")
    return values.astype(np.float32)


def _card_hash(card: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _there(folder: Path) -> str | None:
    """The sha256 of the sound backbone in the folder; None if there is none."""
    try:
        return str(check(folder)["sha256"]) if folder.exists() else None
    except ModelError:
        return None


def _replace(folder: Path, draft: Path) -> None:
    old = folder.with_name(f"{_DRAFT}{uuid.uuid4().hex}")
    if folder.exists():
        os.replace(folder, old)
    durable.rename(draft, folder)
    _remove([old])


def _abandoned(parent: Path) -> list[Path]:
    """Drafts of processes that were killed; a young one may be of a process that is at it."""
    return [draft for draft in parent.glob(f"{_DRAFT}*") if time.time() - draft.stat().st_mtime > _AT_MOST_S]


def _put(path: Path, body: bytes) -> None:
    durable.write_file(path, body, temp=path.parent)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
