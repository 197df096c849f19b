"""The commands a person asks a running Swipr with: their words, their JSON, their exit status."""

import json
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app
from local.runner import Runtime
from swipr.judging import backbone_of
from tests.doubles import model
from tests.e2e.test_label_import import drawn
from tests.e2e.test_label_import import running as started
from tests.e2e.test_loop import Up
from tests.small_application import wait_for

Json = dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Swipr with the demo user, who has labels, a model and decisions, and is off."""
    options = ["--port", "0", "--labels", "24", "--every", "5", "--pacing", "0", "--backbone", "builtin"]
    demo = Up(tmp_path_factory.mktemp("demo") / "data", *options)
    try:
        demo.wait_for(r"^\d\d:\d\d:\d\d ", count=1)
        assert CliRunner().invoke(app, ["off", "--data", str(demo.data)]).exit_code == 0
        client = demo.client()
        wait_for(lambda: is_settled(client.get("/v1/status")))
        client.close()
        yield demo
    finally:
        demo.end()


def is_settled(status: Json) -> bool:
    return bool(status["status"]["code"] == "off" and status["model"] and status["model"]["labels"] == status["labels"])


@pytest.fixture
def swipr(demo: Up):
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--data", str(demo.data)])

    return run


@pytest.fixture
def as_json(swipr):
    def run(*arguments: str) -> Json:
        said = swipr(*arguments, "--json")
        assert said.exit_code == 0, said.output
        value: Json = json.loads(said.stdout)
        return value

    return run


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Swipr with a user who has given nothing yet."""
    with started(tmp_path_factory.mktemp("empty") / "data") as runtime:
        runtime.users.add("ann")
        yield runtime


@pytest.fixture
def ann(empty: Runtime):
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--user", "ann", "--data", str(empty._data_folder)])

    return run


# --- how things stand ------------------------------------------------------------------------------------------


def test_status_is_said_in_words_and_as_the_api_has_it(swipr, as_json) -> None:
    found = as_json("status")
    said = swipr("status")

    assert (found["user_id"], found["switch"]) == ("demo", "off")
    assert f"from {found['model']['labels']} labels" in said.output
    assert f"of {found['budget']['likes_per_day']} likes left today" in said.output
    assert said.exit_code == 0


def test_the_switch_answers_with_the_status(as_json) -> None:
    assert as_json("off", "--reason", "a test")["switch"] == "off"


# --- decisions ---------------------------------------------------------------------------------------------------


def test_decisions_are_listed_filtered_and_go_on(swipr, as_json) -> None:
    everything = as_json("decisions", "--limit", "100")["decisions"]
    verdicts = {each["verdict"] for each in everything}
    table = swipr("decisions", "--limit", "100").output

    assert all(each["card_id"] in table for each in everything)
    for verdict in verdicts:
        listed = as_json("decisions", "--verdict", verdict, "--limit", "100")["decisions"]
        assert [each["card_id"] for each in listed] == [e["card_id"] for e in everything if e["verdict"] == verdict]
    assert {each["state"] for each in as_json("decisions", "--state", "sent")["decisions"]} <= {"sent"}
    first = as_json("decisions", "--limit", "2")
    rest = as_json("decisions", "--limit", "100", "--cursor", first["next"])
    assert [each["card_id"] for each in first["decisions"] + rest["decisions"]] == [e["card_id"] for e in everything]
    assert first["next"] in swipr("decisions", "--limit", "2").output
    assert rest["next"] is None


def test_more_decisions_than_a_page_come_as_one_list(as_json, monkeypatch) -> None:
    everything = as_json("decisions", "--limit", "100")["decisions"]
    monkeypatch.setattr("cli.decisions.PAGE", 3)

    assert as_json("decisions", "--limit", "100")["decisions"] == everything
    assert as_json("decisions", "--limit", "5")["decisions"] == everything[:5]


def test_waiting_are_the_unsure_ones_without_an_answer(swipr, as_json) -> None:
    waiting = as_json("decisions", "--waiting", "--limit", "100")["decisions"]
    known = as_json("decisions", "--limit", "100")["decisions"]

    expected = [each["card_id"] for each in known if each["state"] == "unsure" and each["label"] is None]
    assert [each["card_id"] for each in waiting] == expected
    assert swipr("decisions", "--waiting", "--verdict", "like").exit_code == 2


@pytest.mark.parametrize("wrong", [["--verdict", "maybe"], ["--state", "x"], ["--limit", "0"], ["--cursor", "x"]])
def test_a_wrong_filter_is_refused(swipr, wrong: list[str]) -> None:
    refused = swipr("decisions", *wrong)

    assert refused.exit_code == (1 if wrong[0] == "--cursor" else 2)
    assert wrong[0].lstrip("-") in refused.output


# --- the person's own word -----------------------------------------------------------------------------------------


