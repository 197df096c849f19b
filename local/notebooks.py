"""Executed notebooks show photos: they go when somebody on them is forgotten, or their user is deleted.

`swipr train` notes beside each notebook which labels it was made of. Forgetting takes a line out of these labels, so
that they are shorter; deleting takes them all.
"""

import json
import shutil
from contextlib import suppress
from pathlib import Path

from local.inbox import objects_folder
from local.training_home import FOLDER

MADE_OF = "made-of.json"


def note(work: Path, data: Path, dataset: str) -> None:
    """Before the notebook is begun. `dataset` is the hand-off's key of its labels."""
    size = _size(objects_folder(data) / dataset)
    (work / MADE_OF).write_text(json.dumps({"dataset": dataset, "size": size}))


def sweep(data: Path) -> int:
    """Remove notebooks whose labels are not whole any more, and all of a run whose labels are gone; how many runs.

    A notebook that is still being executed is written again, and removed again by the next call.
    """
    return sum(_swept(note.parent, data) for note in sorted((data / FOLDER).glob(f"*/{MADE_OF}")))


def _swept(work: Path, data: Path) -> bool:
    try:
        made_of = json.loads((work / MADE_OF).read_text())
        now = _size(objects_folder(data) / made_of["dataset"])
    except (FileNotFoundError, ValueError, KeyError):  # just being written, or removed
        return False
    if now is None:
        shutil.rmtree(work, ignore_errors=True)
        return True
    notebooks = list(work.glob("**/*.ipynb")) if now != made_of["size"] else []
    for each in notebooks:
        each.unlink(missing_ok=True)
    return bool(notebooks)


def _size(path: Path) -> int | None:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return None
