"""The deck simulator as a process of its own, which outlives no `swipr up`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import requests

READY_S = 30.0
TIMEOUT_S = 30
Json = dict[str, Any]


class SimulatorError(Exception):
    """The simulator does not start or answer; the message says why."""


class Simulator:
    """Starts `python -m simulator`; `address` is its origin. Close it to end it."""

    def __init__(
        self, state: Path, *, photos: Path | None, photos_per_card: int, seed: int, cards_per_look: int | None = None
    ) -> None:
        command = [sys.executable, "-m", "simulator", "--state", str(state), "--seed", str(seed)]
        if photos is not None:
            command += ["--photos", str(photos), "--photos-per-card", str(photos_per_card)]
        if cards_per_look is not None:
            command += ["--cards-per-look", str(cards_per_look)]
        # A session of its own: Ctrl-C reaches `swipr up` first, which lets the action under way be answered.
        self._process = subprocess.Popen(  # noqa: S603 (our own module)
            [*command, "--exit-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.address, self._key = self._ready()
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str, **query: str | int) -> Any:
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Json) -> Any:
        return self._call("POST", path, json=body)

    def photo(self, address: str) -> bytes:
        """The bytes of a photo that `/sim/train` named."""
        try:
            answer = self._session.get(address, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise SimulatorError(f"the simulator's photo does not come ({type(error).__name__})") from None
        if not answer.ok:
            raise SimulatorError(f"the simulator's photo does not come (HTTP {answer.status_code})")
        return answer.content

    def close(self) -> None:
        self._session.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ready(self) -> tuple[str, str]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._process.wait()
            raise SimulatorError("the deck simulator did not start; what it said stands above")
        ready = json.loads(line)
        return ready["address"], ready["key"]

    def _call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"X-Sim-Key": self._key}
        try:
            answer = self._session.request(method, self.address + path, headers=headers, timeout=TIMEOUT_S, **options)
        except requests.RequestException as error:  # its own words hold the address, and so the deck's token
            why = "it has ended" if self._process.poll() is not None else type(error).__name__
            raise SimulatorError(f"the simulator does not answer ({why}): start again with `swipr up`") from None
        if not answer.ok:
            raise SimulatorError(f"{method} {path}: HTTP {answer.status_code} {answer.text[:200]}")
        return answer.json()
