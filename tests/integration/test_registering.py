"""A candidate of training is checked and waits behind the gate, or is refused with the reason and changes nothing."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swipr.candidates import candidate, candidate_report, registering
from swipr.candidates.candidate import CARD, HEAD, LEFT_OUT, METRICS, NETWORK, SUMS
from swipr.errors import ModelError, UnfinishedError
from swipr.forgetting import delete_everything, forget_card
from swipr.handoff import handoff_key
from tests.doubles import Crash, Crashes
from tests.trained import USER, Files, Trained, head, network, sums_of, trained_home


@pytest.fixture
def trained(tmp_path: Path) -> Iterator[Trained]:
    with trained_home(tmp_path / "home") as trained:
        yield trained


def report_of(trained: Trained, run: str = "run1") -> Any:
    return candidate_report.read(USER, trained.name(run), trained.home.blobs)


def state(trained: Trained) -> tuple[Any, ...]:
    """All that a refused candidate must leave as it was."""
    store = trained.home.store
    labels = [label.model_dump() for label in store.labels(USER)]
    return store.user(USER), labels, store.models(USER), trained.keys("models/")


# --- a good one ----------------------------------------------------------------------------------------------


def test_a_whole_candidate_waits_behind_the_gate_with_its_lineage(trained: Trained) -> None:
    trained.send(trained.files())

    became = trained.arrive()

    assert (became.state, became.version, became.user_id) == ("registered", 2, USER)
    version = trained.home.store.model(USER, 2)
    assert version is not None
    assert version.network is not None
    assert (version.kind, version.candidate, version.parent) == ("tuned", trained.name(), 1)
    assert (version.labels_hash, version.code, version.penalty) == (trained.handoff.labels_hash, "trained", 0.3)
    assert trained.home.blobs.get(version.network.key) == network()
    assert version.network.key == f"models/{USER}/{version.network.short}/model.onnx"
    assert (trained.user().shadow, trained.user().champion) == (2, 1)
    assert trained.keys("inbox/") == []
    assert (report_of(trained).state, report_of(trained).version) == ("registered", 2)


def test_its_head_is_calibrated_on_answers_that_had_not_seen_the_label(trained: Trained) -> None:
    trained.send(trained.files())
    trained.arrive()

    version = trained.home.store.model(USER, 2)

    assert version is not None
    assert version.head != head()
    assert version.metrics["blended_labels"] == 40
    assert version.metrics["auc"] > 0.9


def test_its_left_out_logits_are_noted_on_labels_that_are_still_the_same(trained: Trained) -> None:
    changed = trained.home.store.label(USER, "fake:3")
    assert changed is not None
    later = changed.model_copy(update={"choice": "like", "labelled_at": trained.home.clock.now()})
    trained.home.store.put_label(later)
    trained.home.store.delete_label(USER, "fake:5")
    trained.send(trained.files())
    trained.arrive()

    version = trained.home.store.model(USER, 2)
    noted = {label.card_id: label.network_logits for label in trained.home.store.labels(USER)}

    assert version is not None
    assert version.network is not None
    assert noted["fake:0"] == {version.network.short: 1.0}
    assert noted["fake:3"] == {}
    assert len(noted) == 39


def test_a_head_alone_is_registered_as_a_head(trained: Trained) -> None:
    files = trained.files(network_sha256=None, size_px=None, parity=[])
    del files[NETWORK], files[LEFT_OUT]
    trained.send(files)

    assert trained.arrive().state == "registered"
    version = trained.home.store.model(USER, 2)
    assert version is not None
    assert (version.kind, version.network, version.head) == ("head", None, head())


# --- twice, late, out of order ---------------------------------------------------------------------------


def test_the_same_event_again_changes_nothing(trained: Trained) -> None:
    trained.send(trained.files())
    trained.arrive()
    before = state(trained), report_of(trained)

    again = trained.arrive()

    assert (again.state, again.version) == ("unchanged", 2)
    assert (state(trained), report_of(trained)) == before


def test_a_second_candidate_of_an_answered_hand_off_is_refused(trained: Trained) -> None:
    trained.send(trained.files())
    trained.arrive()
    before = state(trained)
    trained.send(trained.files("run2", body=network(0.7)), "run2")

    refused = trained.arrive(trained.name("run2"))

    assert refused.state == "refused"
    assert f"answered already, by {trained.name()}, which became version 2" in refused.reason
    assert state(trained) == before
    assert report_of(trained, "run2").state == "refused"
    assert report_of(trained).state == "registered"


def test_a_refused_run_does_not_answer_the_hand_off(trained: Trained) -> None:
    trained.send(trained.files() | {HEAD: b"x"})
    assert trained.arrive().state == "refused"
    trained.send(trained.files("run2"), "run2")

    assert trained.arrive(trained.name("run2")).state == "registered"


def test_a_file_that_may_still_follow_is_waited_for(trained: Trained) -> None:
    files = trained.files()
    trained.send({name: body for name, body in files.items() if name != HEAD}, sums=sums_of(files))

    with pytest.raises(UnfinishedError):
        trained.arrive(late_s=1)
    assert report_of(trained) is None
    trained.send(files)
    assert trained.arrive(late_s=60).state == "registered"


def test_whoever_trains_is_told_beside_the_hand_off_what_became_of_it(trained: Trained) -> None:
    place = f"handoffs/{trained.handoff.handoff_id}/"
    trained.send(trained.files() | {HEAD: b"x"})
    trained.arrive()
    trained.send(trained.files("run2"), "run2")
    trained.arrive(trained.name("run2"))

    marks = [key for key in trained.keys(place) if key.count("/") == 3]
    assert marks == [f"{place}refused/{trained.name()}", f"{place}registered/{trained.name('run2')}"]


def test_an_event_about_a_folder_that_is_gone_changes_nothing(trained: Trained) -> None:
    assert trained.arrive().state == "unchanged"
    assert report_of(trained) is None


def test_a_crash_anywhere_and_another_delivery_register_it_once(tmp_path: Path) -> None:
    for at in itertools.count(1):
        crashed = False
        for after in (False, True):
            with trained_home(tmp_path / f"{at}-{after}", labels=12) as trained:
                trained.send(trained.files())
                try:
                    trained.arrive(crashes=Crashes(at, after=after))
                except Crash:
                    crashed = True
                trained.arrive()
                where = f"crash at {at}, after: {after}"
                assert (trained.user().shadow, trained.user().champion) == (2, 1), where
                assert [model.version for model in trained.home.store.models(USER)] == [2, 1], where
                assert (trained.keys("inbox/"), len(trained.keys("models/"))) == ([], 1), where
                assert report_of(trained).state == "registered", where
        if not crashed:
            assert at > 30
            return


def test_two_deliveries_at_once_register_it_once(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a crash, when the event comes again and the folder is found anew."""
    real, within = registering.check, []

    def overtaken(*asked: Any, **parts: Any) -> Any:
        checked = real(*asked, **parts)
        if not within:
            within.append(True)
            assert trained.arrive().state == "registered"
        return checked

    monkeypatch.setattr(registering, "check", overtaken)
    trained.send(trained.files())

    assert trained.arrive().version == 2
    assert [model.version for model in trained.home.store.models(USER)] == [2, 1]
    assert (trained.user().shadow, len(trained.keys("models/"))) == (2, 1)
    assert report_of(trained).state == "registered"


