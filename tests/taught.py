"""A user's labels in memory, and the refits that learn from them."""

import threading
from datetime import timedelta

import numpy as np

from swipr.errors import NotFoundError
from swipr.learning import refitting as learning
from swipr.models import Label, User, UserSettings
from swipr.transitions import with_champion
from tests.doubles import BACKBONE, START

DIMENSIONS = 24


def taste(count, seed=0, noise=0.5, share=0.5):
    """Features and the answers of somebody whose taste is a direction, heard through noise."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, DIMENSIONS)).astype(np.float32)
    liking = rows @ np.random.default_rng(99).normal(size=DIMENSIONS) / np.sqrt(DIMENSIONS)
    liking += random.normal(size=count) * noise
    return rows, liking > np.quantile(liking, 1 - share)


class FakeStore:
    """Users, labels and models in memory, with the conditions of the real ones."""

    def __init__(self, settings=None):
        self.users = {"ann": User(user_id="ann", settings=settings or UserSettings())}
        self.kept = {}
        self.versions = {}
        self.read = []
        self.lock = threading.Lock()

    def user(self, user_id):
        return self.users.get(user_id)

    def labels(self, user_id):
        return [label.model_copy(update={"features": b""}) for _, label in sorted(self.kept.items())]

    def label_features(self, user_id, card_ids):
        self.read.append(len(card_ids))
        return {card_id: self.kept[card_id].features for card_id in card_ids if card_id in self.kept}

    def put_model(self, model):
        with self.lock:
            return self.versions.setdefault(model.version, model) is model

    def models(self, user_id, *, limit=50):
        return [self.versions[version] for version in sorted(self.versions, reverse=True)][:limit]

    def model(self, user_id, version):
        return self.versions.get(version)

    def set_champion(self, user_id, version, *, expected):
        with self.lock:
            user = self.users[user_id]
            if user.champion != expected:
                return False
            self.users[user_id] = with_champion(user, version)
            return True

    def teach(self, count, *, start=0, backbone=BACKBONE, flip=False):
        rows, liked = taste(400, seed=11, noise=0.1)
        for number in range(start, start + count):
            self.kept[f"fake:{number}"] = Label(
                user_id="ann",
                card_id=f"fake:{number}",
                choice="like" if liked[number] != flip else "pass",
                labelled_at=START + timedelta(seconds=number),
                backbone=backbone,
                features=rows[number].astype("<f2").tobytes(),
            )


class FakeBlobs(dict):
    def put(self, key, body, *, content_type="application/octet-stream"):
        self[key] = body

    def get(self, key):
        if key not in self:
            raise NotFoundError(key)
        return self[key]

    def keys(self, prefix):
        return sorted(key for key in iter(self) if key.startswith(prefix))

    def delete(self, keys):
        for key in list(keys):
            self.pop(key, None)


def refit(store, blobs=None, **options):
    return learning.refit("ann", store, FakeBlobs() if blobs is None else blobs, now=START, code="test", **options)
