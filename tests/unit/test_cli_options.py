"""What every command shares: JSON for programs, a stack for whoever runs none, a word for whoever asks for help."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.main import app

#: It runs until it is stopped, and says what it does as it goes.
WITHOUT_JSON = {"up"}
#: About this machine: what runs on it, its users, networks and files. `deploy` makes the stack it is told of.
OF_THIS_MACHINE = {
    *("up", "simulate", "train", "user add", "user list", "user remove"),
    *("backbone pull", "backbone list", "backbone use", "backbone check"),
}


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_JSON))
def test_every_command_answers_programs(name: str) -> None:
    assert "--json" in options(name)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - OF_THIS_MACHINE))
def test_every_command_that_asks_the_api_asks_a_stack_too(name: str) -> None:
    assert {"--stack", "--region"} <= options(name)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does(name: str) -> None:
    assert (COMMANDS[name].help or "").strip()
    assert [p.name for p in COMMANDS[name].params if p.param_type_name == "option" and not p.help] == []
