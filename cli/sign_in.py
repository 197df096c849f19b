"""Signing in to a stack on AWS: the managed login page in the person's browser, the code back to this machine.

The authorization code flow with PKCE (RFC 7636), as RFC 8252 has it for programs on a person's machine: the code comes
to a server on loopback that listens only meanwhile, and is worth nothing without the verifier, which never leaves here.
"""

import base64
import hashlib
import hmac
import secrets
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from cli.client import ClientError
from cli.said import Json

#: As template.yaml has it: Cognito compares addresses letter by letter.
PORT = 8473
REDIRECT = f"http://localhost:{PORT}/"
SCOPE = "swipr/use"
SIGN_IN_S = 300.0
TIMEOUT_S = 20
CLOSE = b"<!doctype html><title>Swipr</title><p>Signed in. You may close this page and go back to the command line."
FAILED = b"<!doctype html><title>Swipr</title><p>Not signed in. The command line says why."


class EndedError(ClientError):
    """Signing in anew is needed."""


def by_browser(
    pages: str,
    client: str,
    show: Callable[[str], None],
    session: requests.Session,
    *,
    port: int = PORT,
    within_s: float = SIGN_IN_S,
) -> Json:
    """The tokens as the token endpoint answers them, once the person has signed in on the page that `show` opens.

    Raises ClientError: nobody did in time, they refused, or the port is taken.
    """
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": REDIRECT,
        "scope": SCOPE,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    code = _code(lambda: show(f"{pages}/oauth2/authorize?{urlencode(asked)}"), state, port, within_s)
    grant = {"grant_type": "authorization_code", "client_id": client, "code": code, "redirect_uri": REDIRECT}
    return _post(session, f"{pages}/oauth2/token", grant | {"code_verifier": verifier})


def refreshed(pages: str, client: str, refresh_token: str, session: requests.Session) -> Json:
    """Fresh tokens for the refresh token. Raises EndedError when it is good no more, ClientError."""
    grant = {"grant_type": "refresh_token", "client_id": client, "refresh_token": refresh_token}
    return _post(session, f"{pages}/oauth2/token", grant)


def revoke(pages: str, client: str, refresh_token: str, session: requests.Session) -> bool:
    """End the refresh token and what was issued for it, if the sign-in takes that. Raises ClientError."""
    try:
        answer = session.post(
            f"{pages}/oauth2/revoke", data={"token": refresh_token, "client_id": client}, timeout=TIMEOUT_S
        )
    except requests.RequestException as error:
        raise ClientError(f"the sign-in does not answer ({type(error).__name__}); try again") from None
    if answer.status_code >= 500:
        raise ClientError(f"the sign-in failed: HTTP {answer.status_code}; try again")
    return answer.status_code == 200


def _post(session: requests.Session, url: str, grant: dict[str, str]) -> Json:
    """What is in the answer is never said: it may hold tokens."""
    try:
        answer = session.post(url, data=grant, timeout=TIMEOUT_S, allow_redirects=False)
        found = answer.json() if answer.status_code == 200 else {}
    except requests.RequestException as error:
        raise ClientError(f"the sign-in does not answer ({type(error).__name__}); try again") from None
    if answer.status_code in (400, 401):
        raise EndedError("your sign-in has ended; run the command again in a terminal to sign in anew")
    if not isinstance(found, dict) or not found.get("access_token"):
        raise ClientError(f"the sign-in gave no token (HTTP {answer.status_code}); try again")
    return found


# --- the address that the browser is sent back to ------------------------------------------------------------------


class _Door(HTTPServer):
    """One answer to one question; whatever else asks here gets nothing."""

    allow_reuse_address = sys.platform != "win32"  # there it would let a second program in beside us

    def __init__(self, port: int, state: str) -> None:
        super().__init__(("127.0.0.1", port), _Visitor)
        self.state = state
        self.came = threading.Event()
        self.code = self.error = ""

    def take(self, address: str) -> bool | None:
        """Whether it was the code; None if it is not our answer at all."""
        url = urlsplit(address)
        said = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path != "/" or not hmac.compare_digest(said.get("state", "").encode(), self.state.encode()):
            return None
        self.code, self.error = said.get("code", ""), said.get("error", "")
        self.came.set()
        return bool(self.code)


class _Visitor(BaseHTTPRequestHandler):
    timeout = 5
    server: _Door

    def do_GET(self) -> None:
        taken = self.server.take(self.path)
        body = {True: CLOSE, False: FAILED, None: b""}[taken]
        self.send_response(404 if taken is None else 200)
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))}
        headers |= {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Connection": "close"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The code stands in the address."""


def _code(show: Callable[[], None], state: str, port: int, within_s: float) -> str:
    try:
        door = _Door(port, state)
    except OSError:
        raise ClientError(f"port {port} of this machine is taken, and the sign-in comes back there; free it") from None
    with door:
        door.timeout = 0.5
        show()
        until = time.monotonic() + within_s
        while not door.came.is_set() and time.monotonic() < until:
            door.handle_request()
    if door.error:
        raise ClientError(f"not signed in: the page says {door.error[:100]!r}; try again")
    if not door.code:
        raise ClientError(f"nobody signed in within {within_s:.0f} s; try again")
    return door.code
