"""What training sent in, who waits, and how far they are: as `GET /v1/models` says it."""

from datetime import timedelta
from typing import Any

import pytest

from swipr import bootstrap
from swipr.candidates import candidate_report
from swipr.candidates.candidate_report import CandidateReport
from swipr.models import Label, ModelVersion, Network, Prediction
from tests.api_home import Caller
from tests.doubles import BACKBONE, model
from tests.install import USER

CANDIDATE = "0" * 32 + "-run1"
NETWORK = Network(key=f"models/{USER}/{'1' * 12}/model.onnx", sha256="1" * 64, size_bytes=3, size_px=16)


def tuned(version: int = 2) -> ModelVersion:
    lineage = {"kind": "tuned", "network": NETWORK, "candidate": CANDIDATE, "parent": 1}
    since = {"created_at": bootstrap.now() - timedelta(hours=1)}
    return model(USER, version).model_copy(update=lineage | since)


@pytest.fixture
def waiting(call: Caller) -> Caller:
    """Version 2, tuned, waits behind version 1."""
    call.install.store.put_model(tuned())
    call.install.store.set_shadow(USER, 2, expected=None)
    call.install.blobs.put(NETWORK.key, b"abc")
    return call


def listed(call: Caller) -> Any:
    return call("GET", "/v1/models").body


def test_who_waits_is_shown_with_lineage_and_how_far_it_is(waiting: Caller) -> None:
    said = (Prediction(version=1, score=0.6, verdict="like"), Prediction(version=2, score=0.9, verdict="like"))
    for number in range(3):
        waiting.install.store.put_label(
            Label(
                user_id=USER,
                card_id=f"fake:{number}",
                choice="like",
                labelled_at=bootstrap.now(),
                backbone=BACKBONE,
                predicted=said[: 2 - (number == 2)],
            )
        )

    answer = listed(waiting)

    shown = answer["models"][0]
    assert (shown["version"], shown["kind"], shown["role"]) == (2, "tuned", "shadow")
    assert (shown["candidate"], shown["parent"], shown["network"], shown["share"]) == (CANDIDATE, 1, "1" * 12, 0.5)
    assert "key" not in shown
    gate = answer["gate"]
    assert (gate["version"], gate["against"], gate["pairs"], gate["needed"]) == (2, 1, 2, 60)
    assert "2 of the 60 labels" in gate["text"]


def test_nobody_waits_and_nothing_came_in(call: Caller) -> None:
    answer = listed(call)

    assert (answer["gate"], answer["candidates"]) == (None, [])
    assert (answer["models"][0]["kind"], answer["models"][0]["network"]) == ("head", None)


def test_candidates_are_shown_with_the_reason_newest_first(call: Caller) -> None:
    at = bootstrap.now()
    for number, state in enumerate(("refused", "retired", "registered")):
        report = CandidateReport.model_validate(
            {
                "candidate": f"{'0' * 32}-run{number}",
                "handoff_id": "0" * 32,
                "state": state,
                "reason": f"head.bin: {number}",
                "at": at + timedelta(seconds=number),
            }
        )
        candidate_report.write(USER, report, call.install.blobs)
    call.install.blobs.put(f"reports/{USER}/candidates/other.json", b"{}")

    shown = listed(call)["candidates"]

    assert [each["state"] for each in shown] == ["registered", "retired", "refused"]
    assert shown[2]["reason"] == "head.bin: 0"


def test_who_is_in_charge_is_shown_however_old(call: Caller) -> None:
    for version in range(2, 60):
        call.install.store.put_model(model(USER, version))

    shown = listed(call)["models"]

    assert (shown[-1]["version"], shown[-1]["role"]) == (1, "champion")


def test_a_tuned_version_is_put_in_charge_and_rolled_back_by_one_call(waiting: Caller) -> None:
    assert waiting("POST", "/v1/models/2/promote").body["role"] == "champion"
    assert listed(waiting)["gate"] is None

    assert waiting("POST", "/v1/models/rollback").body["version"] == 1
    assert {each["role"]: each["version"] for each in listed(waiting)["models"]} == {"champion": 1, "previous": 2}


def test_a_tuned_version_is_rolled_back_by_one_call_after_corrections_too(waiting: Caller) -> None:
    waiting("POST", "/v1/models/2/promote")
    for version in (3, 4):  # corrections of the tuned one
        corrected = tuned(version).model_copy(update={"candidate": None, "parent": version - 1})
        waiting.install.store.put_model(corrected)
        waiting.install.store.set_champion(USER, version, expected=version - 1)

    assert waiting("POST", "/v1/models/rollback").body["version"] == 1
    roles = {each["role"]: each["version"] for each in listed(waiting)["models"] if each["role"]}
    assert roles == {"champion": 1, "previous": 4}
    assert waiting("POST", "/v1/models/rollback").body["version"] == 4, "and back again"


def test_a_version_whose_network_is_gone_is_not_put_in_charge(waiting: Caller) -> None:
    waiting.install.blobs.delete([NETWORK.key])

    refused = waiting("POST", "/v1/models/2/promote")

    assert refused.status == 409
    assert "its network" not in refused.body["title"]
    assert "the network of version 2 was deleted" in refused.body["detail"]


def test_a_likeness_is_never_put_in_charge(call: Caller) -> None:
    call.install.store.put_model(model(USER, 2).model_copy(update={"kind": "likeness"}))

    refused = call("POST", "/v1/models/2/promote")

    assert refused.status == 409
    assert "ranks by likeness" in refused.body["detail"]
