"""Imports point one way, and the program knows nothing of where it runs."""

import ast
from pathlib import Path

import pytest

SWIPR = Path(__file__).parents[2] / "layers" / "common" / "swipr"
FUNCTIONS = SWIPR.parents[2] / "functions"

#: Only these may know of networks, pixels, networks of neurons or clouds.
ADAPTERS = {
    "backbone", "bootstrap", "fetching", "link_call", "links", "networks", "onnx_file", "parity", "photo_judge",
    "photos", "settings", "telemetry",
}  # fmt: skip
OUTSIDE = {
    "aws_lambda_powertools", "boto3", "botocore", "http", "onnxruntime", "os", "PIL", "requests", "socket", "sqlite3",
    "ssl", "subprocess", "urllib3", "werkzeug", "local", "cli", "functions", "simulator",
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """Names of the modules a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def name_of(path: Path) -> str:
    """As it is imported, for example `api.routes`."""
    return ".".join(path.relative_to(SWIPR).with_suffix("").parts)


DOMAIN = sorted(
    path
    for path in SWIPR.rglob("*.py")
    if path.relative_to(SWIPR).parts[0] not in {"aws", "decks"} and name_of(path) not in ADAPTERS
)


@pytest.mark.parametrize("path", DOMAIN, ids=name_of)
def test_the_program_knows_nothing_of_the_outside(path: Path) -> None:
    names = imported(path)

    assert {name.split(".")[0] for name in names} & OUTSIDE == set()
    assert not [name for name in names if name.startswith(("swipr.aws", "swipr.decks", "swipr.bootstrap"))]


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*/app.py")), ids=lambda path: path.parent.name)
def test_a_handler_imports_libraries_and_swipr_only(path: Path) -> None:
    tops = {name.split(".")[0] for name in imported(path)}

    assert tops & {"boto3", "botocore", "local", "cli", "functions", "os", "app"} <= (
        {"os"} if path.parent.name == "judge" else set()
    )


def test_only_settings_and_the_judge_read_the_environment() -> None:
    readers = [
        path.relative_to(SWIPR.parents[2]).as_posix()
        for path in [*SWIPR.rglob("*.py"), *FUNCTIONS.rglob("*.py")]
        if "environ" in path.read_text(encoding="utf-8")
    ]

    assert set(readers) <= {"layers/common/swipr/settings.py", "functions/judge/app.py"}
