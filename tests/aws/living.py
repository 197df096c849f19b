"""People with something of every kind in a stack, made by its owner: what the steps begin with."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from swipr import bootstrap, dataset, kept_photos
from swipr.candidates.candidate import WANTED
from swipr.candidates.tuned_networks import network_key
from swipr.dataset import Line
from swipr.forgetting import OF_USERS
from swipr.learning import evidence
from swipr.learning.evidence import Evidence
from swipr.models import Decision, Handoff, InFlight, Label, ModelVersion, Network, User, UserSettings
from swipr.sessions.photos import join_rows, session_prefix, zip_photos
from tests import tuned_networks
from tests.aws.quiet_home import QuietHome
from tests.doubles import JPEG
from tests.lived import live

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
LABELS = 8
TABLES = ("users", "decisions", "acted", "labels", "models", "matches", "requests")
IN_FLIGHT = InFlight(card_id="simulator:left", action="like", fence=0, begun_at=LONG_AGO)


def lived(home: QuietHome, name: str) -> tuple[str, dict[str, str]]:
    """Somebody new with one of everything, off; their ids as addresses name them."""
    user_id = home.somebody(name)
    mark = user_id.rpartition("-")[2]
    return user_id, live(home, user_id, bootstrap.now(), mark=f"m{mark}")  # type: ignore[arg-type]


def fill_everywhere(home: QuietHome, name: str) -> str:
    """Somebody with a row in each table and an object below each prefix, off; of nobody else is there any hand-off."""
    home.blobs.delete([key for top in ("handoffs/", "inbox/") for key in home.blobs.keys(top)])
    user_id, ids = lived(home, name)
    store, at = home.store, bootstrap.now()
    store.begin_request(user_id, "k", digest="d", at=at, stale_before=at, expires_at=at + timedelta(days=1))
    store.forget_card(user_id, "simulator:gone", forgotten_key="k")
    hand_over(home, user_id, [ids["card_id"]])
    for top in OF_USERS:
        home.blobs.put(f"{top}/{user_id}/x", b"x")
    return user_id


def everything_left(home: QuietHome, user_id: str) -> list[str]:
    """Tables and keys in which anything of the user, or of their hand-off, is left."""
    dynamodb, found = home.stack.emulator.client("dynamodb"), []
    for table in TABLES:
        found += [table] * dynamodb.query(TableName=getattr(home.settings, f"{table}_table"), **_of(user_id))["Count"]
    return found + [key for key in home.blobs.keys("") if f"/{user_id}/" in key or handoff_id(user_id) in key]


def everything_of(home: QuietHome, user_id: str) -> list[object]:
    """Every row and every object that names the user."""
    dynamodb, found = home.stack.emulator.client("dynamodb"), list[object]()
    for table in TABLES:
        query = _of(user_id) | {"TableName": getattr(home.settings, f"{table}_table")}
        found += dynamodb.query(**query)["Items"]
    keys = [key for key in home.blobs.keys("") if f"/{user_id}/" in key]
    return found + [(key, home.blobs.get(key)) for key in keys]


def _of(user_id: str) -> dict[str, object]:
    return {"KeyConditionExpression": "user_id = :user", "ExpressionAttributeValues": {":user": {"S": user_id}}}


def handoff_id(user_id: str) -> str:
    return hashlib.sha256(user_id.encode()).hexdigest()[:32]


def hand_over(home: QuietHome, user_id: str, card_ids: Sequence[str], **changes: object) -> str:
    """A hand-off of these cards, and an answer to it that came; the dataset's key."""
    known = {
        "handoff_id": handoff_id(user_id),
        "user_id": user_id,
        "labels_hash": "cd" * 32,
        "labels": len(card_ids),
        "likes": 1,
        "passes": len(card_ids) - 1,
        "model_version": 1,
        "split_seed": 5,
        "base_backbone": "ab" * 32,
        "code": "1",
        "dataset": dataset.key_of(handoff_id(user_id)),
        "wanted": WANTED,
        "created_at": bootstrap.now(),
        "deadline_at": bootstrap.now() + timedelta(days=14),
    }
    handed = Handoff.model_validate(known | changes)
    user = home.store.user(user_id)
    assert user is not None
    assert home.store.set_handoff(user_id, handed, expected=user.handoff)
    lines = [_line(card_id) for card_id in card_ids]
    home.blobs.put(handed.dataset, "".join(f"{line.model_dump_json()}\n" for line in lines).encode())
    home.blobs.put(f"handoffs/{handed.handoff_id}.json", handed.model_dump_json().encode())
    home.blobs.put(f"inbox/{handed.handoff_id}-run/note.txt", b"x")
    return handed.dataset


