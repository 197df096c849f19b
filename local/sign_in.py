"""Who may call: one-use tokens for a start, short-lived access tokens after that, shaped like Cognito's."""

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import jwt

from swipr.models import USER_ID

ISSUER = "https://swipr.local"
AUDIENCE = "swipr-console"
SCOPE = "swipr/use"
ACCESS_FOR = timedelta(hours=1)
ONE_USE_FOR = timedelta(minutes=10)
#: More unused ones than this at a time are somebody trying something.
MOST_ONE_USE = 100


class UnauthorizedError(Exception):
    """No token, or one that is not good here (401)."""


class ForbiddenError(Exception):
    """A good token without the scope that the route asks for (403)."""


def _anybody(user_id: str) -> bool:  # noqa: ARG001 (everybody is known where nobody is registered)
    return True


class SignIn:
    """`known(user_id)` says whether there is such a user now; nobody else is let in."""

    def __init__(self, key: bytes, now: Callable[[], datetime], known: Callable[[str], bool] = _anybody) -> None:
        self._key, self._now, self._known = key, now, known
        self._ended: dict[str, float] = {}
        self._one_use: dict[str, tuple[str, datetime]] = {}
        self._changing = Lock()

    def one_use_token(self, user_id: str) -> str:
        """A token that `exchange` takes once, within ten minutes; only its hash is kept.

        Raises UnauthorizedError for what can be nobody's id, or is nobody's.
        """
        if re.fullmatch(USER_ID, user_id) is None or not self._known(user_id):
            raise UnauthorizedError
        token = secrets.token_urlsafe(32)
        with self._changing:
            self._drop_expired()
            while len(self._one_use) >= MOST_ONE_USE:
                self._one_use.pop(next(iter(self._one_use)))
            self._one_use[_digest(token)] = (user_id, self._now() + ONE_USE_FOR)
        return token

    def end(self, user_id: str) -> None:
        """No token issued so far is good any more, even if somebody of the same name comes after."""
        with self._changing:
            self._ended[user_id] = self._now().timestamp()
            self._one_use = {digest: held for digest, held in self._one_use.items() if held[0] != user_id}

    def exchange(self, token: str) -> str:
        """Raises UnauthorizedError if the token is unknown, used or too old."""
        with self._changing:
            self._drop_expired()
            user_id, _ = self._one_use.pop(_digest(token), ("", None))
        if not user_id:
            raise UnauthorizedError
        return self.access_token(user_id)

    def access_token(self, user_id: str, scope: str = SCOPE) -> str:
        at = int(self._now().timestamp())
        claims = {
            "sub": user_id,
            "username": user_id,
            "iss": ISSUER,
            "client_id": AUDIENCE,
            "token_use": "access",
            "scope": scope,
            "auth_time": at,
            "iat": at,
            "exp": at + int(ACCESS_FOR.total_seconds()),
            "jti": secrets.token_hex(16),
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def claims(self, authorization: str | None, scopes: Sequence[str]) -> dict[str, Any]:
        """The claims of the header's token. Raises UnauthorizedError, or ForbiddenError if it has none of `scopes`."""
        claims = self._decode(_bearer(authorization))
        if scopes and not set(scopes) & set(str(claims.get("scope", "")).split()):
            raise ForbiddenError
        return claims

    def renew(self, authorization: str | None) -> str:
        """A fresh token for one that is still good. Raises UnauthorizedError or ForbiddenError."""
        claims = self.claims(authorization, [SCOPE])
        return self.access_token(str(claims["sub"]), str(claims["scope"]))

    def _decode(self, token: str) -> dict[str, Any]:
        # The clock is ours to pass in, so times are checked here; the audience is Cognito's `client_id` or `aud`.
        options: Any = dict.fromkeys(("verify_exp", "verify_iat", "verify_nbf", "verify_aud"), False)
        options["require"] = ["exp", "iss", "sub"]
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=["HS256"], issuer=ISSUER, options=options)
        except jwt.InvalidTokenError:
            raise UnauthorizedError from None
        if not self._is_current(claims) or claims.get("token_use") != "access":
            raise UnauthorizedError
        if not self._known(str(claims["sub"])) or self._has_ended(claims):
            raise UnauthorizedError
        return claims

    def _has_ended(self, claims: dict[str, Any]) -> bool:
        ended, issued = self._ended.get(str(claims["sub"])), claims.get("iat")
        return ended is not None and not (isinstance(issued, int | float) and issued >= int(ended))

    def _is_current(self, claims: dict[str, Any]) -> bool:
        at = self._now().timestamp()
        audience = claims.get("aud", claims.get("client_id"))
        begins, ends = claims.get("nbf", 0), claims["exp"]
        times = isinstance(begins, int | float) and isinstance(ends, int | float)
        return times and begins <= at < ends and audience == AUDIENCE

    def _drop_expired(self) -> None:
        at = self._now()
        self._one_use = {digest: held for digest, held in self._one_use.items() if held[1] > at}


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthorizedError
    return token.strip()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
