"""How long from a correction over HTTP until a prediction uses it: the whole local runtime, its real judge and disk.

    python bench/correction.py [--labels 200,1000,5000] [--corrections 7] [--backbone mobilenetv2]

A user with so many drawn labels labels one more photo with `POST /v1/labels`; then `POST /v1/predict` is asked again
and again until a newer version of the model answers. Each fit but the first is a warm one, as after most corrections;
the line's last figure is the first model of all the labels, with the search of the penalty.
"""

import argparse
import base64
import io
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image

from cli.simulate_backbone import find
from local.runner import Runtime
from swipr import backbone
from swipr.models import Label, RefitRequest

ROOT = Path(__file__).resolve().parents[1]
USER = "bench"
NEVER_S = 86_400.0
PATIENCE_S = 120.0
POLL_S = 0.01
SIDE_PX = 320


def main() -> None:
    asked = _arguments()
    print("labels  correction to its use, s: median (lowest-highest)   first model of all of them, s")
    for labels in map(int, asked.labels.split(",")):
        with tempfile.TemporaryDirectory() as scratch:
            print(_measured(labels, asked.corrections, asked.backbone, Path(scratch)), flush=True)
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}, this benchmark included")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--labels", default="200,1000,5000", help="how many there are before, comma-separated")
    parser.add_argument("--corrections", type=int, default=7, help="how many are timed")
    parser.add_argument("--backbone", default="mobilenetv2", help="name or folder")
    return parser.parse_args()


def _measured(labels: int, corrections: int, name: str, scratch: Path) -> str:
    weights = Path(os.environ.get("SWIPR_WEIGHTS", ROOT.parent / "shared" / "weights"))
    folder = find(name, data=ROOT / ".swipr", weights=weights if weights.is_dir() else None, scratch=scratch)
    environment = {"BACKBONE_DIR": str(folder), "CONSOLE_DIR": str(ROOT / "console"), "LOG_LEVEL": "WARNING"}
    with Runtime(
        ROOT / "template.yaml", scratch / "data", environment=environment, schedule_every_s=NEVER_S
    ) as runtime:
        api = _Api(runtime)
        network = backbone.load(folder)
        _teach(runtime, network.sha256, network.dimensions, labels)
        searched = api.until_newer(0, lambda: runtime.queue.ask_refit(RefitRequest(user_id=USER)))
        times = [api.correct(number) for number in range(corrections)]
    spread = f"{statistics.median(times):6.2f} ({min(times):.2f}-{max(times):.2f})"
    return f"{labels:6}  {spread:>26} {searched:32.2f}"


def _teach(runtime: Runtime, sha256: str, dimensions: int, count: int) -> None:
    """Labels of a taste that is a direction, heard through noise."""
    random = np.random.default_rng(count)
    taste = random.normal(size=dimensions)
    began = datetime.now(UTC) - timedelta(days=1)
    for number in range(count):
        row = random.normal(size=dimensions) / np.sqrt(dimensions)
        liked = row @ taste + random.normal() > 0
        label = Label(
            user_id=USER,
            card_id=f"folder:{number:06}",
            choice="like" if liked else "pass",
            labelled_at=began + timedelta(seconds=number),
            backbone=sha256,
            features=row.astype("<f2").tobytes(),
        )
        runtime.store.put_label(label)


class _Api:
    """One signed-in user over HTTP."""

    def __init__(self, runtime: Runtime) -> None:
        self._address, self._session = runtime.address, requests.Session()
        self._session.trust_env = False
        granted = self._call("/local/token", json={"token": runtime.one_use_token(USER)}).json()
        self._session.headers["Authorization"] = f"Bearer {granted['access_token']}"

    def correct(self, number: int) -> float:
        """Seconds from the label's request to the first answer of a model that learned from it."""
        sent = {"choice": "like" if number % 2 else "pass", "photos": [base64.b64encode(_photo(number)).decode()]}
        before = self._version()
        return self.until_newer(before, lambda: self._call("/v1/labels", json=sent))

    def until_newer(self, version: int, act: Any) -> float:
        began = time.perf_counter()
        act()
        while self._version() <= version:
            if time.perf_counter() - began > PATIENCE_S:
                raise SystemExit(f"no newer model than version {version} within {PATIENCE_S:g} s")
            time.sleep(POLL_S)
        return time.perf_counter() - began

    def _version(self) -> int:
        """Of the model that judges; 0 while there is none."""
        answer = self._call("/v1/predict", data=_photo(-1), headers={"Content-Type": "image/jpeg"}, fine=(409,))
        return int(answer.json()["model_version"]) if answer.ok else 0

    def _call(self, path: str, *, fine: tuple[int, ...] = (), **sent: Any) -> requests.Response:
        answer = self._session.post(self._address + path, timeout=PATIENCE_S, **sent)
        if not answer.ok and answer.status_code not in fine:
            raise SystemExit(f"POST {path}: HTTP {answer.status_code}: {answer.text[:300]}")
        return answer


def _photo(number: int) -> bytes:
    random = np.random.default_rng(number + 1)
    small = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
    buffer = io.BytesIO()
    small.resize((SIDE_PX, SIDE_PX)).save(buffer, "JPEG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