def judged(as_json) -> Json:
    """A decision of photos that were seen."""
    return next(d for d in as_json("decisions", "--limit", "100")["decisions"] if not d["filtered"] and not d["label"])


def test_a_fix_is_kept_and_undone(swipr, as_json) -> None:
    card_id = judged(as_json)["card_id"]

    said = swipr("fix", card_id, "like")
    assert (said.exit_code, f"swipr undo {card_id}" in said.output) == (0, True), said.output
    again = as_json("fix", card_id, "pass")
    assert (again["card_id"], again["choice"], again["earlier"][0]["choice"]) == (card_id, "pass", "like")
    newest = as_json("undo")
    assert (newest["removed"]["card_id"], newest["removed"]["choice"]) == (card_id, "pass")
    gone = swipr("undo", card_id)
    assert (gone.exit_code, "no label on" in gone.output) == (1, True)


def test_undo_of_one_card_leaves_the_others(swipr, as_json) -> None:
    first, *_ = judged(as_json), swipr("fix", judged(as_json)["card_id"], "like")
    second = judged(as_json)
    swipr("fix", second["card_id"], "pass")

    said = swipr("undo", first["card_id"])

    assert (said.exit_code, said.output.startswith("Taken back: like for")) == (0, True), said.output
    assert as_json("undo")["removed"]["card_id"] == second["card_id"]


def test_a_card_nobody_knows_is_refused_with_the_next_step(swipr) -> None:
    for command in (["fix", "no:such", "like"], ["undo", "no:such"], ["promote", "999"]):
        said, coded = swipr(*command), swipr(*command, "--json")

        assert (said.exit_code, coded.exit_code) == (1, 1)
        assert "`swipr " in json.loads(coded.stdout)["error"]
        assert json.loads(coded.stdout)["error"] in said.output
    assert swipr("fix", "no:such", "maybe").exit_code == 2
    assert swipr("promote", "0").exit_code == 2


def test_an_id_cannot_name_another_address(swipr) -> None:
    assert "nothing is kept of a card ../status?" in swipr("fix", "../status?", "like").output


# --- models and matches ---------------------------------------------------------------------------------------------


