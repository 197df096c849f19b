"""A hand-off with drawn photos, as a folder of objects: a taste for upright stripes."""

import base64
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from swipr import dataset
from swipr.candidates import candidate
from swipr.dataset import Line
from swipr.models import Handoff

AT = datetime(2026, 3, 1, tzinfo=UTC)
DIMENSIONS = 16
BACKBONE = hashlib.sha256(b"a backbone for training").hexdigest()


def picture(upright: bool, seed: int, side: int = 48) -> bytes:
    """A PNG of faint stripes in much noise, in any colours; a mirrored one is of the same kind."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    along = x if upright else y
    wave = np.sin(along / random.uniform(2.0, 3.0) + random.uniform(0, 6))
    colour = random.uniform(8, 24, 3)
    drawn = 128 + wave[..., None] * colour + random.normal(0, 45, (side, side, 3))
    body = io.BytesIO()
    Image.fromarray(drawn.clip(0, 255).astype(np.uint8)).save(body, "PNG")
    return body.getvalue()


def hand_over(
    folder: Path, labels: int = 60, *, photos_of: int = 1, with_photos: int | None = None, seed: int = 0
) -> Handoff:
    """Write request, labels and photos below `folder`. Features tell some of it, photos all."""
    random = np.random.default_rng(seed)
    kept = labels if with_photos is None else with_photos
    lines, likes = [], 0
    for number in range(labels):
        liked = bool(number % 2)
        likes += liked
        row = random.normal(0, 1, DIMENSIONS) + 0.3 * (1 if liked else -1)
        names = [f"labelled/ann/{number:04d}/{place:02d}.png" for place in range(photos_of)] if number < kept else []
        for place, name in enumerate(names):
            put(folder, name, picture(liked, 1000 * seed + 10 * number + place))
        lines.append(
            Line(
                card_id=f"fake:{number:04d}",
                choice="like" if liked else "pass",
                labelled_at=AT + timedelta(seconds=number),
                source="taught",
                chosen_by=("person", "diverse", "random")[number % 3],
                features=base64.b64encode(row.astype("<f2").tobytes()).decode(),
                photos=tuple(names),
            )
        )
    body = "".join(f"{line.model_dump_json()}\n" for line in lines).encode()
    handoff = Handoff(
        handoff_id=hashlib.sha256(f"{seed} {labels}".encode()).hexdigest()[:32],
        user_id="ann",
        labels_hash="e" * 64,
        labels=labels,
        likes=likes,
        passes=labels - likes,
        model_version=3,
        split_seed=7 + seed,
        base_backbone=BACKBONE,
        code="tests",
        dataset=dataset.key_of(hashlib.sha256(f"{seed} {labels}".encode()).hexdigest()[:32]),
        photos=kept,
        wanted=candidate.WANTED,
        created_at=AT + timedelta(days=seed),
        deadline_at=AT + timedelta(days=14 + seed),
    )
    put(folder, handoff.dataset, body)
    put(folder, f"handoffs/{handoff.handoff_id}.json", handoff.model_dump_json().encode())
    return handoff


def put(folder: Path, key: str, body: bytes) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def files_of(folder: Path, name: str) -> dict[str, bytes]:
    """Of a candidate's folder, by name; checked against its sums."""
    found = {path.name: path.read_bytes() for path in (folder / name).iterdir()}
    sums = json.loads(found[candidate.SUMS])["files"]
    assert {name: hashlib.sha256(body).hexdigest() for name, body in found.items() if name != candidate.SUMS} == {
        name: stated["sha256"] for name, stated in sums.items()
    }
    return found
