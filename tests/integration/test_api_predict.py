"""A photo to judge: sent along, uploaded before, or fetched from a link; nothing of it stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from swipr.api import predict as api_predict
from swipr.api.parts import Api
from swipr.api.predict import INLINE_BYTES, MOST_BYTES, PhotoByLink, PhotoByUpload
from swipr.errors import ConflictError, InputError, ModelError, NotFoundError
from swipr.models import User
from tests.api_home import Asked, Caller
from tests.api_parts import api_of
from tests.doubles import BACKBONE, JPEG, FakeJudge
from tests.install import USER, Install
from tests.tuned_users import CHAMPIONS, SHADOWS, Watched, serve, version

Make = Callable[..., Install]
PHOTO = JPEG + b"like/"
LARGE = PHOTO + b"." * INLINE_BYTES


class Watching:
    """A judge that remembers how each photo came."""

    def __init__(self, judge: Any) -> None:
        self.judge, self.came = judge, []

    def __call__(self, request: Any) -> Any:
        self.came += ["inline" if "data" in photo else "by address" for photo in request["photos"]]
        return self.judge(request)


@pytest.fixture
def home(install: Make) -> Install:
    return install(1, cards=[])


@pytest.fixture
def judge(home: Install) -> Watching:
    return Watching(FakeJudge(lambda url, first, last: home.blobs.get_range(home.range_of(url, first, last))))


@pytest.fixture
def api(home: Install, judge: Watching) -> Api:
    links = {"https://x/small": PHOTO, "https://x/large": LARGE}
    return api_of(home, Asked(), judge=judge, fetch_link=lambda url: links[url])


def upload(home: Install, api: Api, body: bytes) -> str:
    form = api_predict.open_upload(api, USER)
    key, most = home.blobs.verify_post(form.fields)
    assert (key, most) == (form.key, MOST_BYTES)
    home.blobs.put(key, body)
    return form.upload_id


@pytest.mark.parametrize(("link", "way"), [("https://x/small", "inline"), ("https://x/large", "by address")])
def test_a_linked_photo_is_judged_and_not_kept(home: Install, api: Api, judge: Watching, link: str, way: str) -> None:
    prediction = api_predict.predict(api, USER, PhotoByLink(url=link))

    assert (prediction.verdict, prediction.model_version) == ("like", 1)
    assert judge.came == [way]
    assert home.blobs.keys("predict/") == []


@pytest.mark.parametrize("body", [PHOTO, LARGE])
def test_an_uploaded_photo_is_judged_once_and_gone(home: Install, api: Api, body: bytes) -> None:
    upload_id = upload(home, api, body)

    assert api_predict.predict(api, USER, PhotoByUpload(upload_id=upload_id)).verdict == "like"

    assert home.blobs.keys("predict/") == []
    with pytest.raises(NotFoundError, match="no such upload"):
        api_predict.predict(api, USER, PhotoByUpload(upload_id=upload_id))


def test_an_upload_of_no_photo_is_refused_and_gone(home: Install, api: Api) -> None:
    upload_id = upload(home, api, b"a text")

    with pytest.raises(InputError, match="photo"):
        api_predict.predict(api, USER, PhotoByUpload(upload_id=upload_id))
    assert home.blobs.keys("predict/") == []


def test_an_upload_stays_for_another_try_when_the_judge_failed(home: Install, api: Api, judge: Watching) -> None:
    upload_id = upload(home, api, PHOTO)

    def asleep(request: Any) -> Any:
        if request["photos"]:
            raise ModelError("asleep")
        return judge(request)

    with pytest.raises(ModelError):
        api_predict.predict(replace(api, judge=asleep), USER, PhotoByUpload(upload_id=upload_id))
    assert api_predict.predict(api, USER, PhotoByUpload(upload_id=upload_id)).verdict == "like"


def test_a_linked_photo_is_gone_too_when_the_judge_failed(home: Install, api: Api, judge: Watching) -> None:
    def asleep(request: Any) -> Any:
        if request["photos"]:
            raise ModelError("asleep")
        return judge(request)

    with pytest.raises(ModelError):
        api_predict.predict(replace(api, judge=asleep), USER, PhotoByLink(url="https://x/large"))
    assert home.blobs.keys("predict/") == []


def test_another_backbone_in_use_is_said_and_not_a_failure(home: Install, api: Api) -> None:
    def other(request: Any) -> Any:
        if request["photos"]:
            raise ModelError("the head is of another backbone")
        return {"backbone": "f" * 64, "dimensions": 1, "photos": [], "ms": 0.0}

    with pytest.raises(ConflictError, match="another backbone"):
        api_predict.predict(replace(api, judge=other), USER, PHOTO)


def test_a_judge_that_fails_is_worth_another_try(call: Caller) -> None:
    def asleep(request: Any) -> Any:
        if request["photos"]:
            raise ModelError("asleep")
        return {"backbone": BACKBONE, "dimensions": 1, "photos": [], "ms": 0.0}

    call.use(judge=asleep)

    failed = call("POST", "/v1/predict", raw=PHOTO)

    assert (failed.status, failed.type, failed.headers["Retry-After"]) == (503, "application/problem+json", "2")


def by_versions(home: Install, judge: Any, champion: Any) -> Api:
    serve(home, champion)
    return api_of(home, Asked(), judge=judge)


def test_a_tuned_model_s_word_is_the_blend_of_head_and_network(home: Install) -> None:
    judge = Watched(home, champions=lambda logit: -10.0)

    prediction = api_predict.predict(by_versions(home, judge, version(2, CHAMPIONS)), USER, PHOTO)

    assert (prediction.score, prediction.verdict) == (pytest.approx(0.0474, abs=1e-4), "pass")
    assert prediction.model_version == 2
    assert len(judge.requests) == 1


def test_a_tuned_model_whose_network_fails_says_nothing_by_its_head_alone(home: Install) -> None:
    judge = Watched(home, champions="its sha256 differs")

    with pytest.raises(ModelError, match="own network could not be used: its sha256 differs"):
        api_predict.predict(by_versions(home, judge, version(2, CHAMPIONS)), USER, PHOTO)


def test_the_version_that_waits_is_not_asked(home: Install) -> None:
    judge = Watched(home, shadows=lambda logit: logit)
    serve(home, version(2), version(3, SHADOWS))

    api_predict.predict(api_of(home, Asked(), judge=judge), USER, PHOTO)

    assert [len(request["heads"]) for request in judge.requests] == [1]
    assert "networks" not in judge.requests[0]


@pytest.mark.parametrize(
    ("labels", "likes", "words"), [(4, 1, "1 like and 3 passes"), (3, 2, "2 likes and 1 pass"), (1, 1, "1 like and 0")]
)
def test_below_two_labels_of_a_kind_it_ranks_by_likeness_and_says_so(
    home: Install, labels: int, likes: int, words: str
) -> None:
    home.store.create_user(User(user_id="new", deck="fake"))
    own = {"user_id": "new", "kind": "likeness", "labels": labels, "likes": likes}
    home.store.put_model(version(1).model_copy(update=own))

    prediction = api_predict.predict(api_of(home, Asked()), "new", PHOTO)

    assert (prediction.score, prediction.verdict) == (0.982, "unsure")
    assert prediction.reason.startswith(f"not enough yet: {words}")
    assert prediction.reason.endswith("two of each are needed; ranked by likeness to your likes")


def test_a_version_that_is_neither_champion_nor_a_likeness_says_nothing(home: Install) -> None:
    home.store.create_user(User(user_id="new", deck="fake"))
    home.store.put_model(version(1).model_copy(update={"user_id": "new"}))

    with pytest.raises(ConflictError, match="two likes and two passes"):
        api_predict.predict(api_of(home, Asked()), "new", PHOTO)


def test_without_a_model_no_link_is_fetched(home: Install) -> None:
    with pytest.raises(ConflictError, match="two likes and two passes"):
        api_predict.predict(api_of(home, Asked()), "newcomer", PhotoByLink(url="https://x/small"))


def test_a_link_to_this_very_machine_is_refused_over_http(call: Caller) -> None:
    refused = call("POST", "/v1/predict", {"url": "http://127.0.0.1:1/secret-path"})

    assert (refused.status, refused.body["field"]) == (400, "url")
    assert "secret-path" not in refused.body["detail"]


@pytest.mark.parametrize(
    "body",
    [{}, {"url": ""}, {"upload_id": "../ann"}, {"url": "http://x", "upload_id": "y"}, {"url": "x" * 2001}, [], None],
)
def test_what_names_no_photo_is_refused(call: Caller, body: object) -> None:
    sent = {"body": body} if body is not None else {"raw": b"null", "headers": {"content-type": "application/json"}}

    assert call("POST", "/v1/predict", **sent).status == 400  # type: ignore[arg-type]


def test_a_bad_upload_id_is_not_called_superfluous(call: Caller) -> None:
    refused = call("POST", "/v1/predict", {"upload_id": "../ann"})

    assert (refused.status, refused.body["field"]) == (400, "upload_id")
    assert "Extra inputs" not in refused.body["detail"]


def test_a_photo_too_large_for_a_request_is_told_of_the_upload(call: Caller) -> None:
    refused = call("POST", "/v1/predict", raw=b"\xff" * (INLINE_BYTES + 1))

    assert (refused.status, refused.body["field"]) == (400, "photo")
    assert "/v1/predict/uploads" in refused.body["detail"]


def test_an_upload_of_a_photo_is_predicted_over_http(call: Caller) -> None:
    form = call("POST", "/v1/predict/uploads")
    call.install.blobs.put(form.body["key"], JPEG + b"pass")

    judged = call("POST", "/v1/predict", {"upload_id": form.body["upload_id"]})

    assert (form.status, judged.status, judged.body["verdict"]) == (201, 200, "pass")
