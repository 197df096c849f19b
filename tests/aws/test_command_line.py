"""The command line against a stack on the emulator: its addresses from CloudFormation, sign-in by page, commands."""

import html
import json
import re
import threading
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from cli import account, decisions, predict, sign_in, stack_outputs
from cli.client import ClientError, RefusedError
from cli.stack_client import StackClient
from cli.stack_outputs import Kept
from tests.aws.deployment import Stack, deploy
from tests.aws.emulator import REGION, Emulator
from tests.aws.person import PASSWORD, invited

pytestmark = [pytest.mark.aws, pytest.mark.timeout(300)]
ANN = "ann@example.org"


class ToEmulator(HTTPAdapter):
    """Carries what is meant for a host of AWS to the emulator, which goes by the name in Host."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self._stack = stack

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        url = urlsplit(request.url)
        name = url.netloc.split(".")[0]
        api = "execute-api" in url.netloc
        host = f"{name}.execute-api.localhost" if api else f"{name}.auth.{REGION}.amazoncognito.com"
        request.headers["Host"] = self._stack.emulator.host(host)
        request.url = f"{self._stack.emulator.url}{url.path}{f'?{url.query}' if url.query else ''}"
        return super().send(request, *args, **options)


class Somebody:
    """At a browser: fills the sign-in page in, and is sent back to this machine."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self.pages = stack, 0

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", ToEmulator(self._stack))
        return session

    def show(self, address: str) -> None:
        self.pages += 1
        threading.Thread(target=self._sign_in, args=(address,), daemon=True).start()

    def _sign_in(self, address: str) -> None:
        with self.session() as session:
            page = session.get(address, timeout=30)
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
            filled = {name: html.unescape(value) for name, value in fields.items()}
            url = urlsplit(address)
            back = session.post(
                f"https://{url.netloc}/login",
                data=filled | {"username": ANN, "password": PASSWORD},
                allow_redirects=False,
                timeout=30,
            )
            session.get(back.headers["Location"], timeout=30)


@pytest.fixture(scope="module")
def stack(emulator: Emulator) -> Stack:
    stack = deploy(emulator, "by-command")
    invited(stack, ANN)
    return stack


@pytest.fixture
def kept(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """As CloudFormation says it."""
    given = {"ENDPOINT_URL": stack.emulator.url, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}
    for name, value in given.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return stack_outputs.ask(stack.name, REGION)


def client_of(ann: Somebody, file: Path, kept: Kept, *, alone: bool = False) -> StackClient:
    return StackClient(file, stack_outputs.read(file) or kept, None if alone else ann.show, session=ann.session)


def test_a_person_signs_in_once_and_the_commands_ask_the_stack(
    stack: Stack, kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, file = Somebody(stack), tmp_path / "kept.json"
    client = client_of(ann, file, kept)

    status = client.get("/v1/status")
    decisions._list(client, {}, 20, None, as_json=False)
    client.close()

    assert (status["switch"], ann.pages) == ("off", 1)
    assert "Nothing was decided yet" in capsys.readouterr().out
    again = client_of(ann, file, kept, alone=True)
    assert again.put("/v1/switch", {"enabled": False, "reason": "a test"})["user_id"] == status["user_id"]
    again._session.headers["Authorization"] = "Bearer ended"
    assert again.get("/v1/status")["user_id"] == status["user_id"], "renewed by the refresh token"
    again.close()
    assert ann.pages == 1


def test_what_a_command_uploads_and_fetches_goes_to_the_stack_s_own_bucket(
    stack: Stack, kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, file, out = Somebody(stack), tmp_path / "kept.json", tmp_path / "mine.zip"
    client = client_of(ann, file, kept)

    upload_id = predict._uploaded(client, b"\xff\xd8\xff no photo")
    with pytest.raises(RefusedError, match="give at least two likes and two passes"):
        client.post("/v1/predict", {"upload_id": upload_id})
    account._export(client, out, as_json=True)
    client.close()

    said = json.loads(capsys.readouterr().out)
    assert (said["file"], said["bytes"]) == (str(out), out.stat().st_size)
    assert zipfile.ZipFile(out).testzip() is None


def test_a_refresh_token_of_nobody_ends_the_sign_in(stack: Stack, kept: Kept) -> None:
    with Somebody(stack).session() as session, pytest.raises(sign_in.EndedError):
        sign_in.refreshed(kept.pages, kept.client, "made up", session)


def test_the_page_sends_nobody_elsewhere(stack: Stack, kept: Kept) -> None:
    with Somebody(stack).session() as session:
        asked = {"response_type": "code", "client_id": kept.client, "scope": sign_in.SCOPE, "state": "x"}
        elsewhere = asked | {"redirect_uri": "http://localhost:8474/"}
        answer = session.get(f"{kept.pages}/oauth2/authorize", params=elsewhere, allow_redirects=False, timeout=30)

    assert "8474" not in answer.headers.get("Location", "").split("?")[0]
    assert (answer.status_code >= 400, parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("code")) == (
        True,
        None,
    )


def test_a_stack_that_is_not_there_is_said(kept: Kept) -> None:
    with pytest.raises(ClientError, match="there is no stack nowhere"):
        stack_outputs.ask("nowhere", REGION)
