"""Which backbone a data folder works with: chosen on its first start, kept from then on.

In order: the one named; one made from the folder of weights; one fetched; the built-in one. Labels fix the choice,
since features of two backbones cannot be mixed: from the first one on only `swipr backbone use` changes it.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from local import backbone_folder, backbones, recommended
from local.backbones import BackboneError, Record
from local.download import DownloadError
from swipr.errors import ModelError

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
BETTER = f"`swipr backbone pull`, then `swipr backbone use {recommended.NAME}`"


def _silent(_title: str, _size: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _: None)


@dataclass(frozen=True)
class Sources:
    """Where a backbone may come from. `weights` rules out the network; `url` is a mirror of the pinned file."""

    weights: Path | None = None
    url: str | None = None
    photos: Path | None = None
    """To measure reference statistics on, instead of those beside the weights or shipped."""
    progress: Progress = _silent
    """Shows a download: of what, of how many bytes; told how many have come."""


class Choice(NamedTuple):
    """`says`: which backbone it is and what that means, in lines for a person."""

    folder: Path
    record: Record
    says: list[str]


def choose(data: Path, named: str | None, sources: Sources, now: Callable[[], datetime]) -> Choice:
    """The backbone to work with; `data` is open. Raises BackboneError when the one named cannot be used here."""
    record = backbones.read_record(data) or _of_labels(data, now)
    folder = None if record is None else backbones.in_use(data, record)
    if record is not None and folder is not None and (named is None or _sha256(data, named) == record.sha256):
        return _choice(folder, record)
    if record is not None and backbones.taught(data):
        raise BackboneError(
            f"the labels here were embedded by {record.name!r}, so it is fixed: stop, change it with "
            f"`swipr backbone use {named}`, and start again without --backbone"
        )
    if named is not None:
        return _begin(data, _apart(backbones.keep, data, backbones.find(data, named)), "named", now)
    return _first(data, sources, now)


def install(data: Path, sources: Sources) -> tuple[Path, str]:
    """Make the recommended backbone in the data folder; its folder, and where it came from in words.

    One that is there and sound is made again to the same end. Raises DownloadError or ModelError.
    """
    network, origin = _network(sources)
    return _apart(_make, data, network, sources.weights, sources.photos, origin), origin


def _make(data: Path, network: bytes, weights: Path | None, photos: Path | None, origin: str) -> Path:
    reference = _reference(network, weights, photos)
    return backbone_folder.install(
        backbones.home(data), recommended.NAME, lambda draft: recommended.write(draft, network, reference, origin)
    )


def _apart(work: Callable[..., Path], *arguments: object) -> Path:
    """In a process of its own: onnx and onnxruntime would stay in the memory of the one that goes on to serve."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool as error:
            raise ModelError("making the backbone was broken off; is there memory and disk left?") from error


def _network(sources: Sources) -> tuple[bytes, str]:
    if sources.weights is not None:
        return recommended.from_weights(sources.weights), f"read from {sources.weights.resolve().name}/"
    with sources.progress("Fetching the recommended backbone", recommended.PINNED.size) as progress:
        return recommended.fetched(sources.url, progress), "fetched from the commit that published it"


def _reference(network: bytes, weights: Path | None, photos: Path | None) -> recommended.Reference:
    if photos is not None:
        files = recommended.photos_below(photos)
        return recommended.reference_of_photos(network, files, "photos named by the user")
    beside = recommended.reference_beside(weights) if weights is not None else None
    return beside or recommended.shipped_reference()


def _first(data: Path, sources: Sources, now: Callable[[], datetime]) -> Choice:
    try:
        folder, origin = install(data, sources)
    except (DownloadError, ModelError) as error:
        choice = _begin(data, _apart(backbones.keep, data, backbones.SHIPPED / backbones.BUILT_IN), "built in", now)
        return choice._replace(says=[*choice.says, f"the recommended one was not to be had: {error}"])
    return _begin(data, folder, origin, now)


def _begin(data: Path, folder: Path, how: str, now: Callable[[], datetime]) -> Choice:
    sha256 = str(backbone_folder.read_card(folder)["sha256"])
    record = Record(folder.name, sha256, how, now().isoformat(timespec="seconds"))
    backbones.write_record(data, record)
    return _choice(folder, record)


def _of_labels(data: Path, now: Callable[[], datetime]) -> Record | None:
    """For a folder older than its record: the backbone of most labels."""
    counts: Counter[str] = Counter()
    for each in backbones.taught(data):
        counts[each.sha256] += each.labels
    if not counts:
        return None
    ((sha256, _),) = counts.most_common(1)
    for known in backbones.known(data):
        if known.card.get("sha256") == sha256:
            return _begin(data, _apart(backbones.keep, data, known.folder), "by the labels", now).record
    raise BackboneError(
        f"the labels here were embedded by a backbone that is not installed (sha256 {sha256[:12]}): choose one with "
        "`swipr backbone use NAME`"
    )


def _sha256(data: Path, named: str) -> str:
    return str(backbone_folder.read_card(backbones.find(data, named))["sha256"])


def _choice(folder: Path, record: Record) -> Choice:
    card = backbone_folder.read_card(folder)
    name = f"{card['name']}, {record.how} ({card.get('licence', 'licence unknown')})"
    return Choice(folder, record, [name, *_means(card)])


def _means(card: backbone_folder.Card) -> list[str]:
    if card["name"] == recommended.NAME:
        return ["pretrained on a million photos: knows kinds of things, learns a taste from few labels"]
    built_in = backbone_folder.read_card(backbones.SHIPPED / backbones.BUILT_IN)
    if card["name"] == built_in["name"]:
        return [
            "our own small network, trained on a few thousand openly licensed pictures: "
            "clearly weaker than a pretrained one",
            f"for the better one, best before labelling: {BETTER}",
        ]
    return [str(card["note"])] if card.get("note") else []
