"""What the page is served with in both worlds: its policy, its configuration, and files too big for an answer."""

import hashlib
import json
from pathlib import Path

import pytest
import requests

from functions.api import app as api_app
from local.runner import Runtime
from swipr import bootstrap
from swipr.api import console_files, page
from swipr.errors import NotFoundError
from swipr.settings import Settings
from tests.contexts import a_context
from tests.moto_world import moto_world

ROOT = Path(__file__).resolve().parents[2]
NETWORK = ROOT / "backbones" / "builtin" / "backbone.onnx"
EVENT = json.loads((ROOT / "tests/events/http_api_jwt.json").read_text())
TIMEOUT_S = 10


def settings(**more):
    names = ("users", "decisions", "acted", "labels", "models", "matches", "requests")
    return Settings(**{f"{name}_table": name for name in names}, bucket="b", key_id="k", **more)


def sources(policy, kind):
    return next(part.split()[1:] for part in policy.split("; ") if part.startswith(f"{kind} "))


# --- policy and configuration ------------------------------------------------------------------------


def test_the_page_may_ask_its_own_origin_only_where_it_signs_in_by_itself():
    assert sources(page.policy(settings()), "connect-src") == ["'self'"]
    assert json.loads(page.configuration(settings())) == {"sign_in": None}


def test_on_aws_the_page_may_ask_sign_in_and_objects_too():
    chosen = settings(sign_in_url="https://x.auth.example", objects_origin="https://b.s3.example", sign_in_client="c1")

    policy = page.policy(chosen)

    assert sources(policy, "connect-src") == ["'self'", "https://x.auth.example", "https://b.s3.example"]
    assert [sources(policy, kind) for kind in ("default-src", "form-action")] == [["'none'"]] * 2
    assert sources(policy, "script-src") == ["'self'"]
    assert json.loads(page.configuration(chosen))["sign_in"] == {
        "url": "https://x.auth.example", "client_id": "c1", "scope": "openid swipr/use",
    }  # fmt: skip


# --- the list and the files ----------------------------------------------------------------------------


@pytest.fixture
def aws():
    with moto_world() as world:
        yield world


def written(tmp_path, body):
    file = tmp_path / "a.bin"
    file.write_bytes(body)
    return {"a.bin": file}


def test_publishing_twice_puts_once_and_a_new_file_beside_the_old(aws, tmp_path):
    old = console_files.publish(written(tmp_path, b"one"), aws.blobs)
    again = console_files.publish(written(tmp_path, b"one"), aws.blobs)
    new = console_files.publish(written(tmp_path, b"two"), aws.blobs)

    assert (len(old), again, len(new)) == (2, [], 2)
    assert {aws.blobs.get(key) for key in (old[0], new[0])} == {b"one", b"two"}
    assert console_files.listed(aws.blobs)["a.bin"].sha256 == hashlib.sha256(b"two").hexdigest()


def test_a_publication_cut_short_is_finished_by_the_next(aws, tmp_path):
    class CutError(Exception):
        pass

    def dies_at_the_list(key, body, *, content_type):
        if key.endswith(console_files.LIST):
            raise CutError
        aws.blobs.put(key, body, content_type=content_type)

    with pytest.raises(CutError):
        console_files.publish(written(tmp_path, b"one"), aws.blobs, dies_at_the_list)
    assert console_files.listed(aws.blobs) == {}, "nothing is listed that may not be there"

    console_files.publish(written(tmp_path, b"one"), aws.blobs)
    assert console_files.answer("a.bin", aws.blobs).status == 302


def test_what_is_not_listed_is_not_there(aws):
    aws.blobs.put("console/secret.bin", b"x")

    for name in ("secret.bin", "..", "", "a/b"):
        with pytest.raises(NotFoundError):
            console_files.answer(name, aws.blobs)


def test_the_bucket_is_asked_for_a_minute_by_the_origin_that_the_policy_names(aws, tmp_path):
    console_files.publish(written(tmp_path, b"one"), aws.blobs)

    reply = console_files.answer("a.bin", aws.blobs)

    assert reply.headers["Location"].startswith(f"{aws.settings.objects_origin}/console/")
    assert "X-Amz-Expires=60" in reply.headers["Location"]
    assert reply.headers["Cache-Control"] == "no-store"


# --- through the handler ----------------------------------------------------------------------------------


def ask(path, *, signed_in=True):
    event = json.loads(json.dumps(EVENT)) | {"rawPath": path, "body": None}
    event["requestContext"]["http"] |= {"method": "GET", "path": path}
    if not signed_in:
        del event["requestContext"]["authorizer"]
    return api_app.lambda_handler(event, a_context())


@pytest.fixture
def on_aws(aws, monkeypatch, tmp_path):
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    bootstrap.forget()
    console_files.publish(written(tmp_path, b"one"), aws.blobs)
    yield aws
    bootstrap.forget()


def test_the_configuration_is_for_everybody_and_from_the_template(on_aws):
    answer = ask("/console/config.json", signed_in=False)

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["sign_in"]["url"].startswith("https://swipr-SignInPage.auth.")
    assert "no-cache" in answer["headers"]["Cache-Control"]


def test_a_signed_in_page_is_led_to_a_big_file(on_aws):
    answer = ask("/console/big/a.bin")

    assert answer["statusCode"] == 302
    assert ask("/console/big/files.json")["statusCode"] == 200
    assert ask("/console/big/b.bin")["statusCode"] == 404


def test_a_big_file_is_for_nobody_who_came_around_the_authorizer(on_aws):
    for path in ("/console/big/a.bin", "/console/big/files.json", "/console/big/a.bin/"):
        assert ask(path, signed_in=False)["statusCode"] == 404


# --- on this machine -----------------------------------------------------------------------------------------


@pytest.fixture
def runtime(tmp_path):
    environment = {"BACKBONE_DIR": str(NETWORK.parent), "CONSOLE_DIR": str(ROOT / "console")}
    with Runtime(ROOT / "template.yaml", tmp_path / "data", environment=environment) as running:
        yield running


def test_the_local_page_gets_the_network_that_judges(runtime):
    token = requests.post(
        f"{runtime.address}/local/token", json={"token": runtime.one_use_token("ada")}, timeout=TIMEOUT_S
    ).json()["access_token"]
    address = f"{runtime.address}/console/big/backbone.onnx"

    got = requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S)

    assert got.content == NETWORK.read_bytes()
    assert got.headers["Cache-Control"] == console_files.KEEP
    assert requests.get(address, timeout=TIMEOUT_S).status_code == 401


def test_the_local_page_signs_in_by_its_address_and_asks_nobody_else(runtime):
    configuration = requests.get(f"{runtime.address}/console/config.json", timeout=TIMEOUT_S)

    assert configuration.json() == {"sign_in": None}
    assert sources(configuration.headers["Content-Security-Policy"], "connect-src") == ["'self'"]
