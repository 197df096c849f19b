"""The gateway over real HTTP: events, answers, tokens, guards, and signed addresses."""

import base64
import json
import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import jwt
import pytest
import requests
from jwt.api_jws import PyJWS

from local.runner import Runtime, read_runtime_file
from local.sign_in import AUDIENCE, ISSUER
from tests.small_application import write_small_application

TIMEOUT_S = 10
EVENTS = Path(__file__).resolve().parents[1] / "events"


class Clock:
    def __init__(self):
        self.at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self):
        return self.at

    def forward(self, **by):
        self.at += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def runtime(tmp_path, clock):
    template = write_small_application(tmp_path)
    parameters = {"Record": str(tmp_path / "record")}
    with Runtime(template, tmp_path / "data", parameters=parameters, now=clock) as running:
        yield running


@pytest.fixture
def http(runtime):
    with requests.Session() as session:

        def call(method, path, **options):
            address = path if path.startswith("http") else runtime.address + path
            return session.request(method, address, timeout=TIMEOUT_S, **options)

        yield call


@pytest.fixture
def token(runtime, http):
    return exchange(http, runtime.one_use_token("ada")).json()["access_token"]


def exchange(http, one_use):
    return http("POST", "/local/token", json={"token": one_use})


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


# --- events and answers ------------------------------------------------------------------------------


def shape(value, name=""):
    """Names and types only; of maps whose names are the caller's, that they are maps of text."""
    if not isinstance(value, dict):
        return type(value).__name__
    if name in ("headers", "claims", "queryStringParameters", "pathParameters"):
        return {type(inner).__name__ for inner in value.values()}
    return {name: shape(inner, name) for name, inner in value.items()}


def test_event_has_the_shape_of_a_real_one(http, token):
    headers = bearer(token) | {"Content-Type": "application/json", "Cookie": "one=1; two=2", "User-Agent": "test"}
    answer = http("POST", "/v1/labels?a=1&a=2&b=%C3%A9", headers=headers, data='{"x": 1}').json()

    event, real = answer["event"], json.loads((EVENTS / "http_api_jwt.json").read_text())
    assert shape(event) == shape(real)
    assert event["queryStringParameters"] == {"a": "1,2", "b": "é"}
    assert event["rawQueryString"] == "a=1&a=2&b=%C3%A9"
    assert event["cookies"] == ["one=1", "two=2"]
    assert "cookie" not in event["headers"]
    assert event["pathParameters"] == {"proxy": "labels"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "ada"
    assert event["requestContext"]["authorizer"]["jwt"]["scopes"] == ["swipr/use"]
    assert answer["context"]["function"] == "Api"


def test_claims_are_text_as_the_real_gateway_makes_them(http, token):
    claims = http("GET", "/v1/x", headers=bearer(token)).json()["event"]["requestContext"]["authorizer"]["jwt"][
        "claims"
    ]

    assert {type(value) for value in claims.values()} == {str}


def test_event_without_body_query_and_cookies_lacks_them(http):
    event = http("GET", "/open/x").json()["event"]

    assert not {"body", "cookies", "queryStringParameters"} & set(event)
    assert "authorizer" not in event["requestContext"]


@pytest.mark.parametrize("kind", ["image/jpeg", "application/zip", ""])
def test_binary_body_arrives_as_base64(http, kind):
    photo = bytes(range(256))
    event = http("POST", "/open/x", data=photo, headers={"Content-Type": kind}).json()["event"]

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == photo


def test_most_specific_route_wins(http, token):
    one = http("GET", "/v1/cards/sim:1", headers=bearer(token)).json()["event"]
    deeper = http("GET", "/v1/cards/sim:1/photos", headers=bearer(token)).json()["event"]
    other = http("POST", "/v1/cards/sim:1", headers=bearer(token)).json()["event"]

    assert (one["routeKey"], one["pathParameters"]) == ("GET /v1/cards/{card}", {"card": "sim:1"})
    assert (deeper["routeKey"], deeper["pathParameters"]) == ("ANY /v1/{proxy+}", {"proxy": "cards/sim:1/photos"})
    assert other["routeKey"] == "ANY /v1/{proxy+}"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("POST", "/"), ("GET", "/open/"), ("GET", "/v1")])
