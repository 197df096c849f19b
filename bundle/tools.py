"""The two tools that a build needs: SAM in its own environment, and a Python of Lambda's version with pip."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv-sam"
RUNTIME = "python3.13"  # as `template.yaml` says
#: Only for tests: what Lambda's own runtime adds, and the emulator that `aws-sam-cli` carries.
RUNTIME_CLIENT = ENVIRONMENT / "runtime"
_EMULATORS = "lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-"
_AT_MOST_S = 900


class BuildError(Exception):
    """Something is missing or too large; the message says what to do."""


def python(places: Iterable[Path] | None = None) -> Path:
    """A Python of Lambda's version that has pip. Raises BuildError."""
    for candidate in _places() if places is None else places:
        if _works(candidate):
            return candidate
    raise BuildError(
        f"The functions run on {RUNTIME}, and no {RUNTIME} with pip was found on PATH or among pyenv's versions.\n"
        f"Next: install it (python.org, your system's packages, `pyenv install 3.13` or `uv python install 3.13`), "
        "put it on PATH, and run make build again."
    )


def _places() -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield Path(folder, RUNTIME)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{RUNTIME.removeprefix('python')}.*/bin/{RUNTIME}"), reverse=True)


def _works(candidate: Path) -> bool:
    """Not merely there: a shim of pyenv may stand for a version that is not chosen."""
    if not candidate.is_file():
        return False
    asked = [str(candidate), "-m", "pip", "--version"]
    try:
        return not subprocess.run(asked, capture_output=True, timeout=60).returncode  # noqa: S603  found by name
    except (OSError, subprocess.TimeoutExpired):
        return False


def sam_build(source: Path, target: Path, interpreter: Path, options: Iterable[str]) -> None:
    """`sam build` of the template in `source` into `target`, telling nobody. Raises BuildError with its last words."""
    sam = ENVIRONMENT / "bin" / "sam"
    if not sam.is_file():
        raise BuildError("SAM is not installed: run make build, which does that.")
    arguments = [str(sam), "build", "--template", str(source / "template.yaml"), "--build-dir", str(target), *options]
    ran = subprocess.run(  # noqa: S603  our own arguments
        arguments, cwd=source, env=_surroundings(interpreter), capture_output=True, text=True, timeout=_AT_MOST_S
    )
    if ran.returncode:
        raise BuildError(f"sam build failed:\n{(ran.stdout + ran.stderr)[-3000:]}")


def _surroundings(interpreter: Path) -> dict[str, str]:
    """SAM looks for the interpreter by its name, keeps files in the home folder, and reports to its maker."""
    paths = [str(interpreter.parent), *os.get_exec_path()]
    own = {
        "PATH": os.pathsep.join(paths),
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(ENVIRONMENT / "state"),
    }
    return {**os.environ, **own}


def emulator(target: Path) -> Path:
    """A copy of the Lambda runtime emulator that may be executed, in the folder `target`. Raises BuildError."""
    machine = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    for found in ENVIRONMENT.glob(f"{_EMULATORS}{machine}"):
        copied = Path(shutil.copy(found, target / "rie"))
        copied.chmod(0o755)
        return copied
    raise BuildError("The Lambda runtime emulator is not here: run make build, which installs aws-sam-cli.")


if __name__ == "__main__":
    try:
        print(python())
    except BuildError as error:
        sys.exit(str(error))
