"""The README names what exists, and what exists is named."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from swipr.api.routes import OPERATIONS
from swipr.models import UserSettings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_route_is_named_and_every_named_route_exists() -> None:
    routes = {(operation.method, operation.path) for operation in OPERATIONS}

    assert set(re.findall(r"`(GET|PUT|POST|DELETE) (/v1/[^`\s]*)`", README)) == routes


def test_every_make_target_is_real() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", README, re.MULTILINE)) <= targets


def test_every_command_and_option_is_real() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    named = re.findall(r"swipr ([a-z]+)((?: --[a-z-]+(?: [A-Z]+)?)*)", README)

    assert {command for command, _ in named} & commands == commands
    for command, options in named:
        if command not in commands:
            continue
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
        for option in re.findall(r"--[a-z-]+", options):
            assert option in shown, f"swipr {command} {option}"


@pytest.mark.parametrize("name", list(UserSettings.model_fields))
def test_every_setting_is_named(name: str) -> None:
    assert f"`{name}`" in README


def test_every_path_named_exists() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.[a-z]+)?)`", README))
    here = {path for path in named if path.split("/")[0] not in ("inbox", "labels", "reports", "swipr", "like", "pass")}

    assert here
    assert {path for path in here if not (ROOT / path).exists()} == set()
