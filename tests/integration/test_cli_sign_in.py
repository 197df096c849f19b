"""Signing in to a stack from the command line, against a sign-in page of our own that checks as Cognito does."""

import base64
import hashlib
import json
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from typer.testing import CliRunner

from cli import sign_in, stack_outputs
from cli.client import ClientError
from cli.main import app
from cli.stack_client import StackClient
from cli.stack_outputs import Kept

Json = dict[str, Any]
CLIENT = "command-line"


class Pages(ThreadingHTTPServer):
    """A sign-in with PKCE and an API behind it, in one; `ended` are refresh tokens that are good no more."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.challenges: dict[str, str] = {}
        self.issued: list[str] = []
        self.good: set[str] = set()
        self.ended: set[str] = set()
        self.asked: list[str] = []
        self.too_many = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def grant(self, form: dict[str, str]) -> Json | None:
        if form["client_id"] != CLIENT:
            return None
        if form["grant_type"] == "refresh_token":
            return None if form["refresh_token"] in self.ended else self._issue()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.challenges.pop(form["code"], None) != challenge or form["redirect_uri"] != sign_in.REDIRECT:
            return None
        return {**self._issue(), "refresh_token": "refresh-secret"}

    def _issue(self) -> Json:
        token = f"access-secret-{len(self.issued)}"
        self.issued.append(token)
        self.good = {token}
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}


class _Answers(BaseHTTPRequestHandler):
    server: Pages

    def do_POST(self) -> None:
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        if self.path == "/oauth2/revoke":
            self.server.ended.add(form["token"])
            self._say(200 if form["token"] == "refresh-secret" else 400, {})
        elif granted := self.server.grant(form):
            self._say(200, granted)
        else:
            self._say(400, {"error": "invalid_grant"})

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.too_many:
            self.server.too_many -= 1
            self._say(429, {"message": "Too Many Requests"})
            return
        good = self.headers.get("Authorization", "").removeprefix("Bearer ") in self.server.good
        self._say(200 if good else 401, {"labels": [], "next": None} if good else {"message": "Unauthorized"})

    def _say(self, status: int, body: Json) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def pages() -> Iterator[Pages]:
    server = Pages()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


class Browser:
    """Somebody who signs in on the page: it sends them back with a code, after what `first` asks for."""

    def __init__(self, pages: Pages, port: int, *first: str, answer: dict[str, str] | None = None) -> None:
        self.pages, self.port, self.first, self.answer = pages, port, first, answer
        self.statuses: list[int] = []
        self._thread: threading.Thread | None = None

    def __call__(self, address: str) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT, sign_in.REDIRECT)
        assert (asked["code_challenge_method"], asked["scope"]) == ("S256", "swipr/use")
        self.pages.challenges["the-code"] = asked["code_challenge"]
        said = self.answer if self.answer is not None else {"code": "the-code", "state": asked["state"]}
        addresses = [*self.first, f"/?{urlencode(said)}"]
        self._thread = threading.Thread(target=self._visit, args=(addresses,), daemon=True)
        self._thread.start()

    def _visit(self, addresses: list[str]) -> None:
        for address in addresses:
            answer = requests.get(f"http://127.0.0.1:{self.port}{address}", timeout=5)
            assert "code" not in answer.headers.get("Location", "")
            self.statuses.append(answer.status_code)

    def went(self) -> list[int]:
        if self._thread is not None:
            self._thread.join(timeout=10)
        return self.statuses


def signed_in(pages: Pages, port: int, browser: Browser, within_s: float = 10) -> Json:
    with requests.Session() as session:
        return sign_in.by_browser(pages.address, CLIENT, browser, session, port=port, within_s=within_s)


# --- by browser ------------------------------------------------------------------------------------------------


def test_the_code_comes_back_and_is_exchanged(pages: Pages, port: int) -> None:
    browser = Browser(pages, port, "/favicon.ico", "/?code=forged&state=forged", "/other?state=x")

    tokens = signed_in(pages, port, browser)

    assert tokens["access_token"] == "access-secret-0"
    assert browser.went() == [404, 404, 404, 200]


def test_a_code_for_another_question_is_not_taken(pages: Pages, port: int) -> None:
    with pytest.raises(ClientError, match="nobody signed in within"):
        signed_in(pages, port, Browser(pages, port, answer={"code": "the-code", "state": "other"}), within_s=0.7)

    assert pages.issued == []


def test_a_refusal_on_the_page_is_said(pages: Pages, port: int) -> None:
    class Refusing(Browser):
        def __call__(self, address: str) -> None:
            state = parse_qs(urlsplit(address).query)["state"][0]
            self.answer = {"error": "access_denied", "state": state}
            super().__call__(address)

    with pytest.raises(ClientError, match="access_denied"):
        signed_in(pages, port, Refusing(pages, port))


def test_a_taken_port_is_said(pages: Pages) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]

        with pytest.raises(ClientError, match=f"port {number}"):
            signed_in(pages, number, Browser(pages, number))


def test_only_this_machine_can_reach_the_door(port: int) -> None:
    with sign_in._Door(port, "s") as door:
        assert door.server_address[0] == "127.0.0.1"


def test_the_template_names_the_very_address() -> None:
    template = (Path(__file__).parents[2] / "template.yaml").read_text(encoding="utf-8")

    assert f'CallbackURLs: ["{sign_in.REDIRECT}"]' in template


# --- what is kept ------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWIPR_CONFIG", str(tmp_path / "config"))
    return stack_outputs.place("mine", None)


def kept(pages: Pages, **more: Any) -> Kept:
    return replace(Kept(pages.address, pages.address, CLIENT, refresh_token="refresh-secret"), **more)


def test_tokens_are_kept_for_their_owner_alone(pages: Pages, file: Path) -> None:
    client = StackClient(file, kept(pages), None)
    client.get("/v1/labels")
    client.close()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) & 0o077 == 0
    stored = stack_outputs.read(file)
    assert stored is not None
    assert (stored.access_token, stored.refresh_token) == ("access-secret-0", "refresh-secret")
    assert "secret" not in repr(stored)


def test_a_token_that_lasts_is_used_again_and_one_that_ended_is_renewed(pages: Pages, file: Path) -> None:
    for now, issued in ((1000.0, 1), (2000.0, 1), (4545.0, 2)):
        client = StackClient(file, stack_outputs.read(file) or kept(pages), None, now=lambda now=now: now)
        client.get("/v1/labels")
        client.close()

        assert len(pages.issued) == issued, now


def test_a_token_that_is_refused_is_renewed_once(pages: Pages, file: Path) -> None:
    client = StackClient(file, kept(pages), None)
    pages.good = set()

    assert client.get("/v1/labels")["labels"] == []
    client.close()
    assert len(pages.issued) == 2


def test_what_the_gateway_turned_away_is_asked_again_but_not_for_ever(pages: Pages, file: Path) -> None:
    waits: list[float] = []
    client = StackClient(file, kept(pages), None, sleep=waits.append)

    pages.too_many = 2
    assert client.get("/v1/labels")["labels"] == []
    assert waits == [1.0, 2.0]
    pages.too_many = 100
    with pytest.raises(ClientError, match="Too Many Requests"):
        client.get("/v1/labels")
    client.close()
    assert len(waits) == 7


def test_with_nobody_there_an_ended_sign_in_says_the_next_step(pages: Pages, file: Path) -> None:
    pages.ended = {"refresh-secret"}

    with pytest.raises(ClientError, match="in a terminal"):
        StackClient(file, kept(pages), None)
    with pytest.raises(ClientError, match="once in a terminal"):
        StackClient(file, kept(pages, refresh_token=""), None)


# --- commands ----------------------------------------------------------------------------------------------------


def swipr(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, [*arguments, "--stack", "mine"])
    return ran.exit_code, ran.output


def test_a_command_asks_the_stack_and_tells_no_token(pages: Pages, file: Path) -> None:
    stack_outputs.write(file, kept(pages))

    code, said = swipr("undo")

    assert (code, "swipr label next" in said, "secret" in said) == (1, True, False)
    assert pages.asked == ["/v1/labels?limit=1"]
    assert swipr("undo", "--user", "ann") == (
        1,
        "swipr: --user is for this machine: on a stack you are who signed in\n",
    )
    assert swipr("token") == (0, f"{pages.address}\n")


def test_signing_out_ends_the_tokens_there_and_here(pages: Pages, file: Path) -> None:
    stack_outputs.write(file, kept(pages))

    assert swipr("token", "--end") == (0, "Signed out.\n")
    assert (pages.ended, file.exists()) == ({"refresh-secret"}, False)
    assert swipr("token", "--end") == (0, "This machine was not signed in.\n")
    assert CliRunner().invoke(app, ["token", "--end"]).exit_code == 2


def test_an_end_that_was_refused_is_said_and_forgotten_here(pages: Pages, file: Path) -> None:
    stack_outputs.write(file, kept(pages, refresh_token="another-secret"))

    code, said = swipr("token", "--end")

    assert (code, "forgotten on this machine" in said, file.exists()) == (1, True, False)


def test_without_a_region_or_credentials_the_next_step_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(file.parent / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    assert "name the region with --region" in swipr("status")[1]
    assert "sign in to AWS" in swipr("status", "--region", "eu-central-1")[1]
    monkeypatch.setenv("AWS_PROFILE", "none-such")
    assert "set AWS_PROFILE" in swipr("status")[1]


@pytest.mark.parametrize("name", ["../x", "a/b", "a.b", "", "ä"])
def test_a_name_that_is_none_is_refused(file: Path, name: str) -> None:
    with pytest.raises(ClientError, match="is no name"):
        stack_outputs.place(name, None)


def test_a_damaged_file_counts_as_none(file: Path) -> None:
    file.parent.mkdir(parents=True)
    for text in ("", "[]", "{}", '{"api": "x", "other": 1}', "\x00"):
        file.write_text(text)

        assert stack_outputs.read(file) is None


def test_doctor_of_a_stack_says_what_does_not_answer(pages: Pages, file: Path) -> None:
    pages.ended = {"refresh-secret"}
    stack_outputs.write(file, kept(pages))

    code, said = swipr("doctor", "--json")

    clock, stack = json.loads(said)["checks"]
    assert (code, clock["ok"], stack["ok"], "in a terminal" in stack["text"]) == (1, True, False, True)
