"""Swipr's API over HTTP, as the command line and the demo use it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from local.runner import read_runtime_file

TIMEOUT_S = 30
#: Deleting a user with thousands of photos is as long as it is.
ADMIN_TIMEOUT_S = 120
Json = dict[str, Any]


class ClientError(Exception):
    """The API said no, or nobody answered; the message says why and what to do."""


class RefusedError(ClientError):
    """The API said no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Calls as one user. Raises ClientError for anything but a 2xx answer."""

    #: What may be the matter when nobody answers.
    ask_if = "is `swipr up` running?"

    def __init__(self, address: str, fresh_token: Callable[[], str]) -> None:
        """`fresh_token` gives a one-use token: at the start, and when the access token has ended."""
        self._address, self._fresh_token = address, fresh_token
        self._session = self.plain_session()
        self._sign_in()

    def get(self, path: str, **query: str | int) -> Json:
        return self._call("GET", path, params=query)

    def put(self, path: str, body: Json) -> Json:
        return self._call("PUT", path, json=body)

    def post(self, path: str, body: Json) -> Json:
        return self._call("POST", path, json=body)

    def post_photo(self, path: str, photo: bytes, content_type: str) -> Json:
        return self._call("POST", path, data=photo, headers={"Content-Type": content_type})

    def delete(self, path: str, **query: str | int) -> Json:
        return self._call("DELETE", path, params=query)

    def plain_session(self) -> requests.Session:
        """Without a token: for addresses that the API gives out, which carry their own signature."""
        session = requests.Session()
        session.trust_env = False  # loopback needs no proxy
        return session

    def close(self) -> None:
        self._session.close()

    def _sign_in(self) -> None:
        granted = self._send("POST", "/local/token", json={"token": self._fresh_token()})
        self._session.headers["Authorization"] = f"Bearer {_value(granted, 'POST', '/local/token')['access_token']}"

    def _call(self, method: str, path: str, **options: Any) -> Json:
        answer = self._send(method, path, **options)
        if answer.status_code == 401:  # an hour has passed, or a night's sleep
            self._sign_in()
            answer = self._send(method, path, **options)
        return _value(answer, method, path)

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, self._address + path, timeout=TIMEOUT_S, **options)
        except requests.RequestException as error:
            raise ClientError(f"{method} {path}: no answer ({type(error).__name__}); {self.ask_if}") from None


def _value(answer: requests.Response, method: str, path: str) -> Json:
    if not answer.ok:
        raise RefusedError(f"{method} {path}: {_reason(answer)}", answer.status_code)
    value: Json = answer.json()
    return value


def _reason(answer: requests.Response) -> str:
    try:
        problem = answer.json()
    except requests.JSONDecodeError:
        return f"HTTP {answer.status_code}"
    field = f"{problem['field']} " if problem.get("field") else ""
    return f"{field}{problem.get('detail') or problem.get('message') or f'HTTP {answer.status_code}'}"


class StillRunsError(ClientError):
    """Something of the user's still runs; try again in a moment."""


class Admin:
    """What only whoever runs the install may do. Raises ClientError, also when nothing runs on the folder."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder

    def one_use_token(self, user_id: str) -> tuple[str, str]:
        """The runtime's address, and a fresh token."""
        address, answer = self._ask("POST", "/local/one-use-token", user_id=user_id)
        return address, answer["token"]

    def users(self) -> list[str]:
        _, answer = self._ask("GET", "/local/users")
        users: list[str] = answer["users"]
        return users

    def add_user(self, user_id: str) -> bool:
        """Whether there was nobody of this name."""
        _, answer = self._ask("POST", "/local/users", user_id=user_id)
        return bool(answer["added"])

    def remove_user(self, user_id: str) -> Json:
        """The receipt. Raises StillRunsError."""
        return self._ask("DELETE", "/local/users", user_id=user_id)[1]

    def health(self) -> Json:
        return self._ask("GET", "/local/health")[1]

    def dead_letters(self, *, resend: bool = False) -> list[Json]:
        """What failed for good, or, of what was sent again, what became of it."""
        _, answer = self._ask("POST" if resend else "GET", "/local/dead-letters")
        letters: list[Json] = answer["letters"]
        return letters

    def _ask(self, method: str, path: str, **body: str) -> tuple[str, Json]:
        runtime = read_runtime_file(self._folder)
        if runtime is None:
            raise ClientError(f"nothing runs on {self._folder}: start it with `swipr up`")
        headers = {"Authorization": f"Bearer {runtime['secret']}"}
        try:
            with requests.Session() as session:
                session.trust_env = False  # loopback needs no proxy
                url = f"{runtime['address']}{path}"
                answer = session.request(method, url, json=body, headers=headers, timeout=ADMIN_TIMEOUT_S)
        except requests.RequestException:
            raise ClientError(f"nothing runs on {self._folder} any more: start it with `swipr up`") from None
        if answer.status_code == 409:
            raise StillRunsError(_reason(answer))
        if not answer.ok:
            raise ClientError(_reason(answer))
        return runtime["address"], answer.json()


def one_use_token(data_folder: Path, user_id: str) -> tuple[str, str]:
    """Address and a fresh one-use token of the runtime on this folder. Raises ClientError if none runs there."""
    return Admin(data_folder).one_use_token(user_id)


def running(data_folder: Path, user_id: str) -> Client:
    """A client of the runtime on this folder. Raises ClientError if none runs there."""
    address, token = one_use_token(data_folder, user_id)
    tokens = iter([token])
    return Client(address, lambda: next(tokens, None) or one_use_token(data_folder, user_id)[1])