def test_a_newer_hand_offs_candidate_takes_the_place_and_an_older_one_does_not(trained: Trained) -> None:
    first, files = trained.handoff, trained.files()
    trained.label(range(40, 100))
    second = trained.hand_over()
    assert trained.home.store.user(USER).handoff == second  # type: ignore[union-attr]
    trained.handoff = first
    trained.send(files)
    trained.arrive()
    trained.handoff = second
    trained.send(trained.files(body=network(0.9)))
    assert trained.arrive().state == "registered"

    older = candidate_report.read(USER, f"{first.handoff_id}-run1", trained.home.blobs)
    assert older is not None
    assert (older.state, "newer hand-off" in older.reason) == ("retired", True)
    shadow = trained.user().shadow
    assert shadow == 4


def test_a_candidate_of_an_older_hand_off_than_the_waiting_ones_is_refused(trained: Trained) -> None:
    first, files = trained.handoff, trained.files()
    trained.label(range(40, 100))
    trained.handoff = trained.hand_over()
    trained.send(trained.files(body=network(0.9)))
    trained.arrive()
    before = state(trained)
    trained.handoff = first
    trained.send(files)

    refused = trained.arrive()

    assert (refused.state, "newer hand-off, waits already" in refused.reason) == ("refused", True)
    assert state(trained) == before


# --- planted bad ones --------------------------------------------------------------------------------------


def card_with(**changes: Any) -> Callable[[Trained], Files]:
    return lambda trained: trained.files(**changes)


def file_with(name: str, body: bytes) -> Callable[[Trained], Files]:
    return lambda trained: trained.files() | {name: body}


def left_out(logits: dict[str, Any]) -> Callable[[Trained], Files]:
    return file_with(LEFT_OUT, json.dumps({"schema_version": 1, "logits": logits}).encode())


