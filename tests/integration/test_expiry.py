"""What outlives its purpose is deleted, and nothing else."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from local.application import Bucket
from local.blobs import FileBlobs
from local.expiry import expire

NOW = datetime(2026, 3, 10, tzinfo=UTC)
BUCKET = Bucket("photos", (("sessions/", 7),))


class Decisions:
    """Counts down decisions that expired before a time."""

    def __init__(self):
        self.asked_at = None

    def delete_expired(self, at):
        self.asked_at = at
        return 2


@pytest.fixture
def blobs(tmp_path):
    return FileBlobs(tmp_path, sign_key=b"k" * 32, base_url=lambda: "http://x", now=lambda: NOW)


def put(blobs, key, age):
    blobs.put(key, b"x")
    at = (NOW - age).timestamp()
    os.utime(blobs._path(key), (at, at))


def test_objects_past_their_days_go(blobs):
    put(blobs, "sessions/ada/old.zip", timedelta(days=7))
    put(blobs, "sessions/ada/young.zip", timedelta(days=6, hours=23))
    put(blobs, "labels/ada/old.csv", timedelta(days=70))
    decisions = Decisions()

    gone = expire(BUCKET, blobs, decisions, NOW)

    assert gone == 3  # one object, two decisions
    assert blobs.keys("") == ["labels/ada/old.csv", "sessions/ada/young.zip"]
    assert decisions.asked_at == NOW


def test_without_a_bucket_decisions_still_expire(blobs):
    assert expire(None, blobs, Decisions(), NOW) == 2
