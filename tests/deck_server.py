"""The simulator as a process, as the tests of decks use it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import requests

ROOT = Path(__file__).parents[1]


class DeckServer:
    """`python -m simulator` with these arguments, until the `with` block ends."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        ready = json.loads(line)
        self.address, self.key = ready["address"], ready["key"]

    def user(self, **options: Any) -> str:
        return self.control("POST", "users", json=options)["token"]

    def fault(self, **fault: Any) -> None:
        self.control("POST", "fault", json=fault)

    def counters(self, token: str) -> dict[str, Any]:
        return self.control("GET", "counters", params={"token": token})

    def control(self, method: str, call: str, **options: Any) -> Any:
        headers = {"X-Sim-Key": self.key}
        answer = requests.request(method, f"{self.address}/sim/{call}", headers=headers, timeout=20, **options)
        assert answer.ok, answer.text
        return answer.json()

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self) -> int:
        """End it as a supervisor would; returns its exit status."""
        self.process.terminate()
        return self._end()

    def _end(self) -> int:
        status = self.process.wait(timeout=10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.returncode is None:
            self.stop()