def _line(card_id: str) -> Line:
    return Line(
        card_id=card_id, choice="like", labelled_at=LONG_AGO, source="taught", chosen_by="person", features="AAA="
    )


def with_kept_photo(home: QuietHome, user_id: str, card_id: str, photo: bytes = JPEG + b"kept") -> None:
    kept_photos.keep(home.blobs, user_id, card_id, [photo])


def taught(home: QuietHome, name: str, **settings: object) -> str:
    """Somebody whose version 1 likes all that the judge sees, with what the refit would know of its labels."""
    user_id = home.somebody(name)
    home.store.create_user(User(user_id=user_id, deck="simulator", settings=UserSettings.model_validate(settings)))
    assert home.store.put_model(version(home, user_id, 1))
    assert home.store.set_champion(user_id, 1, expected=None)
    known = Evidence(
        version=1, backbone=home.backbone[0], labels_hash="0" * 64, made_at=LONG_AGO,
        scores=(), left_out=(), liked=(), said=(), threshold=0.5,
    )  # fmt: skip
    evidence.write(user_id, known, home.blobs)
    return user_id


def version(home: QuietHome, user_id: str, number: int, **changes: object) -> ModelVersion:
    known = {
        "user_id": user_id,
        "version": number,
        "head": home.head(),
        "sha256": hashlib.sha256(home.head()).hexdigest(),
        "backbone": home.backbone[0],
        "labels": 20,
        "likes": 10,
        "labels_hash": "0" * 64,
        "penalty": 1.0,
        "code": "tests",
        "created_at": LONG_AGO,
    }
    return ModelVersion.model_validate(known | changes)


def learner(home: QuietHome, name: str, **settings: object) -> str:
    """Somebody with labels that a refit learns from, and no model."""
    user_id = home.somebody(name)
    home.store.create_user(User(user_id=user_id, settings=UserSettings.model_validate(settings)))
    for number in range(LABELS):
        assert home.store.put_label(a_label(home, user_id, number))
    return user_id


def a_label(home: QuietHome, user_id: str, number: int, **changes: object) -> Label:
    known = {
        "user_id": user_id,
        "card_id": f"simulator:{number}",
        "choice": "like" if number % 2 else "pass",
        "labelled_at": bootstrap.now(),
        "backbone": home.backbone[0],
        "features": home.features(number),
    }
    return Label.model_validate(known | changes)


def decide(home: QuietHome, user_id: str, card_id: str, **changes: object) -> Decision:
    """A recorded dry run, with a photo and features to be read."""
    key, at = f"{session_prefix(user_id)}{card_id.replace(':', '-')}", bootstrap.now()
    tomorrow = at + timedelta(days=1)
    body, photos = zip_photos(f"{key}.zip", [home.photo])
    row, places = join_rows(f"{key}.features", {card_id: home.features()})
    home.blobs.put(f"{key}.zip", body)
    home.blobs.put(f"{key}.features", row)
    known = {
        "user_id": user_id, "card_id": card_id, "session_id": "20260301T120000.000000", "verdict": "like",
        "reason": "because", "state": "dry_run", "backbone": home.backbone[0], "photos": tuple(photos),
        "features": places[card_id], "photos_expire_at": tomorrow, "decided_at": at, "expires_at": tomorrow,
    }  # fmt: skip
    decision = Decision.model_validate(known | changes)
    user = home.store.user(user_id)
    assert user is not None
    assert home.store.record_decision(decision, fence=user.fence)
    return decision


@cache
def network(user_id: str) -> bytes:
    """Each user's own: the judge keeps those that it has run, and would not fetch the same again."""
    return tuned_networks.tuned(bias=bias_of(user_id))


def bias_of(user_id: str) -> float:
    return -1.0 - int(handoff_id(user_id)[:4], 16) / 1e5


def network_of(user_id: str) -> Network:
    body = network(user_id)
    sha256 = hashlib.sha256(body).hexdigest()
    return Network(key=network_key(user_id, sha256), sha256=sha256, size_bytes=len(body), size_px=tuned_networks.SIZE)


def with_network(home: QuietHome, user_id: str) -> None:
    """Version 2, which has a network of its own, takes charge."""
    home.blobs.put(network_of(user_id).key, network(user_id))
    tuned = version(home, user_id, 2, kind="tuned", network=network_of(user_id))
    assert home.store.put_model(tuned)
    assert home.store.set_champion(user_id, 2, expected=1)
