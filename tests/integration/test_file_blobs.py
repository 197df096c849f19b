"""Blobs on this machine: signed addresses, announcements, and what a crash leaves."""

from datetime import UTC, datetime, timedelta
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from local.blobs import DEFAULT_TYPE, FileBlobs, PostGrant
from swipr.errors import NotFoundError

NOW = datetime(2026, 3, 1, 12, 0, 0, 900_000, tzinfo=UTC)


class World:
    """Blobs in a folder, a clock that moves when told, and what was announced."""

    def __init__(self, root, announce=None):
        self.root, self.at, self.announced = root, NOW, []
        self.blobs = FileBlobs(
            root,
            sign_key=b"k" * 32,
            base_url=lambda: "http://127.0.0.1:8000",
            now=lambda: self.at,
            announce=announce or (lambda key, size: self.announced.append((key, size))),
        )


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "blobs")


def signed(address):
    """Path below /blobs/, expires, signature."""
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    return parts.path.removeprefix("/blobs/"), query["expires"][0], query["signature"][0]


# addresses


def test_a_signed_address_is_good_until_it_expires(world):
    key, expires, signature = signed(world.blobs.presign_get("a/b=c.zip", expires_s=60))
    assert key == "a/b=c.zip"

    world.blobs.verify_get(key, expires=expires, signature=signature)
    world.at = NOW + timedelta(seconds=59)
    world.blobs.verify_get(key, expires=expires, signature=signature)
    world.at = NOW.replace(microsecond=0) + timedelta(seconds=60)
    with pytest.raises(PermissionError, match="expired"):
        world.blobs.verify_get(key, expires=expires, signature=signature)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "a/c"},
        {"key": "a/../a/b"},
        {"expires": "99999999999"},
        {"expires": "soon"},
        {"expires": ""},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "ä\udc80"},
        {"key": "\udc80"},
    ],
)
def test_a_changed_address_is_refused(world, change):
    key, expires, signature = signed(world.blobs.presign_get("a/b", expires_s=60))
    told = {"key": key, "expires": expires, "signature": signature} | change

    with pytest.raises(PermissionError, match="does not fit"):
        world.blobs.verify_get(told["key"], expires=told["expires"], signature=told["signature"])


def test_an_address_of_another_install_is_refused(world, tmp_path):
    other = FileBlobs(tmp_path / "other", sign_key=b"o" * 32, base_url=str, now=lambda: NOW)
    key, expires, signature = signed("http://x" + other.presign_get("a/b", expires_s=60))

    with pytest.raises(PermissionError):
        world.blobs.verify_get(key, expires=expires, signature=signature)


def test_a_form_grants_its_key_and_size_until_it_expires(world):
    address, fields = world.blobs.presign_post("labels/ann/1.json", max_bytes=10, expires_s=60)

    assert address == "http://127.0.0.1:8000/blobs"
    assert world.blobs.verify_post(fields) == PostGrant("labels/ann/1.json", 10)
    world.at = NOW + timedelta(seconds=60)
    with pytest.raises(PermissionError, match="expired"):
        world.blobs.verify_post(fields)


@pytest.mark.parametrize("field", ["key", "expires", "max_bytes", "signature"])
def test_a_form_with_any_field_changed_or_absent_is_refused(world, field):
    _, fields = world.blobs.presign_post("a/b", max_bytes=10, expires_s=60)

    for changed in (fields | {field: fields[field] + "0"}, {k: v for k, v in fields.items() if k != field}, {}):
        with pytest.raises(PermissionError, match="does not fit"):
            world.blobs.verify_post(changed)


def test_a_reader_s_signature_lets_nobody_write(world):
    key, expires, signature = signed(world.blobs.presign_get("a", expires_s=60))

    with pytest.raises(PermissionError):
        world.blobs.verify_post({"key": key, "expires": expires, "max_bytes": "10", "signature": signature})


def test_a_form_s_signature_lets_nobody_read(world):
    _, fields = world.blobs.presign_post("a", max_bytes=99_999_999_999, expires_s=60)

    with pytest.raises(PermissionError, match="does not fit"):
        world.blobs.verify_get(f"a\n{fields['expires']}", expires=fields["max_bytes"], signature=fields["signature"])


# what the gateway asks


def test_size_and_type_are_those_of_the_last_put(world):
    world.blobs.put("a", b"123", content_type="image/jpeg")
    assert (world.blobs.size("a"), world.blobs.content_type("a")) == (3, "image/jpeg")

    world.blobs.put("a", b"")

    assert (world.blobs.size("a"), world.blobs.content_type("a")) == (0, DEFAULT_TYPE)


def test_an_absent_object_has_no_size(world):
    world.blobs.put("a/b", b"")

    for key in ("b", "a"):
        with pytest.raises(NotFoundError):
            world.blobs.size(key)


def test_a_deleted_object_leaves_no_name_of_anybody(world):
    world.blobs.put("sessions/ann/1.zip", b"x", content_type="application/zip")
    world.blobs.put("sessions/bob/1.zip", b"x")

    world.blobs.delete(["sessions/ann/1.zip"])

    left = [path.name for path in world.root.rglob("*")]
    assert "ann" not in left
    assert "bob" in left


# announcements and crashes


def test_each_put_is_announced_with_its_size(world):
    world.blobs.put("a", b"123")
    world.blobs.put("a", b"12345")

    assert world.announced == [("a", 3), ("a", 5)]


def test_an_object_is_announced_before_it_is_there(tmp_path):
    there = []
    world = World(tmp_path, announce=lambda key, _: there.append((tmp_path / "objects" / key).exists()))

    world.blobs.put("a", b"x")

    assert there == [False]


def test_an_object_that_cannot_be_announced_does_not_appear(tmp_path):
    def fail(key, size):
        raise OSError("no room for the event")

    world = World(tmp_path, announce=fail)
    with pytest.raises(OSError, match="no room"):
        world.blobs.put("a", b"x")

    assert world.blobs.keys("") == []
    assert list((tmp_path / "temp").iterdir()) == []
    with pytest.raises(NotFoundError):
        world.blobs.get("a")


def test_whoever_heard_of_an_object_finds_it(tmp_path):
    found, readers = [], []

    def read_at_once(key, _):
        reader = Thread(target=lambda: found.append(world.blobs.get(key)))
        reader.start()
        reader.join(0.05)  # it has had its chance to read too early
        readers.append(reader)

    world = World(tmp_path, announce=read_at_once)
    for number in range(5):
        world.blobs.put(f"a/{number}", b"%d" % number)
    for reader in readers:
        reader.join()

    assert sorted(found) == [b"0", b"1", b"2", b"3", b"4"]


def test_drafts_of_a_killed_process_are_swept(tmp_path):
    World(tmp_path).blobs.put("a", b"whole")
    (tmp_path / "temp" / "half").write_bytes(b"ha")

    again = World(tmp_path)

    assert list((tmp_path / "temp").iterdir()) == []
    assert again.blobs.keys("") == ["a"]
