"""What every Blobs means."""

from threading import Thread

import pytest

from swipr.errors import InputError, NotFoundError
from swipr.models import BlobRange

BODY = bytes(range(256)) * 4
BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    "a\\b",
    "a b",
    "a\n",
    "a\0b",
    "ä",
    "a?b",
    "a%2e",
    "C:/a",
    "a" * 2000,
    "a" * 300,
]


def part(key: str, first: int, last: int) -> BlobRange:
    return BlobRange(key=key, first=first, last=last)


@pytest.mark.parametrize("body", [b"", b"x", BODY, b"y" * 3_000_000])
def test_an_object_put_is_got(blobs, body):
    blobs.put("sessions/ann/s-1=a_b.zip", body)

    assert blobs.get("sessions/ann/s-1=a_b.zip") == body


def test_a_second_put_replaces_the_whole_object(blobs):
    blobs.put("a/b", BODY)

    blobs.put("a/b", b"short", content_type="text/plain")

    assert blobs.get("a/b") == b"short"
    assert blobs.keys("a/") == ["a/b"]


def test_objects_are_apart(blobs):
    blobs.put("a/b", b"1")
    blobs.put("a/b.zip", b"2")
    blobs.put("b", b"3")

    assert [blobs.get(key) for key in ("a/b", "a/b.zip", "b")] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("key", ["absent", "a", "a/b/c"])
def test_an_absent_object_is_not_found(blobs, key):
    blobs.put("a/b", BODY)

    with pytest.raises(NotFoundError):
        blobs.get(key)
    with pytest.raises(NotFoundError):
        blobs.get_range(part(key, 0, 0))


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1023), (5, 9), (1023, 1023)])
def test_a_range_is_exactly_those_bytes(blobs, first, last):
    blobs.put("a", BODY)

    assert blobs.get_range(part("a", first, last)) == BODY[first : last + 1]


@pytest.mark.parametrize(("first", "last"), [(0, 1024), (1023, 1024), (1024, 1024), (5000, 6000)])
def test_a_range_beyond_the_end_is_not_found(blobs, first, last):
    blobs.put("a", BODY)

    with pytest.raises(NotFoundError):
        blobs.get_range(part("a", first, last))


def test_a_range_that_ends_before_it_begins_is_refused(blobs):
    blobs.put("a", BODY)

    with pytest.raises(InputError):
        blobs.get_range(part("a", 5, 3))


def test_keys_ascend_and_have_the_prefix(blobs):
    names = ["a/2", "a/10", "a/B", "a-b", "a/b/c", "a.c", "b/a", "ab", "a/b.c"]
    for name in names:
        blobs.put(name, b"")

    assert blobs.keys("") == sorted(names)
    for prefix in ("a", "a/", "a/b", "a/b/", "b/a", "z", "a/z/"):
        assert blobs.keys(prefix) == sorted(name for name in names if name.startswith(prefix))


def test_deleted_objects_are_gone_and_absent_ones_are_fine(blobs):
    for key in ("a/1", "a/2", "a/3"):
        blobs.put(key, BODY)

    blobs.delete(["a/1", "a/2", "absent", "a/absent", "a/1"])
    blobs.delete([])

    assert blobs.keys("") == ["a/3"]
    with pytest.raises(NotFoundError):
        blobs.get("a/1")


def test_a_deleted_object_can_be_put_again(blobs):
    blobs.put("a/b/c", b"1")
    blobs.delete(["a/b/c"])

    blobs.put("a/b/c", b"2")

    assert blobs.get("a/b/c") == b"2"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_outside_the_alphabet_or_the_bucket_is_refused(blobs, key):
    for use in (
        lambda: blobs.put(key, b""),
        lambda: blobs.get(key),
        lambda: blobs.get_range(part(key, 0, 0)),
        lambda: blobs.presign_get(key, expires_s=60),
        lambda: blobs.presign_post(key, max_bytes=10, expires_s=60),
    ):
        with pytest.raises(InputError) as refused:
            use()
        assert refused.value.field == "key"


@pytest.mark.parametrize("prefix", ["../", "a/../", "/", "a//", "a b", "a/./b"])
def test_a_prefix_that_no_key_can_have_is_refused(blobs, prefix):
    with pytest.raises(InputError):
        blobs.keys(prefix)


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/./b", "a/.."])
def test_nothing_outside_the_bucket_is_deleted(blobs, key):
    with pytest.raises(InputError) as refused:
        blobs.delete(["fine", key])
    assert refused.value.field == "key"


def test_what_another_hand_put_there_can_be_listed_and_deleted(blobs_and_stray):
    blobs, put = blobs_and_stray
    names = ["a/model (1).onnx", "a/ümlaut", "a/fine"]
    for name in names:
        put(name)

    assert blobs.keys("a/") == sorted(names)
    blobs.delete(names)

    assert blobs.keys("") == []


def test_nothing_is_deleted_when_one_key_is_refused(blobs):
    blobs.put("a", BODY)

    with pytest.raises(InputError):
        blobs.delete(["a", "../b"])

    assert blobs.get("a") == BODY


def test_addresses_name_the_key_and_last_only_so_long(blobs):
    short, long = (blobs.presign_get("a/b.zip", expires_s=seconds) for seconds in (60, 120))

    assert short.startswith("http")
    assert "/a/b.zip?" in short
    assert short != long


def test_a_form_fixes_its_key(blobs):
    address, fields = blobs.presign_post("labels/ann/1.json", max_bytes=10, expires_s=60)
    _, others = blobs.presign_post("labels/ann/2.json", max_bytes=10, expires_s=60)

    assert address.startswith("http")
    assert fields["key"] == "labels/ann/1.json"
    assert fields != others | {"key": fields["key"]}


def test_readers_see_the_old_or_the_new_object_and_nothing_between(blobs):
    bodies = [bytes([n]) * (200_000 + n) for n in range(2)]
    blobs.put("a", bodies[0])
    seen: list[bytes] = []

    def write() -> None:
        for number in range(60):
            blobs.put("a", bodies[number % 2])

    writer = Thread(target=write)
    writer.start()
    while writer.is_alive():
        seen.append(blobs.get("a"))
    writer.join()

    assert len(seen) > 5
    assert all(body in bodies for body in seen)


def test_putting_and_deleting_neighbours_at_the_same_time_loses_nothing(blobs):
    def churn(name: str) -> None:
        for number in range(40):
            blobs.put(f"a/b/{name}-{number}", b"")
            blobs.delete([f"a/b/{name}-{number}"])
        blobs.put(f"a/b/{name}", b"")

    threads = [Thread(target=churn, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert blobs.keys("") == ["a/b/x", "a/b/y", "a/b/z"]


def test_putting_into_a_broken_world_raises(broken_blobs):
    with pytest.raises(OSError, match=r"[Nn]ot a directory|cannot find|exists|EndpointConnectionError"):
        broken_blobs.put("a/b", BODY)
