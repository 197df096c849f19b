"""Labels follow a change of backbone by their photos, kept ones only where the user opted in."""

import base64
import struct
from dataclasses import replace

import pytest

from swipr import kept_photos
from swipr.api import account as api_account
from swipr.api import predict as api_predict
from swipr.errors import ConflictError, ModelError
from swipr.feedback import Feedback
from swipr.judging import OTHER_BACKBONE
from swipr.labelling import Labelling, NewLabel, NewLabels
from swipr.models import Answer, BlobRange, RefitRequest, UserSettings
from swipr.reembedding import reembed
from tests.api_parts import api_of
from tests.doubles import BACKBONE, JPEG, card
from tests.install import USER

NEW = "b" * 64


class NewJudge:
    """Another backbone: features are twice what the old one gave. Reads what is addressed."""

    def __init__(self, home, backbone=NEW):
        self.home, self.backbone, self.asked = home, backbone, 0

    def __call__(self, request):
        if request["heads"] and self.backbone != BACKBONE:
            raise ModelError("head 0 was learned on another backbone")
        photos = [self.judged(source) for source in request["photos"]]
        self.asked += len(photos)
        return {"backbone": self.backbone, "dimensions": 1, "photos": photos, "ms": 1.0}

    def judged(self, source):
        body = base64.b64decode(source["data"]) if "data" in source else self.read(source)
        taste = body.removeprefix(JPEG).decode().split("/")[0]
        value = {"like": 8.0, "pass": -8.0}.get(taste)
        if value is None:
            return {"id": source["id"], "error": "not a photo"}
        return {"id": source["id"], "features": base64.b64encode(struct.pack("<e", value)).decode(), "qualities": {}}

    def read(self, source):
        key = source["url"].removeprefix("http://x/blobs/").split("?")[0]
        if "first" in source:
            return self.home.blobs.get_range(BlobRange(key=key, first=source["first"], last=source["last"]))
        return self.home.blobs.get(key)


class Asked:
    def ask_refit(self, request):
        self.request = request


@pytest.fixture
def home(install):
    """An install whose user has had four cards judged with the old backbone."""
    home = install(1, cards=[card(n, "like" if n % 2 else "pass") for n in range(4)], budget=9)
    home.deck.answers = lambda choice, card: Answer(state="sent")
    home.tick()
    home.run(home.queued.pop())
    return home


def opt_in(home, keeps=True):
    user = home.store.user(USER)
    api_account.save_settings(api_of(home, Asked()), USER, UserSettings(keep_photos=keeps), user.settings_revision)


def add(home, *labels):
    judge = NewJudge(home, BACKBONE)
    return Labelling(home.store, home.blobs, Asked(), judge, home.clock.now).add(USER, NewLabels(labels=labels))


def taught(name, choice):
    photo = base64.b64encode(JPEG + f"{choice}/{name}".encode()).decode()
    return NewLabel(choice=choice, card_id=f"x:{name}", photos=(photo,))


def corrected(number, choice="like"):
    return NewLabel(choice=choice, card_id=f"fake:{number}")


def follow(home, judge=None):
    labels = home.store.labels(USER)
    return reembed(
        labels, store=home.store, blobs=home.blobs, judge=judge or NewJudge(home), backbone=NEW, at=home.clock.now()
    )


# --- keeping


def test_photos_of_labels_are_kept_only_after_opting_in(home):
    add(home, taught("one", "like"))
    assert home.blobs.keys("labelled/") == []

    opt_in(home)
    add(home, taught("two", "like"), corrected(0))

    assert len(kept_photos.keys(home.blobs, USER, "x:two")) == 1
    assert len(kept_photos.keys(home.blobs, USER, "fake:0")) == 1
    assert kept_photos.keys(home.blobs, USER, "x:one") == []


def test_opting_out_deletes_them(home):
    opt_in(home)
    add(home, taught("one", "like"))

    opt_in(home, keeps=False)

    assert home.blobs.keys("labelled/") == []


def test_a_label_taken_back_takes_its_photos_with_it(home):
    opt_in(home)
    add(home, taught("one", "like"), taught("two", "pass"))

    Labelling(home.store, home.blobs, Asked(), NewJudge(home), home.clock.now).take_back(USER, "x:one")

    assert kept_photos.keys(home.blobs, USER, "x:one") == []
    assert len(kept_photos.keys(home.blobs, USER, "x:two")) == 1


