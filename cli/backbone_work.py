"""What `swipr backbone` does, said on the screen and given back as a value for `--json`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from local import backbone_change, backbone_choice, backbone_folder, backbones, recommended
from local.backbone_choice import Sources
from local.backbones import BackboneError
from local.data_folder import DataFolderError, open_folder
from local.download import DownloadError
from swipr.errors import ModelError

Json = dict[str, Any]


def answered(action: Callable[[Console], Json], *, as_json: bool = False) -> int:
    """The exit status of doing it; what it found, or what goes wrong, is said in words or as one JSON object."""
    screen = Console(highlight=False, soft_wrap=True, stderr=as_json)
    try:
        found = action(screen)
    except (BackboneError, DataFolderError, DownloadError, ModelError, OSError) as error:
        if as_json:
            print(json.dumps({"error": str(error)}))
        else:
            screen.print(f"swipr: {error}", style="red", markup=False)
        return 1
    if as_json:
        print(json.dumps(found))
    return 0


def pull(screen: Console, data: Path, weights: Path | None, mirror: str | None, photos: Path | None) -> Json:
    """Install the recommended backbone."""
    sources = sources_of(weights, mirror, screen, photos)
    if not (data / "lock").exists():
        open_folder(data).close()  # makes it ours, or says why it cannot be
    folder, origin = backbone_choice.install(data, sources)
    card = backbone_folder.read_card(folder)
    screen.print(f"{card['name']} is installed in {folder}: {origin}", markup=False)
    screen.print(f"Licence    {card['licence']}; from {card['source']}", markup=False)
    screen.print(f"Reference  {card['reference']}", markup=False)
    screen.print(f"sha256     {card['sha256']}", markup=False)
    record = backbones.read_record(data)
    if record is not None and record.sha256 != card["sha256"]:
        screen.print(f"In use is {record.name}; `swipr backbone use {folder.name}` changes it.", markup=False)
    facts = {name: card[name] for name in ("name", "licence", "source", "sha256")}
    return {**facts, "folder": str(folder), "origin": str(origin)}


def list_(screen: Console, data: Path) -> Json:
    """What there is and who uses it."""
    record = backbones.read_record(data)
    taught = backbones.taught(data)
    everything = backbones.known(data)
    installed = {known.card.get("sha256") for known in everything[1:]}
    listed: list[Json] = []
    for known in everything[1:] if everything[0].card["sha256"] in installed else everything:
        users = [f"{each.user_id}: {each.labels} labels" for each in taught if each.sha256 == known.card.get("sha256")]
        used = ["this data folder"] if record is not None and _is_recorded(known, record) else []
        screen.print(f"{known.name:<14} {_facts(known)}", markup=False)
        screen.print(f"{'':<14} in use by {', '.join(used + users) or 'nobody'}", markup=False)
        facts = {name: known.card.get(name) for name in ("sha256", "licence")}
        labels = {each.user_id: each.labels for each in taught if each.sha256 == known.card.get("sha256")}
        listed.append({"name": known.name, **facts, "in_use": bool(used), "labels": labels})
    if record is not None and record.changing_to is not None:
        screen.print(f"A change to {record.changing_to} was cut short: `swipr backbone use {record.changing_to}`")
    return {"backbones": listed, "changing_to": record.changing_to if record is not None else None}


def use(screen: Console, data: Path, name: str) -> Json:
    """Change the backbone and say what became of every label."""
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def told(user_id: str, done: int, total: int) -> None:
            if user_id not in tasks:
                tasks[user_id] = progress.add_task(f"Labels of {user_id}", total=total)
            progress.update(tasks[user_id], completed=done)

        record, changed = backbone_change.use(data, name, _now, told)
        progress.stop()
        screen.print(f"In use     {record.name} (sha256 {record.sha256[:12]})", markup=False)
        for each in changed:
            _say_changed(each, screen)
    return {"name": record.name, "sha256": record.sha256, "users": [_changed(each) for each in changed]}


def _changed(changed: backbone_change.Changed) -> Json:
    return {
        "user_id": changed.user_id,
        "followed": len(changed.labels.followed),
        "left": [label.card_id for label in changed.labels.left],
        "version": changed.model.version if changed.model else None,
    }


def check(screen: Console, data: Path, name: str | None) -> Json:
    """Verify one backbone or all."""
    places = {known.name: known.folder for known in backbones.known(data)}
    if name is not None:
        places = {name: backbones.find(data, name)}
    wrong = [place for place, folder in places.items() if not _is_sound(place, folder, screen)]
    if wrong:
        raise BackboneError(f"not sound: {', '.join(wrong)}; `swipr backbone pull` makes {recommended.NAME} anew")
    return {"sound": list(places)}


# --- for `swipr up` too -----------------------------------------------------------------------------------


def sources_of(weights: Path | None, mirror: str | None, screen: Console, photos: Path | None = None) -> Sources:
    """Where a backbone may come from, its download shown on the screen."""

    @contextmanager
    def progress(title: str, size: int) -> Iterator[Callable[[int], None]]:
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
            task = bar.add_task(title, total=size)
            yield lambda done: bar.update(task, completed=done)

    return Sources(weights, mirror, photos, progress)


# --- small ones -------------------------------------------------------------------------------------------


def _now() -> datetime:
    return datetime.now(UTC)


def _is_recorded(known: backbones.Known, record: backbones.Record) -> bool:
    return known.name == record.name and known.card.get("sha256") == record.sha256


def _facts(known: backbones.Known) -> str:
    card = known.card
    if not card:
        return "damaged: its card cannot be read"
    dimensions = sum(int(output["dimensions"]) for output in card["outputs"])
    size = sum((known.folder / file).stat().st_size for file in card["files"] if (known.folder / file).is_file())
    return (
        f"{card.get('licence', 'licence unknown')}, {size / 1e6:.2f} MB, {dimensions} dimensions of a photo of "
        f"{card['input']['size_px']} px, sha256 {card['sha256'][:12]}"
    )


def _say_changed(changed: backbone_change.Changed, screen: Console) -> None:
    followed, left = changed.labels.followed, changed.labels.left
    model = f"model v{changed.model.version}" if changed.model else "no model: teach at least two likes and two passes"
    screen.print(f"{changed.user_id:<10} {len(followed)} labels followed; {model}", markup=False)
    if left:
        screen.print(
            f"{'':<10} {len(left)} labels cannot follow, since no photos of theirs are kept. They stay stored and "
            "count again if you go back. To teach them to this backbone, label these cards anew:",
            markup=False,
        )
        for label in left:
            screen.print(f"{'':<12} {label.card_id} ({label.choice})", markup=False)


def _is_sound(name: str, folder: Path, screen: Console) -> bool:
    try:
        card = backbone_folder.check(folder)
    except ModelError as error:
        screen.print(f"{name}: {error}", style="red", markup=False)
        return False
    screen.print(
        f"{name}: sound ({card['name']}, sha256 {card['sha256'][:12]}, golden picture as expected)", markup=False
    )
    return True
