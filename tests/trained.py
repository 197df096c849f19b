"""A user whose labels were handed over, and what a training could send back: whole, or with one thing wrong."""

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from swipr import kept_photos, parity
from swipr.candidates import candidate
from swipr.candidates.registering import Registrar, Registration
from swipr.errors import ModelError
from swipr.feedback import Feedback
from swipr.handoff import hand_over
from swipr.heads import Head, pack
from swipr.judging import JudgeAnswer, JudgeRequest
from swipr.learning.refitting import labels_hash
from swipr.models import Handoff, Label, ModelVersion, User, UserSettings
from tests.doubles import BACKBONE, Clock, Crashes
from tests.moving import Home, local_home

USER = "ann"
SIZE_PX = 16
LABELS = 40
Files = dict[str, bytes]


def network(bias: float = 0.5) -> bytes:
    return json.dumps({"bias": bias}).encode()


def logit_of(picture: bytes, body: bytes) -> float:
    """What the judge's network says: nothing but a number that both sides can work out."""
    return float(json.loads(body)["bias"]) + sum(picture) % 100 / 50


class NetworkJudge:
    """Runs networks of `network()`; those of another make are refused, as is what `down` says."""

    def __init__(self, get: Callable[[str], bytes]) -> None:
        self.get = get
        self.backbone = BACKBONE
        self.down: set[str] = set()
        """`judge`: nobody answers; `network`: it dies of any network."""
        self.calls = 0

    def __call__(self, request: JudgeRequest) -> JudgeAnswer:
        self.calls += 1
        if "judge" in self.down or ("network" in self.down and request.get("networks")):
            raise ModelError("the judge failed: Runtime.OutOfMemory")
        bodies = [self._body(source) for source in request.get("networks", [])]
        photos: list[Any] = [
            {
                "id": source["id"],
                "features": base64.b64encode(struct.pack("<e", 1.0)).decode(),
                "logits": [],
                "network_logits": [None if body is None else self._logit(source, body) for body in bodies],
            }
            for source in request["photos"]
        ]
        errors = ["it is not a network" if body is None else "" for body in bodies]
        return {"backbone": self.backbone, "dimensions": 1, "photos": photos, "ms": 1.0, "network_errors": errors}

    def _body(self, source: Any) -> bytes | None:
        body = self.get(unquote(urlsplit(source["url"]).path).removeprefix("/blobs").removeprefix("/"))
        assert hashlib.sha256(body).hexdigest() == source["sha256"]
        return body if body.startswith(b"{") else None

    def _logit(self, source: Any, body: bytes) -> float:
        return logit_of(base64.b64decode(source["data"]), body)