def test_unknown_route_is_not_found(http, method, path):
    answer = http(method, path)

    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_answers_are_read_as_the_gateway_does(http):
    text, bare, picture = http("GET", "/open/text"), http("GET", "/open/bare"), http("GET", "/open/bytes")

    assert (text.status_code, text.text, text.headers["content-type"]) == (200, "plain", "text/plain;charset=UTF-8")
    assert (bare.json(), bare.headers["content-type"]) == ({"hello": "world"}, "application/json")
    assert (picture.status_code, picture.content, picture.headers["content-type"]) == (201, b"\x89PNG", "image/png")
    assert picture.raw.headers.getlist("set-cookie") == ["a=1", "b=2; HttpOnly"]


@pytest.mark.parametrize("path", ["no-status", "no-text", "not-json", "split", "large", "raise"])
def test_unusable_answer_is_a_plain_500(http, path):
    answer = http("GET", f"/open/{path}")

    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert "set-cookie" not in answer.headers


def test_error_is_logged_once_without_its_words(http, caplog):
    with caplog.at_level(logging.DEBUG, "swipr.local"):
        http("GET", "/open/raise")

    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert "Api failed on request" in line
    assert "TimeoutError at" in line
    assert "hunter2" not in line


def test_slow_function_is_given_up(http):
    answer = http("GET", "/open/slow")

    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize("size_mb", [5, 11])  # what Lambda takes after base64; what the gateway takes
def test_large_body_is_refused(http, size_mb):
    answer = http("POST", "/open/x", data=b"\0" * (size_mb * 1024 * 1024))

    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})


def test_four_megabytes_pass(http):
    assert http("POST", "/open/x", data=b"\0" * (4 * 1024 * 1024 - 1)).status_code in (200, 500)  # echoed: too large
    assert http("POST", "/open/text", data=b"\0" * (4 * 1024 * 1024)).text == "plain"


# --- tokens ------------------------------------------------------------------------------------------


def claims_like(token, **changes):
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    return {name: value for name, value in claims.items() if value is not None}


def signed(runtime, claims, algorithm="HS256"):
    key = None if algorithm == "none" else runtime._sign_in._key
    return PyJWS().encode(json.dumps(claims).encode(), key, algorithm=algorithm)  # unlike jwt.encode, checks no claim


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere"},
        {"iss": None},
        {"client_id": "another"},
        {"client_id": None},
        {"aud": "another"},
        {"token_use": "id", "aud": AUDIENCE},
        {"token_use": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 9_999_999_999},
        {"sub": None},
    ],
    ids=str,
)
def test_wrong_claims_are_unauthorized(runtime, http, token, changes):
    forged = signed(runtime, claims_like(token, **changes))
    answer = http("GET", "/v1/x", headers=bearer(forged))

    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


def test_right_claims_signed_here_are_let_in(runtime, http, token):
    """So that the refusals above are due to the change alone."""
    assert http("GET", "/v1/x", headers=bearer(signed(runtime, claims_like(token)))).status_code == 200


@pytest.mark.parametrize("make", ["missing", "empty", "basic", "garbage", "none", "other key", "HS512", "one-use"])
def test_wrong_tokens_are_unauthorized(runtime, http, token, make):
    claims = claims_like(token)
    headers = {
        "missing": {},
        "empty": {"Authorization": ""},
        "basic": {"Authorization": f"Basic {token}"},
        "garbage": bearer("a.b.c"),
        "none": bearer(signed(runtime, claims, "none")),
        "other key": bearer(jwt.encode(claims, b"k" * 32, algorithm="HS256")),
        "HS512": bearer(jwt.encode(claims, runtime._sign_in._key * 2, algorithm="HS512")),
        "one-use": bearer(runtime.one_use_token("ada")),
    }[make]

    assert http("GET", "/v1/x", headers=headers).status_code == 401


def test_token_without_the_scope_is_forbidden(runtime, http, token):
    answer = http("GET", "/v1/x", headers=bearer(signed(runtime, claims_like(token, scope="other/use"))))

    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


