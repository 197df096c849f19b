"""What is made of what comes back from training, as steps; see `steps`."""

import hashlib
import json
from datetime import timedelta

from swipr import bootstrap, parity
from swipr.candidates import candidate, candidate_report
from swipr.sessions.planning import forgotten_key
from tests import tuned_networks
from tests.aws.living import (
    LABELS,
    bias_of,
    learner,
    network,
    network_of,
)
from tests.aws.quiet_home import QuietHome
from tests.aws.steps import step
from tests.aws.steps_learning import refit
from tests.trained import sums_of

# --- what comes back from training


@step(
    "Feedback",
    "s3:*Object Bucket/inbox/*",
    "s3:PutObject Bucket/models/*",
    "s3:GetObject Bucket/reports/*",
    "dynamodb:BatchGetItem Acted",
)
def answer_of_training_is_registered_once(home: QuietHome) -> None:
    user_id = learner(home, "trained", handoff_min_labels=LABELS)
    refit(home, user_id)
    name = answered(home, user_id)

    for _ in range(2):
        home.created(f"{candidate.folder(name)}{candidate.SUMS}", size=9, at=bootstrap.now() - timedelta(hours=1))

    user = home.store.user(user_id)
    assert user is not None
    assert user.shadow == 2, candidate_report.read(user_id, name, home.blobs)
    assert home.blobs.get(network_of(user_id).key) == network(user_id)
    report = candidate_report.read(user_id, name, home.blobs)
    assert report is not None
    assert (report.state, home.blobs.keys(candidate.folder(name))) == ("registered", [])


def answered(home: QuietHome, user_id: str, **wrong: bytes) -> str:
    """A whole candidate in the inbox; its name."""
    user = home.store.user(user_id)
    assert user is not None
    assert user.handoff is not None
    handoff, name = user.handoff, f"{user.handoff.handoff_id}-run"
    size_px = tuned_networks.SIZE
    card = {
        "candidate": name, "handoff_id": handoff.handoff_id, "user_id": user_id, "labels_hash": handoff.labels_hash,
        "dataset_sha256": "0" * 64, "labels": handoff.labels, "backbone": handoff.base_backbone,
        "network_sha256": hashlib.sha256(network(user_id)).hexdigest(), "size_px": size_px,
        "parity": [tuned_networks.logit_of(picture, bias=bias_of(user_id)) for picture in parity.pictures(size_px)],
        "code": "tests", "seed": 1, "made_at": bootstrap.now().isoformat(),
    }  # fmt: skip
    left_out = {f"simulator:{number}": 1.0 if number % 2 else -1.0 for number in range(LABELS)}
    files = {
        candidate.NETWORK: network(user_id),
        candidate.HEAD: home.head(),
        candidate.CARD: json.dumps(card).encode(),
        candidate.METRICS: b"{}",
        candidate.LEFT_OUT: json.dumps({"schema_version": 1, "logits": left_out}).encode(),
    } | {part.replace("_", "."): body for part, body in wrong.items()}
    for part, body in (*files.items(), (candidate.SUMS, sums_of(files))):
        home.blobs.put(candidate.folder(name) + part, body)
    return name


@step("Feedback", "dynamodb:BatchGetItem Acted", "s3:PutObject Bucket/handoffs/*")
def refused_answer_naming_a_forgotten_card_goes(home: QuietHome) -> None:
    user_id = learner(home, "refuser", handoff_min_labels=LABELS)
    refit(home, user_id)
    name = answered(home, user_id, head_bin=b"no head")
    home.store.forget_card(user_id, "simulator:0", forgotten_key=forgotten_key(home.secrets, user_id, "simulator:0"))

    home.created(f"{candidate.folder(name)}{candidate.SUMS}", size=9, at=bootstrap.now() - timedelta(hours=1))

    report = candidate_report.read(user_id, name, home.blobs)
    assert report is not None
    assert (report.state, home.blobs.keys(candidate.folder(name))) == ("refused", [])
