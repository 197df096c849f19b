"""A stand-in for the API behind the page: canned facts with state, the page's files, a strict content policy."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from PIL import Image
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

CONSOLE = Path(__file__).parents[2] / "console"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE = 20


def plain_photo(card_id: str, n: int) -> bytes:
    """A small PNG whose colour is the card's."""
    hue = sum(card_id.encode()) * 37 % 200 + n * 20
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (hue, 120, 255 - hue)).save(out, "PNG")
    return out.getvalue()


class ConsoleApi:
    """The WSGI application. Tests change `facts`, `decisions` and the fault switches, and read `requests`."""

    def __init__(self, photo: Callable[[str, int], bytes] = plain_photo) -> None:
        self.photo = photo
        self.one_use = {"first", "second"}
        self.access: set[str] = set()
        self.expires_in = 3600.0
        self.requests: list[tuple[str, str]] = []
        self.failing: dict[tuple[str, str], tuple[int, str]] = {}
        """(method, path prefix) -> status and detail to answer with."""
        self.stopping_for = 1
        """How many status reads answer `stopping` after the switch was turned off."""
        self.at = datetime.now(UTC)
        self.facts = self._facts()
        self.decisions = [self.decision(n) for n in range(45)]

    # --- facts -------------------------------------------------------------------------------------

    def _facts(self) -> dict:
        return {
            "user_id": "demo", "switch": "on", "acting": False, "deck": "simulator", "deck_connected": True,
            "next_due_at": self.time(200), "deck_wait_until": None,
            "status": {"code": "done", "text": "Done; it goes on at the next look.", "at": self.time(-30)},
            "budget": {
                "likes_per_day": 12, "likes_today": 5, "left": 7, "day": "2025-11-21", "time_zone": "Europe/Berlin",
            },
            "held": 0,
            "model": {
                "version": 3, "labels": 60, "likes": 29, "created_at": self.time(-900),
                "metrics": {"auc": 0.86, "auc_low": 0.77, "auc_high": 0.95, "accuracy": 0.77, "majority": 0.52},
            },
            "labels": 60, "sessions": [self.session(n) for n in range(3)],
        }  # fmt: skip

    def time(self, seconds: float) -> str:
        return (self.at + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")

    def session(self, n: int, **changes: object) -> dict:
        facts = {
            "session_id": f"s{n}", "started_at": self.time(-60 * n - 40), "ended_at": self.time(-60 * n - 30),
            "outcome": "done", "deck": "simulator", "acting": True, "cards": 9, "filtered": 0, "liked": 2, "passed": 6,
            "unsure": 1, "unknown": 0, "failed": 0, "matches": 1, "photos": 27, "photo_errors": 0, "judge_ms": 110.0,
            "cost_microusd": 23.5,
        }  # fmt: skip
        return facts | changes

    def decision(self, n: int, **changes: object) -> dict:
        score = (n * 37 % 97 + 2) / 100
        verdict = "like" if score >= 0.62 else "pass"
        facts = {
            "card_id": f"simulator:c{n}", "name": f"Card {n}", "verdict": verdict, "state": "sent", "score": score,
            "reason": f"score {score:.2f} is {'on or above' if verdict == 'like' else 'below'} your line 0.62",
            "threshold": 0.62, "photo_scores": [score, None], "model_version": 3, "photos": 2, "filtered": False,
            "match_id": None, "detail": "", "decided_at": self.time(-10 * n - 40), "acted_at": self.time(-10 * n - 39),
            "label": None,
        }  # fmt: skip
        return facts | changes

    # --- the wire ----------------------------------------------------------------------------------

    def __call__(self, environ: dict, start_response: Callable) -> Iterator[bytes]:
        request = Request(environ)
        answer = self.answer(request)
        answer.headers["Content-Security-Policy"] = POLICY
        return answer(environ, start_response)

    def answer(self, request: Request) -> Response:
        path = request.environ["RAW_URI"].partition("?")[0]
        if path == "/" or path.startswith("/console/"):
            return self.file("index.html" if path == "/" else path.removeprefix("/console/"))
        self.requests.append((request.method, path))
        for (method, prefix), (status, detail) in self.failing.items():
            if request.method == method and path.startswith(prefix):
                return problem(status, detail)
        if path == "/local/token":
            return self.exchange(request.get_json()["token"])
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.access:
            return problem(401, "Sign in.")
        return self.signed_in(request, [unquote(one) for one in path.strip("/").split("/")])

    def file(self, name: str) -> Response:
        found = CONSOLE / name
        if "/" in name or not found.is_file():
            return problem(404, "no such file")
        return Response(found.read_bytes(), mimetype=TYPES[found.suffix])

    def exchange(self, token: str) -> Response:
        if token not in self.one_use:
            return problem(401, "used before")
        self.one_use.discard(token)
        return self.grant()

    def grant(self) -> Response:
        token = f"access-{len(self.access)}"
        self.access.add(token)
        return reply({"access_token": token, "expires_in": self.expires_in})

    def signed_in(self, request: Request, parts: list[str]) -> Response:
        match [request.method, *parts]:
            case ["POST", "local", "renew"]:
                return self.grant()
            case ["GET", "v1", "status"]:
                return self.status()
            case ["PUT", "v1", "switch"]:
                return self.switch(request.get_json()["enabled"])
            case ["PUT", "v1", "acting"]:
                self.facts["acting"] = request.get_json()["acting"]
                return self.status()
            case ["GET", "v1", "decisions"]:
                return self.page(int(request.args.get("cursor", 0)))
            case ["GET", "v1", "decisions", card_id, "photos", n]:
                return Response(self.photo(card_id, int(n)), mimetype="image/png")
            case ["POST", "v1", "labels"]:
                return reply({"stored": [self.keep(**one) for one in request.get_json()["labels"]]}, 202)
            case ["DELETE", "v1", "labels", card_id]:
                return self.remove(card_id)
        return problem(404, "no such route")

    def status(self) -> Response:
        facts = self.facts | {"now": datetime.now(UTC).isoformat()}
        if self.facts["switch"] == "stopping":
            self.stopping_for -= 1
            if self.stopping_for <= 0:
                self.turn_off()
        return reply(facts)

    def switch(self, enabled: bool) -> Response:
        if enabled:
            self.facts |= {"switch": "on", "next_due_at": self.time(200)}
            self.facts["status"] = {"code": "ready", "text": "On.", "at": self.time(0)}
        elif self.stopping_for:
            self.facts["switch"] = "stopping"
        else:
            self.turn_off()
        return self.status()

    def turn_off(self) -> None:
        self.facts |= {"switch": "off", "next_due_at": None}
        self.facts["status"] = {"code": "off", "text": "Off: nothing was done.", "at": datetime.now(UTC).isoformat()}

    def page(self, first: int) -> Response:
        following = first + PAGE if first + PAGE < len(self.decisions) else None
        return reply({"decisions": self.decisions[first : first + PAGE], "next": following and str(following)})

    def of(self, card_id: str) -> dict:
        return next(one for one in self.decisions if one["card_id"] == card_id)

    def keep(self, card_id: str, choice: str, source: str) -> dict:
        label = {"choice": choice, "source": source, "labelled_at": self.time(0)}
        self.of(card_id)["label"] = label
        return {"card_id": card_id} | label

    def remove(self, card_id: str) -> Response:
        label, self.of(card_id)["label"] = self.of(card_id)["label"], None
        return reply({"removed": {"card_id": card_id} | label}) if label else problem(404, "no such label")


def reply(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def problem(status: int, detail: str) -> Response:
    body = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail}
    return Response(json.dumps(body), status, mimetype="application/problem+json")


class _Quiet(WSGIRequestHandler):
    def log(self, *args: object) -> None:
        pass


@contextmanager
def serving(api: ConsoleApi, port: int = 0) -> Iterator[str]:
    """Serve on a free port of this machine; yields the address without a slash at its end."""
    server = make_server("127.0.0.1", port, api, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
