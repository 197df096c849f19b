"""`swipr up --deck folder`: what is to be judged, by which labels, and where the results go."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from swipr.decks.folder_results import Results
from swipr.decks.folder_scan import PhotoFolder

DECK = "folder"
#: In the data folder: that a person's own taste lives here, not the demo's.
MARK = "folder.json"
#: In the results: whose they are.
_OWNER = ".photos"
_CHOICES = ("like", "pass")


class FolderError(Exception):
    """The folder cannot be judged as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Job:
    photos: Path
    """The folder that is judged."""
    results: Path
    labels_from: Path | None
    """Holds `like` and `pass`."""
    moves: bool
    has_answers: bool
    """The photos lie in `like` and `pass` already, so that the verdicts can be compared."""

    def environment(self) -> dict[str, str]:
        return {
            "FOLDER_DECK": str(self.photos),
            "FOLDER_RESULTS": str(self.results),
            "FOLDER_MOVES": "true" if self.moves else "false",
        }

    def own_results(self) -> None:
        """Make the folder of results and mark it as that of these photos."""
        self.results.mkdir(parents=True, exist_ok=True)
        (self.results / _OWNER).write_text(_owner_text(self.photos), encoding="utf-8")


@dataclass(frozen=True)
class Outcome:
    """Files by what became of them, how many verdicts agree with the folder's own names, and what was left out."""

    counts: Mapping[str, int]
    agreed: int
    compared: int
    links: int


def job_of(photos: Path | None, labels_from: Path | None, out: Path | None, *, moves: bool, data: Path) -> Job:
    """Raises FolderError naming the option that is wrong."""
    if photos is None:
        raise FolderError("--deck folder needs --photos DIR (make run DECK=folder PHOTOS=DIR)")
    if not photos.is_dir():
        raise FolderError(f"--photos {photos}: there is no such folder")
    photos = photos.resolve()
    judged, has_answers = photos, False
    if labels_from is None and _is_split(photos):
        judged, labels_from, has_answers = photos / "test", photos / "train", _has_choices(photos / "test")
    elif labels_from is not None:
        labels_from = _labels_folder(labels_from)
    results = _results_folder(photos, judged, out, data.resolve())
    return Job(judged, results, labels_from, moves, has_answers)


def outcome_of(job: Job) -> Outcome:
    rows = Results(job.results, kept=False).rows.values()
    pairs = [(row.path.split("/")[0], row.verdict) for row in rows if row.verdict in _CHOICES]
    look = PhotoFolder(job.photos, leave_out=job.results).look()
    return Outcome(
        counts=Counter(row.verdict for row in rows),
        agreed=sum(own == verdict for own, verdict in pairs),
        compared=sum(own in _CHOICES for own, _ in pairs) if job.has_answers else 0,
        links=look.links,
    )


def _is_split(photos: Path) -> bool:
    return _has_choices(photos / "train") and (photos / "test").is_dir()


def _has_choices(folder: Path) -> bool:
    return all((folder / choice).is_dir() for choice in _CHOICES)


def _labels_folder(folder: Path) -> Path:
    for place in (folder, folder / "train"):
        if _has_choices(place):
            return place.resolve()
    raise FolderError(f"--labels-from {folder}: expected the folders like/ and pass/ in it, or in its train/")


def _results_folder(photos: Path, judged: Path, out: Path | None, data: Path) -> Path:
    if out is not None:
        results = out.resolve()
        if judged == results or judged.is_relative_to(results):
            raise FolderError(f"--out {out}: the photos lie in it; name another folder")
        if not _is_free_for(results, judged):
            raise FolderError(f"--out {out}: holds the results of other photos; name another folder")
        return results
    results = data / "folder-results" / photos.name
    if _is_free_for(results, judged):
        return results
    return results.with_name(f"{photos.name}-{sha256(str(judged).encode('utf-8', 'replace')).hexdigest()[:8]}")


def _is_free_for(results: Path, judged: Path) -> bool:
    mark = results / _OWNER
    return not mark.exists() or mark.read_text(encoding="utf-8") == _owner_text(judged)


def _owner_text(photos: Path) -> str:
    return str(photos).encode("utf-8", "backslashreplace").decode() + "\n"