class Trained:
    """`handoff` is open; `send` puts a candidate into the inbox, `arrive` is the event about it."""

    def __init__(self, home: Home, *, labels: int = LABELS) -> None:
        self.home = home
        self.judge = NetworkJudge(lambda key: home.blobs.get(key))
        chosen = UserSettings(handoff_min_labels=10, handoff_min_hours=0)
        home.store.create_user(User(user_id=USER, deck="fake", settings=chosen))
        self.label(range(labels))
        self.handoff = self.hand_over()

    def label(self, numbers: range) -> None:
        for number in numbers:
            liked = number % 2 == 0
            self.home.store.put_label(
                Label(
                    user_id=USER,
                    card_id=f"fake:{number}",
                    choice="like" if liked else "pass",
                    labelled_at=self.home.clock.now(),
                    backbone=BACKBONE,
                    features=struct.pack("<e", (1.0 if liked else -1.0) + (number % 7 - 3) / 2),
                )
            )
            self.home.blobs.put(kept_photos.card_folder(USER, f"fake:{number}") + "0.jpg", b"x")

    def hand_over(self) -> Handoff:
        """A version of all labels, in charge, and the hand-off of exactly these."""
        store = self.home.store
        user, labels = store.user(USER), store.labels(USER)
        assert user is not None
        newest = next(iter(store.models(USER, limit=1)), None)
        version = newest.version + 1 if newest else 1
        body = head()
        store.put_model(
            ModelVersion(
                user_id=USER,
                version=version,
                head=body,
                sha256=hashlib.sha256(body).hexdigest(),
                backbone=BACKBONE,
                labels=len(labels),
                likes=len(labels) // 2,
                labels_hash=labels_hash(labels),
                penalty=0.3,
                code="tests",
                created_at=self.home.clock.now(),
            )
        )
        store.set_champion(USER, version, expected=user.champion)
        handoff = hand_over(USER, store, self.home.blobs, now=self.home.clock.now(), code="tests")
        assert handoff is not None
        return handoff

    def name(self, run: str = "run1") -> str:
        return f"{self.handoff.handoff_id}-{run}"

    def files(self, run: str = "run1", *, body: bytes | None = None, **changes: Any) -> Files:
        """A whole candidate, but for its sums; `changes` are of its card."""
        body = network() if body is None else body
        pictures = [parity.as_png(picture) for picture in parity.pictures(SIZE_PX)]
        card = {
            "candidate": self.name(run),
            "handoff_id": self.handoff.handoff_id,
            "user_id": USER,
            "labels_hash": self.handoff.labels_hash,
            "dataset_sha256": "0" * 64,
            "labels": self.handoff.labels,
            "backbone": BACKBONE,
            "network_sha256": hashlib.sha256(body).hexdigest(),
            "size_px": SIZE_PX,
            "parity": [logit_of(picture, body) for picture in pictures] if body.startswith(b"{") else [0.0] * 8,
            "code": "trained",
            "seed": 1,
            "made_at": self.home.clock.now().isoformat(),
        }
        left_out = {f"fake:{n}": 1.0 if n % 2 == 0 else -1.0 for n in range(self.handoff.labels)}
        return {
            candidate.NETWORK: body,
            candidate.HEAD: head(),
            candidate.CARD: json.dumps(card | changes).encode(),
            candidate.METRICS: json.dumps({"auc": 0.9, "note": "fine"}).encode(),
            candidate.LEFT_OUT: json.dumps({"schema_version": 1, "logits": left_out}).encode(),
        }

    def send(self, files: Files, run: str = "run1", *, sums: bytes | None = None) -> str:
        for name, body in files.items():
            self.home.blobs.put(candidate.folder(self.name(run)) + name, body)
        self.home.blobs.put(candidate.folder(self.name(run)) + candidate.SUMS, sums or sums_of(files))
        return self.name(run)

    def arrive(self, name: str | None = None, *, crashes: Crashes | None = None, late_s: float = 3600) -> Registration:
        """By default so late that no file can be on its way any more."""
        watch = (crashes or Crashes()).wrap
        at = self.home.clock.now()
        home = self.home
        registrar = Registrar(watch(home.store), watch(home.blobs), home.secrets, self.judge, at)
        return registrar.register(self.name() if name is None else name, arrived_at=at - timedelta(seconds=late_s))

    def feedback(self, **parts: Any) -> Feedback:
        home = self.home
        return Feedback(
            store=home.store,
            blobs=home.blobs,
            queue=home.queue,  # type: ignore[arg-type]
            secrets=home.secrets,
            judge=self.judge,
            code="tests",
            now=home.clock.now,
            token=home.token,
            **parts,
        )

    def user(self) -> User:
        user = self.home.store.user(USER)
        assert user is not None
        return user

    def keys(self, prefix: str) -> list[str]:
        return list(self.home.blobs.keys(prefix))


def head(*, backbone: str = BACKBONE, weights: tuple[float, ...] = (1.0,)) -> bytes:
    return pack(Head(backbone, 0.0, 1.0, 0.0, 0.5, 0.5, 0.5, struct.pack(f"<{len(weights)}f", *weights)))


def sums_of(files: Files, **changes: Any) -> bytes:
    stated = {
        name: {"sha256": hashlib.sha256(body).hexdigest(), "size_bytes": len(body)} for name, body in files.items()
    }
    return json.dumps({"schema_version": 1, "files": stated} | changes).encode()


@contextmanager
def trained_home(folder: Path, *, labels: int = LABELS) -> Iterator[Trained]:
    with local_home(folder, Clock()) as home:
        yield Trained(home, labels=labels)
