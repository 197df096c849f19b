"""Somebody at a browser: signs in by the managed login page with PKCE, then calls the API with the access token."""

import base64
import hashlib
import html
import re
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.aws.deployment import Stack
from tests.aws.emulator import REGION

PASSWORD = "Correct horse 1!"
_WAIT_S = 60.0
Json = dict[str, Any]


def invited(stack: Stack, email: str) -> None:
    """Somebody whom the owner let in, with a password of their own."""
    cognito, pool = stack.emulator.client("cognito-idp"), stack.physical["People"]
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    cognito.admin_create_user(UserPoolId=pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=PASSWORD, Permanent=True)


class Person:
    """`tokens` is what the token endpoint answered: access, ID and refresh token."""

    def __init__(self, stack: Stack, email: str) -> None:
        self._stack = stack
        self._session = requests.Session()
        self._session.trust_env = False
        self._api = stack.emulator.host(f"{stack.physical['Gateway']}.execute-api.localhost")
        self._pages = stack.emulator.host(f"{stack.physical['SignInPage']}.auth.{REGION}.amazoncognito.com")
        self.tokens = self._sign_in(email)

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> requests.Response:
        """`token` instead of one's own access token; an empty one sends none."""
        sent = self.tokens["access_token"] if token is None else token
        headers = (
            {"Host": self._api} | ({"Authorization": f"Bearer {sent}"} if sent else {}) | options.pop("headers", {})
        )
        return self._session.request(method, self._stack.emulator.url + path, headers=headers, timeout=60, **options)

    def get(self, path: str, **query: str | int) -> Json:
        return self._value(self.call("GET", path, params=query))

    def put(self, path: str, body: Json) -> Json:
        return self._value(self.call("PUT", path, json=body))

    def post(self, path: str, body: Json) -> Json:
        return self._value(self.call("POST", path, json=body))

    def upload(self, name: str, body: bytes) -> Json:
        """By the form that the API gives; S3 takes it, and tells the function."""
        opened = self.post("/v1/uploads", {"name": name, "size": len(body)})
        sent = self._session.post(opened["url"], data=opened["fields"], files={"file": body}, timeout=60)
        assert sent.status_code in (200, 201, 204), sent.text
        return opened

    def close(self) -> None:
        self._session.close()

    @staticmethod
    def _value(answer: requests.Response) -> Json:
        assert answer.ok, f"{answer.request.method} {answer.request.path_url}: {answer.status_code} {answer.text[:500]}"
        value: Json = answer.json()
        return value

    def _sign_in(self, email: str) -> Json:
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        client = self._stack.physical["Console"]
        redirect = self._redirect()
        asked = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": redirect,
            "scope": "openid swipr/use",
            "state": "here",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        page = self._page("GET", "/oauth2/authorize", params=asked)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        filled = {name: html.unescape(value) for name, value in fields.items()}
        back = self._page("POST", "/login", data=filled | {"username": email, "password": PASSWORD})
        code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
        grant = {"grant_type": "authorization_code", "client_id": client, "code": code, "redirect_uri": redirect}
        return self._value(self._page("POST", "/oauth2/token", data=grant | {"code_verifier": verifier}))

    def _redirect(self) -> str:
        console = {"UserPoolId": self._stack.physical["People"], "ClientId": self._stack.physical["Console"]}
        described = self._stack.emulator.client("cognito-idp").describe_user_pool_client(**console)
        address: str = described["UserPoolClient"]["CallbackURLs"][0]
        return address

    def _page(self, method: str, path: str, **options: Any) -> requests.Response:
        url, headers = self._stack.emulator.url + path, {"Host": self._pages}
        return self._session.request(method, url, headers=headers, allow_redirects=False, timeout=30, **options)


def fire_schedule(stack: Stack) -> None:
    """Now, once: what the stack's own schedule calls, as its role and with its retries and dead letters."""
    scheduler = stack.emulator.client("scheduler")
    declared = scheduler.get_schedule(Name=stack.physical["SwipeTickTick"])
    scheduler.create_schedule(
        Name=f"now-{secrets.token_hex(4)}",
        ScheduleExpression=f"at({time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=declared["Target"],
        ActionAfterCompletion="DELETE",
    )


def until(what: Callable[[], Any], *, seconds: float = _WAIT_S, why: str = "") -> Any:
    """The first true answer; fails when none comes in time."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        if found := what():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds:g} s: {why}")
