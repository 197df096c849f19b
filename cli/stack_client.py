"""Swipr's API on AWS, as the command line uses it: signed in by browser once, then by the refresh token."""

import sys
import time
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
import typer

from cli import sign_in, stack_outputs
from cli.client import Client, ClientError
from cli.said import Json
from cli.stack_outputs import Kept

#: The gateway lets so many requests a second through; one that it turned away was not begun.
TOO_MANY, TRIES, WAIT_S = 429, 6, 1.0
#: An access token is renewed so long before its end.
MARGIN_S = 60.0


class StackClient(Client):
    """`show` opens the sign-in page; None where nobody is there to sign in."""

    ask_if = "is there a network? If the stack was made anew, `swipr token --stack NAME --end` forgets the old one"

    def __init__(
        self,
        file: Path,
        kept: Kept,
        show: Callable[[str], None] | None,
        *,
        session: Callable[[], requests.Session] = requests.Session,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._file, self._kept, self._show, self._new_session, self._now = file, kept, show, session, now
        self._asked = False
        super().__init__(kept.api, lambda: "")

    def plain_session(self) -> requests.Session:
        return self._new_session()

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = super()._send(method, path, **options)
        for number in range(1, TRIES):
            if answer.status_code != TOO_MANY:
                break
            self._sleep(number * WAIT_S)
            answer = super()._send(method, path, **options)
        return answer

    def _sign_in(self) -> None:
        """At the start what is kept will do while it lasts; a second time it was refused."""
        if self._asked or self._kept.ends_at - MARGIN_S < self._now() or not self._kept.access_token:
            self._keep(self._tokens())
        self._asked = True
        self._session.headers["Authorization"] = f"Bearer {self._kept.access_token}"

    def _tokens(self) -> Json:
        kept = self._kept
        with self.plain_session() as session:
            if kept.refresh_token:
                try:
                    return sign_in.refreshed(kept.pages, kept.client, kept.refresh_token, session)
                except sign_in.EndedError:
                    if self._show is None:
                        raise
            if self._show is None:
                raise ClientError("you are not signed in: run the command once in a terminal")
            return sign_in.by_browser(kept.pages, kept.client, self._show, session)

    def _keep(self, tokens: Json) -> None:
        """A refreshed answer brings no refresh token: the one there is goes on."""
        self._kept = replace(
            self._kept,
            access_token=tokens["access_token"],
            refresh_token=tokens.get("refresh_token") or self._kept.refresh_token,
            ends_at=self._now() + float(tokens.get("expires_in", 0)),
        )
        stack_outputs.write(self._file, self._kept)


def stack_client(stack: str, region: str | None) -> StackClient:
    """Raises ClientError with the next step."""
    file = stack_outputs.place(stack, region)
    kept = stack_outputs.read(file) or stack_outputs.ask(stack, region)
    return StackClient(file, kept, _open_page if sys.stdin.isatty() and sys.stderr.isatty() else None)


def end(stack: str, region: str | None) -> bool:
    """Forget the sign-in here and at AWS; whether there was one. Raises ClientError."""
    file = stack_outputs.place(stack, region)
    kept = stack_outputs.read(file)
    if kept is None:
        return False
    ended = True
    if kept.refresh_token:
        with requests.Session() as session:
            ended = sign_in.revoke(kept.pages, kept.client, kept.refresh_token, session)
    file.unlink(missing_ok=True)
    if not ended:
        raise ClientError("forgotten on this machine, but the sign-in would not end it: it ends by itself in 30 days")
    return True


def _open_page(address: str) -> None:
    """Said too, as not every machine can open one."""
    typer.echo(f"Sign in on the page that opens, or open it yourself:\n{address}", err=True)
    webbrowser.open(address)
