"""A user's own data and a machine's users by the command line, over the real template: add, teach, export, forget."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.client import Client, ClientError, running
from cli.main import app
from local.runner import Runtime
from tests.e2e.test_label_import import running as started
from tests.e2e.test_loop import Up
from tests.moving import data_of
from tests.small_application import wait_for

BUILTIN_TOKEN = "a-token-nobody-may-see"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with started(tmp_path / "data") as runtime:
        yield runtime


@pytest.fixture
def swipr(tmp_path: Path, runtime: Runtime):
    """A command of a person on the running install; `typed` is what standard input holds."""

    def run(*arguments: str, typed: str = "", data: Path = tmp_path / "data") -> Result:
        return CliRunner().invoke(app, [*arguments, "--data", str(data)], input=typed)

    return run


# --- users -------------------------------------------------------------------------------------------------


def test_users_are_added_listed_and_removed(swipr, runtime: Runtime) -> None:
    assert "Added ann." in swipr("user", "add", "ann").output
    assert "there already" in swipr("user", "add", "ann").output
    assert swipr("user", "add", "bob").exit_code == 0
    assert swipr("user", "list").output.split() == ["ann", "bob"]

    refused = swipr("user", "remove", "ann", typed="n\n")
    assert (refused.exit_code, swipr("user", "list").output.split()) == (1, ["ann", "bob"])

    removed = swipr("user", "remove", "ann", typed="y\n")
    assert removed.exit_code == 0
    assert "ann was deleted" in removed.output
    assert swipr("user", "list").output.split() == ["bob"]
    assert "there is no user ann" in swipr("user", "remove", "ann", "--yes").output


def test_a_wrong_name_is_refused_with_words(swipr) -> None:
    refused = swipr("user", "add", "../x")

    assert refused.exit_code == 1
    assert "letters, digits" in refused.output


def test_a_command_for_nobody_says_how_to_add_them(swipr) -> None:
    for command in (["report"], ["export"], ["deck", "check"], ["token"]):
        refused = swipr(*command, "--user", "nobody")

        assert refused.exit_code == 1
        assert "swipr user add nobody" in refused.output


def test_a_removed_users_page_ends_at_once(swipr, runtime: Runtime) -> None:
    client = Client(runtime.address, lambda: runtime.one_use_token("ann"))
    client.get("/v1/status")

    swipr("user", "remove", "ann", "--yes")

    with pytest.raises(ClientError):
        running(runtime._data_folder, "ann")
    client._fresh_token = lambda: "none"
    with pytest.raises(ClientError, match="Unauthorized"):
        client.get("/v1/status")
    assert runtime.store.user("ann") is None
    client.close()


def test_without_a_running_swipr_every_command_says_so(tmp_path: Path) -> None:
    labels = (["label", "next"], ["label", "doubtful"])
    for command in (*labels, ["user", "list"], ["report"], ["deck", "check"], ["export"], ["on"], ["forget", "a:1"]):
        refused = CliRunner().invoke(app, [*command, "--data", str(tmp_path)])

        assert refused.exit_code == 1
        assert "start it with `swipr up`" in refused.output


# --- the deck ------------------------------------------------------------------------------------------------


def test_a_deck_of_a_service_needs_a_yes_and_its_token_is_no_argument(swipr, runtime: Runtime) -> None:
    swipr("user", "add", "ann")

    refused = swipr("deck", "connect", "tinder", "--user", "ann", typed=f"{BUILTIN_TOKEN}\n")
    assert refused.exit_code == 1
    assert "against the terms" in refused.output
    assert runtime.store.user("ann").deck_token is None  # type: ignore[union-attr]

    connected = swipr("deck", "connect", "tinder", "--user", "ann", "--accept-terms", typed=f"{BUILTIN_TOKEN}\n")
    assert (connected.exit_code, "against the terms" in connected.output) == (0, True)
    assert BUILTIN_TOKEN not in connected.output
    assert runtime.store.user("ann").deck_token is not None  # type: ignore[union-attr]

    assert swipr("deck", "forget", "--user", "ann").exit_code == 0
    assert runtime.store.user("ann").deck_token is None  # type: ignore[union-attr]


def test_an_unknown_deck_names_those_there_are(swipr) -> None:
    swipr("user", "add", "ann")

    refused = swipr("deck", "connect", "nonsense", "--user", "ann")

    assert refused.exit_code == 1
    assert "tinder" in refused.output


def test_no_token_changes_nothing(swipr, runtime: Runtime) -> None:
    swipr("user", "add", "ann")

    refused = swipr("deck", "connect", "tinder", "--user", "ann", "--accept-terms", typed="\n")

    assert (refused.exit_code, "nothing was changed" in refused.output) == (1, True)


def test_a_deck_that_does_not_work_is_said_with_exit_status_1(swipr) -> None:
    swipr("user", "add", "ann")

    shown = swipr("deck", "check", "--user", "ann")
    as_json = swipr("deck", "check", "--user", "ann", "--json")

    assert (shown.exit_code, as_json.exit_code) == (1, 1)
    assert shown.output.startswith("Does not work: ")
    assert json.loads(as_json.output)["works"] is False


# --- doctor ----------------------------------------------------------------------------------------------------


def test_doctor_names_what_is_wrong_and_the_next_step(swipr, tmp_path: Path) -> None:
    swipr("user", "add", "demo")

    checked = swipr("doctor", "--json")

    found = {check["name"]: check for check in json.loads(checked.output)["checks"]}
    assert checked.exit_code == 1
    assert (found["judge"]["ok"], found["runtime"]["ok"], found["disk"]["ok"], found["clock"]["ok"]) == (True,) * 4
    assert found["deck"]["ok"] is False
    assert "swipr up" in found["backbone"]["text"]  # this runtime was started without one


def test_doctor_finds_no_runtime(tmp_path: Path) -> None:
    missing = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path / "nothing")])
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    readable = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path / "open")])

    assert missing.exit_code == readable.exit_code == 1
    assert "is not there; `swipr up` makes it" in missing.output
    assert "chmod 700" in readable.output


# --- the whole of it, on the demo --------------------------------------------------------------------------------


def test_the_demos_data_can_be_reported_exported_forgotten_imported_and_removed(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def swipr(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--data", str(data)])

    demo = Up(data, "--port", "0", "--labels", "24", "--every", "5", "--pacing", "0", "--backbone", "builtin")
    try:
        demo.wait_for(r"^\d\d:\d\d:\d\d ", count=1)
        well = swipr("doctor")
        assert (well.exit_code, "WRONG" in well.output) == (0, False), well.output

        off = swipr("off", "--reason", "a test")
        assert (off.exit_code, off.output.startswith("Off.")) == (0, True), off.output
        client = demo.client()
        wait_for(lambda: client.get("/v1/status")["status"]["code"] in ("off", "done"))

        said = swipr("report", "--json")
        report = json.loads(said.output)
        assert report["labels"]["n"] >= 24
        assert report["model"]["auc"] is not None
        assert "24 labels" in swipr("report").output or report["labels"]["n"] > 24
        asked = json.loads(swipr("label", "next", "--limit", "3", "--json").output)["cards"]
        assert asked[0]["card_id"] in swipr("label", "next").output
        doubtful = json.loads(swipr("label", "doubtful", "--json").output)
        assert doubtful["n"] == report["contradictions"]["n"]
        assert swipr("label", "doubtful").exit_code == 0

        archive = tmp_path / "mine.zip"
        exported = swipr("export", "--out", str(archive))
        assert exported.exit_code == 0, exported.output
        assert archive.stat().st_mode & 0o077 == 0
        before = data_of(archive.read_bytes())
        assert len(before["labels"]) == report["labels"]["n"]
        assert zipfile.ZipFile(archive).testzip() is None
        assert "is there already" in swipr("export", "--out", str(archive)).output

        card_id = before["decisions"][0]["card_id"]
        receipt = json.loads(swipr("forget", card_id, "--json").output)
        assert receipt["removed"]["decisions"] == 1
        assert card_id not in {d["card_id"] for d in client.get("/v1/decisions", limit=100)["decisions"]}
        client.close()

        swipr("user", "add", "twin")
        imported = swipr("import", str(archive), "--user", "twin")
        assert imported.exit_code == 0, imported.output
        copied = tmp_path / "twin.zip"
        assert swipr("export", "--user", "twin", "--out", str(copied)).exit_code == 0
        after = data_of(copied.read_bytes())
        assert after == before

        removed = swipr("user", "remove", "twin", "--yes")
        assert removed.exit_code == 0, removed.output
        assert swipr("user", "list").output.split() == ["demo"]
    finally:
        assert demo.end() == 0