def test_token_expires_within_the_hour_and_can_be_renewed_before(http, token, clock):
    clock.forward(minutes=59)
    renewed = http("POST", "/local/renew", headers=bearer(token)).json()["access_token"]
    clock.forward(minutes=2)

    assert http("GET", "/v1/x", headers=bearer(token)).status_code == 401
    assert http("POST", "/local/renew", headers=bearer(token)).status_code == 401
    answer = http("GET", "/v1/x", headers=bearer(renewed))
    assert answer.json()["event"]["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "ada"
    assert jwt.decode(renewed, options={"verify_signature": False})["iss"] == ISSUER


def test_one_use_token_is_good_once(runtime, http):
    one_use = runtime.one_use_token("ada")

    assert exchange(http, one_use).status_code == 200
    assert exchange(http, one_use).status_code == 401


def test_one_use_token_expires(runtime, http, clock):
    one_use = runtime.one_use_token("ada")
    clock.forward(minutes=10)

    assert exchange(http, one_use).status_code == 401


def test_one_use_tokens_are_kept_hashed(runtime):
    one_use = runtime.one_use_token("ada")

    assert one_use not in repr(vars(runtime._sign_in))


@pytest.mark.parametrize("body", [None, {}, {"token": 7}, {"token": ""}, {"token": "x"}, ["token"]])
def test_exchange_of_nonsense_is_unauthorized(http, body):
    assert http("POST", "/local/token", json=body).status_code == 401


def test_command_line_gets_one_use_tokens_with_the_secret_of_the_file(tmp_path, http):
    file = tmp_path / "data" / "runtime.json"
    secret = read_runtime_file(tmp_path / "data")["secret"]

    def ask(given):
        return http("POST", "/local/one-use-token", json={"user_id": "ada"}, headers=bearer(given))

    assert file.stat().st_mode & 0o777 == 0o600
    assert ask("wrong").status_code == 401
    assert ask(secret).status_code == 404
    http("POST", "/local/users", json={"user_id": "ada"}, headers=bearer(secret))
    assert exchange(http, ask(secret).json()["token"]).status_code == 200


# --- guards ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:80", "[::1]:80"])
@pytest.mark.parametrize("path", ["/", "/v1/x", "/blobs/a", "/local/token"])
def test_unknown_host_is_turned_away(http, host, path):
    assert http("GET", path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:1", "http://localhost"])
@pytest.mark.parametrize("path", ["/v1/x", "/local/token", "/blobs"])
def test_foreign_origin_is_turned_away(http, token, origin, path):
    assert http("POST", path, headers=bearer(token) | {"Origin": origin}).status_code == 403


def test_own_page_is_let_in_under_both_names(runtime, http, token):
    port = runtime.address.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        headers = bearer(token) | {"Host": host, "Origin": f"http://{host}"}
        assert http("GET", "/v1/x", headers=headers).status_code == 200


# --- signed addresses ----------------------------------------------------------------------------------


@pytest.fixture
def photo(runtime):
    body = bytes(range(256)) * 10
    runtime.blobs.put("sessions/ada/1.zip", body, content_type="application/zip")
    return runtime.blobs.presign_get("sessions/ada/1.zip", expires_s=60), body


def test_signed_address_serves_the_object(http, photo):
    address, body = photo
    answer, head = http("GET", address), http("HEAD", address)

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, body, "application/zip")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "2560")


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("0-9", 0, 9), ("100-", 100, 2559), ("-5", 2555, 2559), ("2550-9999", 2550, 2559)]
)
def test_range_is_served(http, photo, asked, first, last):
    address, body = photo
    answer = http("GET", address, headers={"Range": f"bytes={asked}"})

    assert (answer.status_code, answer.content) == (206, body[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/2560"


def test_range_behind_the_end_is_refused(http, photo):
    answer = http("GET", photo[0], headers={"Range": "bytes=2560-"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */2560")


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=0-1,4-5", "lines=0-1", "nonsense"])
def test_range_that_is_none_is_ignored_as_s3_does(http, photo, asked):
    assert http("GET", photo[0], headers={"Range": asked}).content == photo[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: a.split("?")[0],
        lambda a: a.replace("1.zip", "2.zip"),
        lambda a: a.replace("sessions/ada", "sessions//ada"),
        lambda a: a[:-1] + ("0" if a[-1] != "0" else "1"),
        lambda a: a.replace("expires=", "expires=9"),
        lambda a: a.replace("expires=", "expires=x"),
    ],
)
def test_changed_address_is_refused(http, photo, spoil):
    answer = http("GET", spoil(photo[0]))

    assert answer.status_code in (403, 404)
    assert photo[1] not in answer.content


@pytest.mark.parametrize("path", ["/blobs/../key", "/blobs/sessions/../../../key", "/blobs/%2e%2e/%2e%2e/key"])
def test_path_out_of_the_folder_is_refused(runtime, path):
    connection = HTTPConnection("127.0.0.1", int(runtime.address.rpartition(":")[2]), timeout=TIMEOUT_S)
    with closing(connection):
        connection.request("GET", f"{path}?expires=9999999999&signature={'0' * 64}")
        answer = connection.getresponse()
        assert answer.status == 403
        assert b"AccessDenied" in answer.read()


def test_address_expires(http, photo, clock):
    clock.forward(seconds=61)

    assert http("GET", photo[0]).status_code == 403


def test_address_of_nothing_is_not_found(runtime, http):
    assert http("GET", runtime.blobs.presign_get("sessions/none.zip", expires_s=60)).status_code == 404


def test_put_and_delete_by_address_do_not_exist(http, photo):
    assert [http(method, photo[0]).status_code for method in ("PUT", "DELETE")] == [405, 405]


# --- uploads -----------------------------------------------------------------------------------------


def upload(http, form, body, *, before=(), after=()):
    address, fields = form
    parts = [(name, (None, value)) for name, value in (*fields.items(), *before)]
    return http("POST", address, files=[*parts, ("file", ("any.zip", body)), *after])


def test_form_uploads_its_one_key(runtime, http):
    body = b"like" * 300_000  # more than is kept in memory
    form = runtime.blobs.presign_post("uploads/ada/1.zip", max_bytes=2_000_000, expires_s=60)

    answer = upload(http, form, body, before=[("Content-Type", "application/zip")])

    assert (answer.status_code, answer.content) == (204, b"")
    assert runtime.blobs.get("uploads/ada/1.zip") == body
    assert runtime.blobs.content_type("uploads/ada/1.zip") == "application/zip"


@pytest.mark.parametrize(("size", "status", "code"), [(0, 400, "EntityTooSmall"), (11, 400, "EntityTooLarge")])
def test_upload_outside_its_size_range_is_refused(runtime, http, size, status, code):
    form = runtime.blobs.presign_post("uploads/ada/1.zip", max_bytes=10, expires_s=60)
    answer = upload(http, form, b"x" * size)

    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)
    assert runtime.blobs.keys("uploads/") == []


@pytest.mark.parametrize("field", ["key", "expires", "max_bytes", "signature"])
@pytest.mark.parametrize("value", ["", "9999999999", "uploads/eve/1.zip"])
def test_changed_form_is_refused(runtime, http, field, value):
    address, fields = runtime.blobs.presign_post("uploads/ada/1.zip", max_bytes=10, expires_s=60)
    answer = upload(http, (address, fields | {field: value}), b"x")

    assert answer.status_code == 403
    assert runtime.blobs.keys("uploads/") == []


def test_form_expires(runtime, http, clock):
    form = runtime.blobs.presign_post("uploads/ada/1.zip", max_bytes=10, expires_s=60)
    clock.forward(seconds=61)

    assert upload(http, form, b"x").status_code == 403


def test_fields_after_the_file_are_ignored(runtime, http):
    form = runtime.blobs.presign_post("uploads/ada/1.zip", max_bytes=10, expires_s=60)
    answer = upload(http, form, b"x", after=[("key", (None, "uploads/eve/1.zip"))])

    assert answer.status_code == 204
    assert runtime.blobs.keys("uploads/") == ["uploads/ada/1.zip"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n--b--\r\n'),
    ],
)
def test_malformed_form_is_refused(http, kind, body):
    assert http("POST", "/blobs", data=body, headers={"Content-Type": kind}).status_code == 400


def test_cut_off_upload_leaves_nothing(runtime, http):
    address, fields = runtime.blobs.presign_post("uploads/ada/1.zip", max_bytes=10, expires_s=60)
    head = "".join(f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    cut = head + '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhalf'

    answer = http("POST", address, data=cut, headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert answer.status_code == 400
    assert runtime.blobs.keys("uploads/") == []


def test_endless_fields_are_refused(runtime, http):
    form = runtime.blobs.presign_post("uploads/ada/1.zip", max_bytes=10, expires_s=60)

    assert upload(http, form, b"x", before=[("padding", "x" * 30_000)]).status_code == 400
