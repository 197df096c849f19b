"""`swipr doctor`: does it still work? Each part is looked at, and what is wrong comes with the next step."""

import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import typer

from cli.client import Admin, Client, ClientError
from cli.said import DEFAULT_DATA, DEFAULT_USER, AsJson, DataFolder, Json, Region, Stack, UserName, Where, echo_json
from local import backbone_folder, backbones
from swipr.errors import SwiprError

#: Below this a session's photos and the database may not fit any more.
FREE_BYTES = 500_000_000
#: A file from further ahead of the clock than this was written by a clock that ran ahead, or the clock went back.
AHEAD_S = 120.0
#: When this was written; a clock before it is wrong.
NOT_BEFORE = datetime(2026, 11, 1, tzinfo=UTC)


class Finding(NamedTuple):
    """One part: whether it is well, and in plain words what was found, with the next step where it is not."""

    name: str
    ok: bool
    text: str


def doctor(
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Does it still work? Looks at every part; exit status 1 if one is wrong.

    Of a stack: the clock, sign-in and API, the user, the deck; what failed for good is in `swipr dead-letters list`.
    """
    now = datetime.now(UTC)
    findings = list(look_at_stack(Where(data, user, stack, region), now) if stack else look(data, user, now))
    well = all(finding.ok for finding in findings)
    if as_json:
        echo_json({"ok": well, "checks": [finding._asdict() for finding in findings]})
    else:
        for finding in findings:
            typer.echo(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.name:<12} {finding.text}")
        typer.echo("Everything works." if well else "Something is wrong; the lines say what to do.")
    raise typer.Exit(0 if well else 1)


def look(data: Path, user: str, now: datetime) -> Iterator[Finding]:
    """All parts, one after the other; what another one needs is left out when that is wrong."""
    yield _guarded("clock", lambda: _clock(data, now))
    folder = _guarded("data folder", lambda: _folder(data))
    yield folder
    if not folder.ok:
        return
    yield _guarded("disk", lambda: _disk(data))
    yield _guarded("backbone", lambda: _backbone(data))
    runtime = _guarded("runtime", lambda: _runtime(data))
    yield runtime
    if not runtime.ok:
        return
    yield _guarded("judge", lambda: _judge(data))
    yield _guarded("messages", lambda: _messages(data))
    yield from _of_user(Where(data, user))


def look_at_stack(where: Where, now: datetime) -> Iterator[Finding]:
    """What can be asked of a stack as one of its users."""
    yield _guarded("clock", lambda: _clock(None, now))
    answers = _guarded("stack", lambda: _answers(where))
    yield answers
    if answers.ok:
        yield from _of_user(where)


def _of_user(where: Where) -> Iterator[Finding]:
    yield _guarded("user", lambda: _user(where))
    yield _guarded("deck", lambda: _deck(where))


def _guarded(name: str, look_at: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        return Finding(name, *look_at())
    except (ClientError, SwiprError, OSError, ValueError) as error:
        return Finding(name, False, str(error) or type(error).__name__)


def _clock(data: Path | None, now: datetime) -> tuple[bool, str]:
    if now < NOT_BEFORE:
        return False, f"says {now:%Y-%m-%d %H:%M} UTC; set it, as budgets count by the day"
    written = [path.stat().st_mtime for path in data.glob("swipr.db*")] if data and data.is_dir() else []
    ahead_s = max(written, default=0.0) - now.timestamp()
    if ahead_s > AHEAD_S:
        return False, f"is {ahead_s:.0f} s behind what was written last; set it, or wait that long"
    return True, f"{now:%Y-%m-%d %H:%M} UTC"


def _folder(data: Path) -> tuple[bool, str]:
    if not data.is_dir():
        return False, f"{data} is not there; `swipr up` makes it, --data names another"
    mode = stat.S_IMODE(data.stat().st_mode)
    if sys.platform != "win32" and mode & 0o077:
        return False, f"{data} can be read by others (mode {mode:o}); `chmod 700 {data}`"
    if not (data / "swipr.db").is_file():
        return False, f"{data} holds no database; start `swipr up` on it once"
    return True, str(data.resolve())


def _disk(data: Path) -> tuple[bool, str]:
    free = shutil.disk_usage(data).free
    if free < FREE_BYTES:
        return False, f"{free / 1e6:.0f} MB free; free at least {FREE_BYTES / 1e6:.0f} MB"
    return True, f"{free / 1e9:.1f} GB free"


def _backbone(data: Path) -> tuple[bool, str]:
    record = backbones.read_record(data)
    if record is None:
        return False, "none was chosen yet; start `swipr up` once"
    card = backbone_folder.check(backbones.in_use(data, record))
    return True, f"{card['name']}: hash and golden picture are right"


def _runtime(data: Path) -> tuple[bool, str]:
    began = time.monotonic()
    users = Admin(data).users()
    return True, f"answers in {1000 * (time.monotonic() - began):.0f} ms; users: {', '.join(users) or 'none yet'}"


def _judge(data: Path) -> tuple[bool, str]:
    judge = Admin(data).health()["judge"]
    step = "" if judge["works"] else "; stop and start `swipr up`"
    return judge["works"], f"{judge['text']}{step}"


def _messages(data: Path) -> tuple[bool, str]:
    dead = Admin(data).health()["dead_letters"]
    if dead:
        counts = ", ".join(f"{n} in {name}" for name, n in dead.items())
        return False, f"failed for good: {counts}; `swipr dead-letters list` says more"
    return True, "none failed for good"


def _answers(where: Where) -> tuple[bool, str]:
    began = time.monotonic()
    _asked(where, lambda client: client.get("/v1/switch"))
    return True, f"{where.stack} answers, signed in, in {1000 * (time.monotonic() - began):.0f} ms"


def _user(where: Where) -> tuple[bool, str]:
    status = _asked(where, lambda client: client.get("/v1/status"))
    model = f"model v{status['model']['version']}" if status["model"] else "no model yet"
    said = f"; {status['status']['text']}" if status["status"] else ""
    return (
        True,
        f"{status['user_id']}: {status['switch']}, {'acting' if status['acting'] else 'dry run'}, {model}{said}",
    )


def _deck(where: Where) -> tuple[bool, str]:
    health = _asked(where, lambda client: client.get("/v1/deck/check"))
    return health["works"], health["text"]


def _asked(where: Where, ask: Callable[[Client], Json]) -> Json:
    client = where.client()
    try:
        return ask(client)
    finally:
        client.close()
