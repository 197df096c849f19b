"""How long built functions take to start under Lambda's emulator, with bytecode and without. Needs `make emulator`.

    .venv/bin/python -m bench.cold_start [-n 7]

Rounds are interleaved. `start` is what the emulator prints as INIT, `cpu` the processor time of start and first call,
`first` and `warm` are whole calls seen from outside. A judge is given one photo; the API is asked for the page, which
needs no AWS. Not Lambda's hosts: read ratios.
"""

import argparse
import base64
import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from bundle import emulator, sizes
from bundle.build import build
from bundle.tools import ROOT
from training.drawings import draw

TABLES = ("USERS", "DECISIONS", "ACTED", "LABELS", "MODELS", "MATCHES", "REQUESTS")
WARM_CALLS = 5


class Row(NamedTuple):
    start_ms: float
    cpu_ms: float
    first_ms: float
    warm_ms: float
    peak_mb: float


def photo() -> str:
    stream = io.BytesIO()
    Image.fromarray(draw(1, 640, seed=3)[0]).save(stream, "JPEG", quality=85)
    return base64.b64encode(stream.getvalue()).decode()


def page() -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "tests/events/http_api_jwt.json").read_text("utf-8"))
    event["requestContext"]["http"] |= {"method": "GET", "path": "/"}
    return event | {"rawPath": "/", "body": None}


def environment(target: Path) -> dict[str, str]:
    tables = {f"{name}_TABLE": name.lower() for name in TABLES}
    return tables | {
        "BACKBONE_DIR": str(target / "InferenceLayer/python/backbone"),
        "CONSOLE_DIR": str(target / "CommonLayer/python/console"),
        "PHOTO_ORIGIN": "http://127.0.0.1:1",
        "BUCKET": "bucket",
        "KEY_ID": "key",
        "POWERTOOLS_SERVICE_NAME": "swipr",
        "POWERTOOLS_METRICS_DISABLED": "false",
    }


def one(target: Path, function: str, event: Mapping[str, Any], folder: Path) -> Row:
    with emulator.running(target, function, "app.lambda_handler", environment(target), folder) as called:
        first_ms, start = _timed(called, event), called.start()
        warm_ms = statistics.median(_timed(called, event) for _ in range(WARM_CALLS))
    return Row(start.init_ms, start.cpu_ms, first_ms, warm_ms, start.peak_bytes / sizes.MB)


def _timed(called: emulator.Running, event: Mapping[str, Any]) -> float:
    began = time.perf_counter()
    answer = called(event)
    assert "errorType" not in answer, answer
    return 1000 * (time.perf_counter() - began)


@contextlib.contextmanager
def variants() -> Iterator[dict[str, Path]]:
    """The same build with bytecode and without, as `sam build` leaves it."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name in ("bytecode", "no bytecode"):
            made[name] = Path(folder, name.replace(" ", "-"))
            build(made[name], backbone=None, data=ROOT / ".swipr", architecture="x86_64", bytecode=name == "bytecode")
        yield made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=7, help="rounds")
    rounds = parser.parse_args().n
    events = {"Judge": {"photos": [{"id": "a", "data": photo()}], "heads": []}, "Api": page()}
    with variants() as built, tempfile.TemporaryDirectory() as folder:
        rows: dict[tuple[str, str], list[Row]] = {(f, v): [] for f in events for v in built}
        for _ in range(rounds + 1):  # the first fills the page cache
            for function, variant in rows:
                rows[function, variant].append(one(built[variant], function, events[function], Path(folder)))
    print(f"{'':<24}{'start ms':>10}{'min-max':>14}{'cpu ms':>10}{'first ms':>10}{'warm ms':>10}{'peak MB':>10}")
    for (function, variant), measured in rows.items():
        counted = measured[1:]
        middle = Row(*(statistics.median(column) for column in zip(*counted, strict=True)))
        starts = [row.start_ms for row in counted]
        print(
            f"{function + ', ' + variant:<24}{middle.start_ms:>10.0f}{f'{min(starts):.0f}-{max(starts):.0f}':>14}"
            f"{middle.cpu_ms:>10.0f}{middle.first_ms:>10.1f}{middle.warm_ms:>10.1f}{middle.peak_mb:>10.0f}"
        )


if __name__ == "__main__":
    main()
