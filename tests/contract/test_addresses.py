"""What every Blobs' signed addresses mean to whoever holds one, over HTTP."""

import pytest
import requests

BODY = bytes(range(256)) * 4
KEY = "labels/ann/1.json"


@pytest.fixture
def filled(blobs):
    blobs.put("sessions/ann/s.zip", BODY)
    blobs.put("sessions/bob/s.zip", b"bob's")
    return blobs


@pytest.fixture
def address(filled):
    return filled.presign_get("sessions/ann/s.zip", expires_s=60)


@pytest.fixture
def upload(send):
    def post(form, body: bytes, **changes: str) -> int:
        url, fields = form
        parts = {name: (None, value) for name, value in (fields | changes).items()}
        status, _ = send(requests.Request("POST", url, files=parts | {"file": ("any.json", body)}))
        return status

    return post


def test_an_address_serves_its_object_to_whoever_holds_it(send, address):
    assert send(requests.Request("GET", address)) == (200, BODY)


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, 9), (1000, 1023)])
def test_an_address_serves_a_range(send, address, first, last):
    asked = requests.Request("GET", address, headers={"Range": f"bytes={first}-{last}"})

    assert send(asked) == (206, BODY[first : last + 1])


def test_an_address_of_another_object_cannot_be_made_of_it(send, address):
    status, body = send(requests.Request("GET", address.replace("/ann/", "/bob/")))

    assert status == 403
    assert b"bob's" not in body


def test_an_address_with_another_signature_is_refused(send, address):
    altered = address[:-1] + ("0" if address[-1] != "0" else "1")

    assert send(requests.Request("GET", altered))[0] == 403


def test_an_address_without_its_signature_is_refused(send, address):
    assert send(requests.Request("GET", address.partition("?")[0]))[0] == 403


def test_an_address_is_refused_when_its_time_is_over(send, filled, minute_ago):
    with minute_ago() as before:
        over, lasting = (before.presign_get("sessions/ann/s.zip", expires_s=seconds) for seconds in (59, 600))

    assert send(requests.Request("GET", over))[0] == 403
    assert send(requests.Request("GET", lasting))[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_address_is_for_reading_only(send, filled, address, method):
    assert send(requests.Request(method, address, data=b"x"))[0] in (403, 405)
    assert filled.get("sessions/ann/s.zip") == BODY


@pytest.mark.parametrize("size", [1, 10])
def test_a_form_stores_its_object(blobs, upload, size):
    assert upload(blobs.presign_post(KEY, max_bytes=10, expires_s=60), b"x" * size) == 204
    assert blobs.get(KEY) == b"x" * size


@pytest.mark.parametrize("size", [0, 11])
def test_a_form_takes_nothing_outside_its_sizes(blobs, upload, size):
    assert upload(blobs.presign_post(KEY, max_bytes=10, expires_s=60), b"x" * size) == 400
    assert blobs.keys("") == []


def test_a_form_takes_no_other_key(blobs, upload):
    form = blobs.presign_post(KEY, max_bytes=10, expires_s=60)

    assert upload(form, b"x", key="labels/bob/1.json") == 403
    assert blobs.keys("") == []


def test_a_form_with_another_signature_is_refused(blobs, upload):
    form = blobs.presign_post(KEY, max_bytes=10, expires_s=60)
    (name,) = (name for name in form[1] if name.endswith("signature"))

    assert upload(form, b"x", **{name: "0" * 64}) == 403
    assert blobs.keys("") == []


def test_a_form_without_its_signature_is_refused(blobs, upload):
    url, _ = blobs.presign_post(KEY, max_bytes=10, expires_s=60)

    assert upload((url, {"key": KEY}), b"x") == 403
    assert blobs.keys("") == []


def test_a_form_is_refused_when_its_time_is_over(blobs, upload, minute_ago):
    with minute_ago() as before:
        over, lasting = (before.presign_post(KEY, max_bytes=10, expires_s=seconds) for seconds in (59, 600))

    assert upload(over, b"x") == 403
    assert blobs.keys("") == []
    assert upload(lasting, b"x") == 204