EVERY = {f"fake:{number}": 1.0 for number in range(40)}
BAD: dict[str, tuple[Callable[[Trained], Files], str]] = {
    "card of another folder": (card_with(candidate="x-y"), "card.json: candidate"),
    "another hand-off's": (card_with(handoff_id="0" * 32), "card.json: handoff_id"),
    "another user's": (card_with(user_id="bob"), "card.json: user_id"),
    "other labels": (card_with(labels_hash="0" * 64), "card.json: labels_hash"),
    "another backbone": (card_with(backbone="0" * 64), "card.json: backbone"),
    "no size": (card_with(size_px=None), "card.json: size_px"),
    "size out of range": (card_with(size_px=4096), "card.json: size_px"),
    "share out of range": (card_with(share=0), "card.json: share"),
    "another schema": (card_with(schema_version=2), "card.json: schema_version"),
    "unknown field": (card_with(extra=1), "card.json: extra"),
    "card is no JSON": (file_with(CARD, b"{"), "card.json: it"),
    "network of another hash": (card_with(network_sha256="0" * 64), "card.json: network_sha256"),
    "network not stated": (card_with(network_sha256=None), "card.json: network_sha256"),
    "parity off": (card_with(parity=[9.0] * 8), "model.onnx: gives"),
    "parity not finite": (card_with(parity=[float("nan")] * 8), "card.json: parity"),
    "parity of too few": (card_with(parity=[1.0]), "card.json: parity"),
    "no network": (lambda trained: trained.files(body=b"not a network"), "model.onnx: the judge refuses it"),
    "head is no head": (file_with(HEAD, b"SWHEAD1\0" + b"x" * 200), "head.bin: "),
    "head of another backbone": (file_with(HEAD, head(backbone="1" * 64)), "head.bin: is for another backbone"),
    "head of another shape": (file_with(HEAD, head(weights=(1.0, 2.0))), "head.bin: has 2 weights"),
    "head not finite": (file_with(HEAD, head(weights=(float("nan"),))), "head.bin: "),
    "metrics are no JSON": (file_with(METRICS, b"["), "metrics.json: is no JSON"),
    "metrics are too deep": (file_with(METRICS, b"[" * 200_000 + b"]" * 200_000), "metrics.json: is no JSON"),
    "metrics are a list": (file_with(METRICS, b"[]"), "metrics.json: is no JSON object"),
    "left out of strangers": (left_out(EVERY | {"fake:99": 1.0}), "left_out.json: 1 cards"),
    "left out of few": (left_out({"fake:1": 1.0}), "left_out.json: 1 cards, at least 32"),
    "left out not finite": (left_out(EVERY | {"fake:1": float("inf")}), "left_out.json: a logit"),
    "left out beyond belief": (left_out(EVERY | {"fake:1": 1e308}), "left_out.json: a logit"),
    "left out is no number": (left_out(EVERY | {"fake:1": "x"}), "left_out.json: logits.fake:1"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_candidate_is_refused_with_the_file_and_changes_nothing(trained: Trained, bad: str) -> None:
    make, reason = BAD[bad]
    trained.send(make(trained))
    before = state(trained)

    refused = trained.arrive()

    assert refused.state == "refused"
    assert refused.reason.startswith(reason)
    assert (report_of(trained).state, report_of(trained).reason) == ("refused", refused.reason)
    assert state(trained) == before


@pytest.mark.parametrize("name", [NETWORK, HEAD, CARD, METRICS, LEFT_OUT])
def test_a_file_that_is_missing_truncated_longer_or_another_is_named(trained: Trained, name: str) -> None:
    files = trained.files()
    others = {each: body for each, body in files.items() if each != name}
    place = candidate.folder(trained.name())
    before = state(trained)

    said = []
    trained.send(others, sums=sums_of(files))
    said.append(trained.arrive().reason)
    trained.send(others, sums=sums_of(others))
    said.append(trained.arrive().reason)
    for body in (files[name][:-1], files[name] + b"x", bytes(len(files[name]))):
        trained.send(files | {name: body}, sums=sums_of(files))
        said.append(trained.arrive().reason)

    assert [reason.partition(":")[0] for reason in said[:1] + said[2:]] == [name] * 4
    assert name in said[1]
    assert state(trained) == before
    trained.home.blobs.delete([place + SUMS])
    trained.send(files)
    assert trained.arrive().state == "registered"


@pytest.mark.parametrize("name", ["../../models/ann/x", "sums.json", "/etc/passwd", "model.onnx/x", "evil.bin", ""])
def test_a_name_that_no_candidate_has_is_refused(trained: Trained, name: str) -> None:
    files = trained.files()
    trained.send(files, sums=sums_of(files | {name: b"x"}))

    refused = trained.arrive()

    assert refused.reason.startswith("sums.json: names")
    assert trained.keys("models/") == []


def test_a_file_beside_the_named_ones_is_refused(trained: Trained) -> None:
    trained.home.blobs.put(candidate.folder(trained.name()) + "notes.txt", b"x")
    trained.send(trained.files())

    assert trained.arrive().reason.startswith("notes.txt: is in the folder but not in sums.json")


def test_what_is_too_large_is_refused_before_it_is_read(trained: Trained) -> None:
    files = trained.files()
    sums = json.loads(sums_of(files))
    sums["files"][NETWORK]["size_bytes"] = 16_000_001
    trained.send(files, sums=json.dumps(sums).encode())
    assert trained.arrive().reason.startswith("model.onnx: has 16000001 bytes")

    trained.send(files, sums=b" " * 10_001)
    assert trained.arrive().reason.startswith("sums.json: has more than 10000 bytes")


def test_a_network_that_the_judge_dies_of_is_refused_but_a_judge_that_is_away_is_waited_for(trained: Trained) -> None:
    trained.send(trained.files())
    before = state(trained)

    trained.judge.down = {"judge"}
    with pytest.raises(ModelError):
        trained.arrive()
    assert report_of(trained) is None
    trained.judge.down = {"network"}
    assert trained.arrive().reason.startswith("model.onnx: the judge could not run it")

    assert state(trained) == before


@pytest.mark.parametrize("name", ["x", "..", "a/b", "0" * 32, "0" * 32 + "-run1", "0" * 32 + "-../x", ""])
def test_a_folder_that_no_hand_off_asked_for_becomes_nothing(trained: Trained, name: str) -> None:
    before = state(trained)

    assert trained.arrive(name).state == "refused"
    assert state(trained) == before
    assert trained.keys("reports/") == []


# --- gone since --------------------------------------------------------------------------------------------


def test_a_folder_that_was_renamed_says_so(trained: Trained) -> None:
    trained.send(trained.files(), "my-run")
    name = f"{trained.handoff.handoff_id}-my-run"
    before = state(trained)

    assert trained.arrive(name).state == "refused"

    assert "by its own name" in report_of(trained, "my-run").reason
    assert trained.keys("inbox/") == []
    assert state(trained) == before


def test_another_backbone_since_is_a_plain_reason(trained: Trained) -> None:
    trained.send(trained.files())
    trained.judge.backbone = "2" * 64

    assert trained.arrive().reason.startswith("card.json: backbone: another one is in use since")


def test_of_a_deleted_user_nothing_remains_and_what_comes_later_is_deleted_too(trained: Trained) -> None:
    home = trained.home
    trained.send(trained.files())
    trained.arrive()
    trained.send(trained.files("run2") | {HEAD: b"x"}, "run2")
    trained.arrive(trained.name("run2"))
    late = trained.files("run3")

    delete_everything(USER, store=home.store, blobs=home.blobs, at=home.clock.now())
    assert trained.keys("") == []
    trained.send(late, "run3")

    assert trained.arrive(trained.name("run3")).state == "refused"
    assert trained.keys("") == []


def test_a_user_deleted_while_it_is_checked_leaves_nothing(tmp_path: Path) -> None:
    for call in itertools.count(1):
        with trained_home(tmp_path / str(call), labels=12) as trained:
            home, crashes, calls = trained.home, Crashes(), itertools.count(1)
            trained.send(trained.files())

            def delete(name: str, home: Any = home, calls: Any = calls, call: int = call) -> None:
                if next(calls) == call:
                    delete_everything(USER, store=home.store, blobs=home.blobs, at=home.clock.now())

            crashes.on_call = delete
            trained.arrive(crashes=crashes)
            if home.store.user(USER) is not None:
                assert call > 30
                return
            assert trained.keys("") == [], f"deleted before call {call}"
            assert home.store.models(USER) == []


def test_a_person_forgotten_since_is_no_stranger_and_not_remembered(trained: Trained) -> None:
    forget(trained, "fake:4")
    trained.send(trained.files())

    assert trained.arrive().state == "registered"
    assert trained.home.store.label(USER, "fake:4") is None
    assert trained.keys("inbox/") == []


def test_a_refused_folder_does_not_keep_whom_its_user_had_forgotten(trained: Trained) -> None:
    trained.send(trained.files() | {HEAD: b"x"})
    trained.arrive()
    assert trained.keys("inbox/") != []

    forget(trained, "fake:4")
    assert trained.keys("inbox/") == []
    trained.send(trained.files("run2") | {HEAD: b"x"}, "run2")
    trained.arrive(trained.name("run2"))

    assert trained.keys("inbox/") == []
    assert report_of(trained, "run2").state == "refused"


def forget(trained: Trained, card_id: str) -> None:
    home = trained.home
    forget_card(
        USER,
        card_id,
        store=home.store,
        blobs=home.blobs,
        queue=home.queue,  # type: ignore[arg-type]
        acted_key=home.acted_key(USER, card_id),
        forgotten_key=home.forgotten_key(USER, card_id),
        at=home.clock.now(),
    )


def test_a_hand_off_that_cannot_be_read_is_none(trained: Trained) -> None:
    trained.send(trained.files())
    trained.home.blobs.put(handoff_key(trained.handoff), b"{}")

    assert trained.arrive().state == "refused"
