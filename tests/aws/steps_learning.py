"""What a refit does, as steps; see `steps`."""

from swipr import bootstrap
from swipr.learning import evidence
from swipr.models import RefitRequest, User
from tests.aws.living import (
    LABELS,
    a_label,
    decide,
    everything_left,
    fill_everywhere,
    learner,
    with_kept_photo,
)
from tests.aws.quiet_home import QuietHome
from tests.aws.steps import step


def refit(home: QuietHome, user_id: str) -> None:
    home.message("Feedback", "Refits", RefitRequest(user_id=user_id).model_dump_json())


# --- what is left of nobody goes


@step(
    "Feedback", "*Query *", "*BatchWriteItem*", "s3:DeleteObject *", "s3:ListBucket *", "s3:GetObject Bucket/handoffs/*"
)
def what_is_left_of_nobody_is_taken_away(home: QuietHome) -> None:
    user_id = fill_everywhere(home, "nobody")
    assert home.store.delete_user(user_id, at=bootstrap.now())

    refit(home, user_id)

    assert everything_left(home, user_id) == []


# --- refits


@step(
    "Feedback",
    "dynamodb:*Item Models",
    "dynamodb:PutItem Users",
    "dynamodb:ConditionCheckItem Users",
    "dynamodb:Query Models",
    "dynamodb:Query Labels",
    "dynamodb:BatchGetItem Labels",
    "s3:PutObject Bucket/features/*",
    "s3:PutObject Bucket/handoffs/*",
)
def head_is_learned_and_handed_over(home: QuietHome) -> None:
    user_id = learner(home, "learner", handoff_min_labels=LABELS)

    refit(home, user_id)

    user = home.store.user(user_id)
    assert user is not None
    assert user.champion == 1
    assert user.handoff is not None
    assert len(home.blobs.get(user.handoff.dataset).splitlines()) == LABELS
    assert home.blobs.get(f"handoffs/{user.handoff.handoff_id}.json")
    assert evidence.read(user_id, home.blobs) is not None


@step("Feedback", "s3:GetObject Bucket/features/*")
def evidence_that_is_there_is_not_made_again(home: QuietHome) -> None:
    user_id = learner(home, "witness")
    refit(home, user_id)
    known = evidence.read(user_id, home.blobs)
    assert known is not None
    planted = known.model_copy(update={"threshold": 0.123})
    evidence.write(user_id, planted, home.blobs)

    refit(home, user_id)

    assert evidence.read(user_id, home.blobs) == planted


@step("Feedback", "s3:DeleteObject Bucket/features/*")
def features_of_no_labels_go(home: QuietHome) -> None:
    user_id = home.somebody("unlabelled")
    home.store.create_user(User(user_id=user_id))
    home.blobs.put(f"features/{user_id}/x.bin", b"x")

    refit(home, user_id)

    assert home.blobs.keys(f"features/{user_id}/") == []


@step("Feedback", "s3:GetObject Bucket/labelled/*", "lambda:*", "dynamodb:GetItem Labels")
def label_follows_the_backbone_by_its_kept_photo(home: QuietHome) -> None:
    user_id = learner(home, "follower")
    with_kept_photo(home, user_id, "simulator:0", home.photo)
    assert home.store.put_label(a_label(home, user_id, 0, backbone="ab" * 32, features=b"\0\0"))

    refit(home, user_id)

    label = home.store.label(user_id, "simulator:0")
    assert label is not None
    assert label.backbone == home.backbone[0]


@step("Feedback", "s3:GetObject Bucket/sessions/*", "dynamodb:GetItem Decisions", "s3:ListBucket Bucket/sessions/*")
def label_follows_the_backbone_by_its_decision(home: QuietHome) -> None:
    user_id = learner(home, "decider")
    decide(home, user_id, "simulator:0")
    assert home.store.put_label(a_label(home, user_id, 0, backbone="ab" * 32, features=b"\0\0"))

    refit(home, user_id)

    label = home.store.label(user_id, "simulator:0")
    assert label is not None
    assert label.backbone == home.backbone[0]