def test_versions_are_listed_promoted_and_rolled_back(empty: Runtime) -> None:
    def swipr(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--user", "cat", "--data", str(empty._data_folder)])

    empty.users.add("cat")
    for version in (1, 2):
        empty.store.put_model(model("cat", version).model_copy(update={"backbone": backbone_of(empty.judge)}))
    empty.store.set_champion("cat", 1, expected=None)

    promoted = swipr("promote", "2")
    assert (promoted.exit_code, promoted.output.startswith("Version 2 ")) == (0, True), promoted.output
    listed = json.loads(swipr("models", "--json").stdout)
    assert [(each["version"], each["role"]) for each in listed["models"]] == [(2, "champion"), (1, "previous")]
    first = swipr("models").output.splitlines()[1]
    assert ("in charge" in first, "too few" in first) == (True, listed["models"][0]["labels"] < 20)
    back = json.loads(swipr("rollback", "--json").stdout)
    assert (back["version"], back["role"]) == (1, "champion")
    assert json.loads(swipr("promote", "1", "--json").stdout)["version"] == 1, "once more is no harm"


def test_matches_come_with_the_decision(swipr, as_json) -> None:
    found = as_json("matches", "--limit", "100")["matches"]
    said = swipr("matches", "--limit", "100")

    assert said.exit_code == 0
    assert all(each["card_id"] in said.output for each in found)
    assert "swipr report" in said.output


def test_backbones_come_as_json(as_json, swipr) -> None:
    (builtin,) = as_json("backbone", "list")["backbones"]

    assert (builtin["in_use"], builtin["labels"].keys(), len(builtin["sha256"])) == (True, {"demo"}, 64)
    assert as_json("backbone", "check", builtin["name"]) == {"sound": [builtin["name"]]}
    wrong = swipr("backbone", "check", "none-such", "--json")
    assert (wrong.exit_code, "none-such" in json.loads(wrong.stdout)["error"]) == (1, True)


# --- predictions ----------------------------------------------------------------------------------------------------


def test_photos_are_judged_and_what_cannot_be_says_why(swipr, as_json, tmp_path: Path) -> None:
    photo, text = tmp_path / "a.jpg", tmp_path / "b.txt"
    photo.write_bytes(drawn("like", 1, 64))
    text.write_text("no photo")

    (one,) = as_json("predict", str(photo))["predictions"]
    mixed = swipr("predict", str(photo), str(text), str(tmp_path), str(tmp_path / "none.jpg"), "--json")

    assert set(one) == {"photo", "score", "verdict", "reason", "threshold", "model_version", "qualities", "text"}
    assert (0 <= one["score"] <= 1, "as far as" in one["text"], one["photo"]) == (True, True, str(photo))
    judged, *errors = json.loads(mixed.stdout)["predictions"]
    assert (mixed.exit_code, judged) == (1, one)
    assert ["not a JPEG" in errors[0]["error"], "*.jpg" in errors[1]["error"], "No such" in errors[2]["error"]] == [
        True
    ] * 3
    said = swipr("predict", str(photo))
    assert (said.exit_code, "nothing of anybody's worth" in said.output, one["verdict"] in said.output) == (
        0,
        True,
        True,
    )


def test_a_large_photo_is_uploaded_and_judged_the_same(swipr, as_json, tmp_path: Path) -> None:
    small, large, too_large = (tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg"))
    small.write_bytes(drawn("like", 1, 64))
    large.write_bytes(drawn("like", 1, 64) + bytes(4_500_000))
    too_large.write_bytes(drawn("like", 1, 64) + bytes(10_000_001))

    one, other = as_json("predict", str(small), str(large))["predictions"]

    assert {**one, "photo": ""} == {**other, "photo": ""}
    assert "is larger than 10 MB" in swipr("predict", str(too_large)).output


def test_a_link_to_this_machine_is_never_fetched(swipr) -> None:
    said = swipr("predict", "https://127.0.0.1/a.jpg", "--json")

    assert said.exit_code == 1
    assert json.loads(said.stdout)["predictions"][0]["error"].startswith("url leads to a machine that is not on")


# --- the report -----------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_the_report_is_one_page_that_needs_nothing_else(swipr, as_json, tmp_path: Path) -> None:
    file = tmp_path / "report.html"

    said = swipr("report", "--html", str(file))
    again = swipr("report", "--html", str(file), "--json")

    assert (said.exit_code, again.exit_code) == (0, 0), said.output
    assert json.loads(again.stdout)["model"] == as_json("report")["model"]
    page = Page(file.read_text(encoding="utf-8"))
    assert (page.addresses, {"script", "link", "img", "iframe"} & set(page.tags)) == ([], set())
    assert page.tags.count("svg") >= 5
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "cannot be written" in swipr("report", "--html", str(tmp_path / "no" / "x.html")).output


# --- before there is anything --------------------------------------------------------------------------------------


def test_with_nothing_yet_each_command_says_the_next_step(ann, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(drawn("like", 1, 64))
    said = {
        ("status",): (0, "give at least two likes"),
        ("decisions",): (0, "`swipr on`"),
        ("decisions", "--waiting"): (0, "No card waits"),
        ("decisions", "--matched"): (0, "No decision is like that"),
        ("matches",): (0, "No match yet"),
        ("models",): (0, "`swipr label next`"),
        ("undo",): (1, "`swipr label next`"),
        ("rollback",): (1, "promote it"),
        ("predict", str(photo)): (1, "two likes and two passes"),
    }
    for command, (code, words) in said.items():
        ran = ann(*command)

        assert (ran.exit_code, words in ran.output) == (code, True), (command, ran.output)


def test_the_page_of_a_report_says_what_is_not_known_yet(ann, tmp_path: Path) -> None:
    assert ann("report", "--html", str(tmp_path / "r.html")).exit_code == 0

    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert text.count("Not enough data yet") >= 6
    assert "<svg" not in text


def test_without_a_running_swipr_each_command_says_so(tmp_path: Path) -> None:
    commands = (["status"], ["decisions"], ["fix", "a:1", "like"], ["undo"], ["matches"], ["models"], ["promote", "1"])
    for command in (*commands, ["rollback"], ["predict", "x.jpg"], ["token"], ["user", "list"]):
        said = CliRunner().invoke(app, [*command, "--data", str(tmp_path), "--json"])

        assert (said.exit_code, "start it with `swipr up`" in json.loads(said.stdout)["error"]) == (1, True), command


def test_an_access_token_that_has_ended_is_fetched_anew(demo: Up) -> None:
    client = demo.client()
    client._session.headers["Authorization"] = "Bearer ended"

    assert client.get("/v1/status")["user_id"] == "demo"
    client.close()


def test_users_and_addresses_come_as_json(empty: Runtime) -> None:
    def run(*arguments: str) -> Json:
        said = CliRunner().invoke(app, [*arguments, "--json", "--data", str(empty._data_folder)])
        value: Json = json.loads(said.stdout)
        return value

    known = run("user", "list")["users"]
    assert run("user", "add", "bob") == {"user_id": "bob", "added": True}
    assert run("user", "list") == {"users": sorted([*known, "bob"])}
    assert run("token", "--user", "bob")["page"].startswith(f"{empty.address}/#token=")
    assert "--yes" in run("user", "remove", "bob")["error"]
    assert run("user", "remove", "bob", "--yes")["removed"] is not None
