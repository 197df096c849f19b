"""Lambda's runtime for tests: the emulator inside `aws-sam-cli`, the client of Lambda's own runtime, and a function."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bundle import tools
from bundle.tools import ROOT, RUNTIME_CLIENT, BuildError

_START_S = 30.0
_ANSWER_S = 60.0


class Start(NamedTuple):
    """Of one start: what the emulator printed, and what the runtime's process has used since."""

    init_ms: float
    cpu_ms: float
    peak_bytes: int


class Running:
    """A built function under the emulator; it is started by the first call."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self._process = process
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        self._log = log

    def __call__(self, event: Mapping[str, Any]) -> Any:
        """The handler's answer, or the error as Lambda words it."""
        body = json.dumps(event).encode()
        request = urllib.request.Request(self._url, data=body)  # noqa: S310  our own address
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310
            return json.loads(answer.read())

    def printed(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    def start(self) -> Start:
        """Of a function that has been called."""
        found = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", self.printed())
        if found is None:
            raise BuildError(f"The emulator told no start:\n{self.printed()[-2000:]}")
        child = _child(self._process.pid)
        return Start(float(found[1]), _cpu_ms(child), _peak_bytes(child))


@contextlib.contextmanager
def running(
    build: Path, function: str, handler: str, environment: Mapping[str, str], folder: Path
) -> Iterator[Running]:
    """Run a built function with its layers; `folder` is for the emulator and its log. Raises BuildError."""
    port, inner = _free_ports()
    log = folder / f"{function}-{port}.log"
    arguments = [
        str(tools.emulator(folder)), "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
        "--runtime-api-address", f"127.0.0.1:{inner}", str(tools.python()), "-m", "awslambdaric", handler,
    ]  # fmt: skip
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603  our own arguments
            arguments, cwd=build / function, env=_environment(build, function, environment), stdout=written,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _await(process, port, log)
        yield Running(process, port, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(build: Path, function: str, own: Mapping[str, str]) -> dict[str, str]:
    """As Lambda sets it, with nothing of this machine but where its programs are."""
    layers = [str(build / layer / "python") for layer in ("CommonLayer", "InferenceLayer")]
    given = {
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAMBDA_TASK_ROOT": str(build / function),
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task cannot be written to
        "PYTHONPATH": os.pathsep.join([*layers, str(RUNTIME_CLIENT)]),
    }
    return {**given, **own}


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends_at = time.monotonic() + _START_S
    while time.monotonic() < ends_at and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.01)
    raise BuildError(f"The emulator did not start:\n{log.read_text('utf-8', errors='replace')[-2000:]}")


def _child(pid: int) -> int:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        if found := children.read_text().split():
            return int(found[0])
    raise BuildError("The emulator runs no function.")


def _cpu_ms(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return 1000 * (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return 1024 * int(found[1]) if found else 0


def install() -> None:
    """Put the runtime's client where `running` looks for it. Raises BuildError."""
    shutil.rmtree(RUNTIME_CLIENT, ignore_errors=True)
    arguments = [
        str(tools.python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--root-user-action=ignore", "--require-hashes", "--target", str(RUNTIME_CLIENT),
        "-r", str(ROOT / "requirements" / "lambda.lock"),
    ]  # fmt: skip
    if subprocess.run(arguments, timeout=600).returncode:  # noqa: S603  our own arguments
        raise BuildError("The client of Lambda's runtime could not be installed.")


if __name__ == "__main__":
    try:
        install()
    except BuildError as error:
        sys.exit(str(error))