def test_labelling_a_card_anew_replaces_its_photos(home):
    photos = [JPEG + b"like/1", JPEG + b"like/2"]
    kept_photos.keep(home.blobs, USER, "x:ä/ one", photos)
    kept_photos.keep(home.blobs, USER, "x:ä/ one", photos[1:])

    (key,) = kept_photos.keys(home.blobs, USER, "x:ä/ one")
    assert home.blobs.get(key) == photos[1]


# --- following


def test_labels_follow_by_kept_photos_and_by_those_of_their_decision(home):
    opt_in(home)
    add(home, taught("one", "pass"))
    assert home.blobs.keys("labelled/")
    add(home, corrected(1), corrected(2, "pass"))

    result = follow(home)

    assert result.left == []
    assert {label.backbone for label in home.store.labels(USER)} == {NEW}
    rows = home.store.label_features(USER, ["x:one", "fake:1", "fake:2"])
    assert [struct.unpack("<e", rows[name])[0] for name in ("x:one", "fake:1", "fake:2")] == [-8.0, 8.0, -8.0]


def test_labels_without_photos_are_named_and_keep_what_they_had(home):
    add(home, taught("one", "like"), corrected(1))
    home.clock.sleep(8 * 86_400)  # the session's photos have expired, the decision has not

    result = follow(home)

    assert sorted(label.card_id for label in result.left) == ["fake:1", "x:one"]
    assert {label.backbone for label in home.store.labels(USER)} == {BACKBONE}
    assert home.store.label_features(USER, ["x:one"])["x:one"] == struct.pack("<e", 8.0)


def test_a_photo_that_cannot_be_read_any_more_costs_only_its_label(home):
    opt_in(home)
    add(home, taught("one", "like"), taught("two", "pass"))
    (key,) = kept_photos.keys(home.blobs, USER, "x:one")
    home.blobs.put(key, b"damaged")

    result = follow(home)

    assert [label.card_id for label in result.left] == ["x:one"]
    assert [label.card_id for label in result.followed] == ["x:two"]


def test_a_label_taken_back_meanwhile_does_not_come_back(home):
    opt_in(home)
    add(home, taught("one", "like"))
    labels = home.store.labels(USER)
    home.store.delete_label(USER, "x:one")

    result = reembed(
        labels, store=home.store, blobs=home.blobs, judge=NewJudge(home), backbone=NEW, at=home.clock.now()
    )

    assert (result.followed, home.store.labels(USER)) == ([], [])


def test_a_judge_with_yet_another_backbone_is_refused(home):
    add(home, corrected(1))

    with pytest.raises(ModelError, match="another backbone"):
        follow(home, NewJudge(home, "c" * 64))

    assert home.store.label(USER, "fake:1").backbone == BACKBONE


# --- after the change


def feedback(home, judge):
    return Feedback(
        store=home.store,
        blobs=home.blobs,
        queue=Asked(),
        secrets=home.secrets,
        judge=judge,
        code="tests",
        now=home.clock.now,
        token=lambda n: "0" * 2 * n,
    )


def test_corrections_of_older_decisions_teach_the_backbone_in_use(home):
    add(home, *(corrected(n, "like" if n % 2 else "pass") for n in range(4)))

    model = feedback(home, NewJudge(home)).refit(RefitRequest(user_id=USER)).model

    assert (model.backbone, model.labels) == (NEW, 4)


def test_labels_that_stay_behind_do_not_bring_back_the_old_head(home):
    add(home, *(taught(str(n), "like" if n % 2 else "pass") for n in range(6)))
    home.clock.sleep(86_400 * 2)

    model = feedback(home, NewJudge(home)).refit(RefitRequest(user_id=USER)).model

    assert model is None  # six labels of the old backbone are no reason to publish a head the judge refuses


def test_a_session_with_a_head_of_another_backbone_says_what_to_do(install):
    home = install(1, cards=[card(0, "like")], budget=9)
    home.parts = lambda crashes=None, made=home.parts: replace(made(crashes), judge=NewJudge(home))
    home.tick()

    report = home.run(home.queued.pop())

    status = home.store.user(USER).status
    assert (report.outcome, report.liked) == ("judge_failed", 0)
    assert OTHER_BACKBONE in status.text
    assert home.deck.likes.total() == 0


def test_a_prediction_with_a_head_of_another_backbone_says_what_to_do(home):
    with pytest.raises(ConflictError, match="swipr backbone use"):
        api_predict.predict(api_of(home, Asked(), judge=NewJudge(home)), USER, JPEG + b"like/1")
