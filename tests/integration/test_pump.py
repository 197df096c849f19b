"""Deliveries on this machine: as AWS does them, and, with a seed, as AWS does them on a bad day."""

import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.chaos import Calm, Chaos
from local.runner import Runtime
from tests.small_application import TEMPLATE, Record, source_of, wait_for, write_small_application

EVENTS = Path(__file__).resolve().parents[1] / "events"
LONG_S = 3600.0


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "record")


@contextmanager
def running(tmp_path, record, *, schedule_every_s=LONG_S, template=TEMPLATE, **options):
    path = write_small_application(tmp_path, template)
    runtime = Runtime(
        path, tmp_path / "data", parameters={"Record": str(record.path)}, schedule_every_s=schedule_every_s, **options
    )
    with runtime:
        yield runtime


def bodies(events):
    return [event["Records"][0]["body"] for event in events]


def shape(value):
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


# --- queues ------------------------------------------------------------------------------------------


def test_message_arrives_once_in_the_shape_of_a_real_one(tmp_path, record):
    with running(tmp_path, record) as runtime:
        runtime.queue.send("Jobs", '{"job": 1}')
        [event] = wait_for(lambda: record.of_source("aws:sqs"))
        wait_for(lambda: sum(runtime.queue.counts("Jobs")) == 0)

    assert shape(event) == shape(json.loads((EVENTS / "sqs.json").read_text()))
    assert event["Records"][0]["body"] == '{"job": 1}'
    assert event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"
    assert event["Records"][0]["eventSourceARN"].endswith(":Jobs")
    assert len(record.of_source("aws:sqs")) == 1


def test_failing_message_comes_again_after_its_visibility_and_ends_in_the_dead_letters(tmp_path, record, caplog):
    with running(tmp_path, record) as runtime:
        runtime.queue.send("Jobs", "fail")
        dead = wait_for(lambda: runtime.queue.peek("JobsDead"))

    tries = [line for line in record.lines("begun") if source_of(line["event"]) == "aws:sqs"]
    counts = [line["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"] for line in tries]
    assert counts == ["1", "2"]
    assert tries[1]["at"] - tries[0]["at"] > 0.8  # the queue's visibility time-out, less what a call takes
    assert [message.body for message in dead] == ["fail"]
    errors = [r.getMessage() for r in caplog.records if "Worker failed on message" in r.getMessage()]
    assert len(errors) == 2
    assert all(tries[0]["event"]["Records"][0]["messageId"] in error for error in errors)
    assert "hunter2" not in "".join(errors)


def test_poison_does_not_hold_up_the_rest(tmp_path, record):
    with running(tmp_path, record) as runtime:
        for body in ("fail 1", "a", "fail 2", "b", "c"):
            runtime.queue.send("Jobs", body)
        wait_for(lambda: len(record.of_source("aws:sqs")) == 3)
        wait_for(lambda: len(runtime.queue.peek("JobsDead")) == 2)

    assert sorted(bodies(record.of_source("aws:sqs"))) == ["a", "b", "c"]


def test_no_more_run_at_a_time_than_the_template_allows(tmp_path, record):
    with running(tmp_path, record) as runtime:
        for number in range(5):
            runtime.queue.send("Jobs", f"slow {number}")
        wait_for(lambda: len(record.of_source("aws:sqs")) == 5)

    jobs = {kind: [line["at"] for line in record.lines(kind) if "slow" in str(line)] for kind in ("begun", "done")}
    changes = [(at, 1) for at in jobs["begun"]] + [(at, -1) for at in jobs["done"]]
    at_work, most = 0, 0
    for _, change in sorted(changes):
        at_work += change
        most = max(most, at_work)
    assert most == 2


def test_batch_is_one_event(tmp_path, record):
    batched = TEMPLATE.replace("BatchSize: 1, ScalingConfig: {MaximumConcurrency: 2}", "BatchSize: 10")
    with running(tmp_path, record, template=batched) as runtime:
        runtime._pump.stop()
        for number in range(3):
            runtime.queue.send("Jobs", str(number))
    with running(tmp_path, record, template=batched):
        [event] = wait_for(lambda: record.of_source("aws:sqs"))

    assert [message["body"] for message in event["Records"]] == ["0", "1", "2"]


def test_message_past_its_retention_is_dropped(tmp_path, record):
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    with running(tmp_path, record, now=lambda: now[0]) as runtime:
        runtime.queue.send("Jobs", "old", delay_s=60)
        now[0] += timedelta(days=5)  # four are the default
        runtime.queue.send("Jobs", "new")
        wait_for(lambda: record.of_source("aws:sqs"))
        wait_for(lambda: sum(runtime.queue.counts("Jobs")) == 0)

    assert bodies(record.of_source("aws:sqs")) == ["new"]


def test_message_in_hand_at_a_stop_comes_again_at_the_next_start(tmp_path, record):
    with running(tmp_path, record) as runtime:
        runtime._pump.stop()
        runtime.queue.send("Jobs", "x")
        [taken] = runtime.queue.receive("Jobs", at=runtime._now(), visibility_s=LONG_S)
    with running(tmp_path, record):
        [event] = wait_for(lambda: record.of_source("aws:sqs"))

    assert event["Records"][0]["messageId"] == taken.message_id
    assert event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


# --- created objects -----------------------------------------------------------------------------------


def test_created_object_calls_the_function_of_its_prefix(tmp_path, record):
    with running(tmp_path, record) as runtime:
        runtime.blobs.put("reports/ada/1.json", b"{}")
        runtime.blobs.put("labels/ada/bulk=1.zip", b"four")
        [event] = wait_for(lambda: record.of_source("aws:s3"))
        wait_for(lambda: sum(runtime.queue.counts("WorkerUpload")) == 0)

    assert shape(event) == shape(json.loads((EVENTS / "s3_object_created.json").read_text()))
    made = event["Records"][0]["s3"]
    assert (made["object"]["key"], made["object"]["size"]) == ("labels/ada/bulk%3D1.zip", 4)
    assert made["bucket"]["name"] == "swipr-photos"
    assert len(record.of_source("aws:s3")) == 1


def test_versions_of_one_key_are_told_apart(tmp_path, record):
    with running(tmp_path, record) as runtime:
        runtime.blobs.put("labels/ada/1.csv", b"one")
        runtime.blobs.put("labels/ada/1.csv", b"two")
        events = wait_for(lambda: len(record.of_source("aws:s3")) == 2 and record.of_source("aws:s3"))

    objects = sorted((e["Records"][0]["s3"]["object"] for e in events), key=lambda o: o["sequencer"])
    assert len({o["sequencer"] for o in objects}) == len({o["eTag"] for o in objects}) == 2


def test_announced_object_that_never_came_is_skipped(tmp_path, record):
    with running(tmp_path, record) as runtime:
        runtime.blobs._announce("labels/ada/never.csv", 3)  # as after a crash between announcing and renaming
        wait_for(lambda: sum(runtime.queue.counts("WorkerUpload")) == 0)

    assert record.of_source("aws:s3", "begun") == []


def test_upload_that_cannot_be_handled_ends_as_failure_record(tmp_path, record):
    with running(tmp_path, record) as runtime:
        runtime.blobs.put("labels/ada/fail.csv", b"x")
        [message] = wait_for(lambda: runtime.queue.peek("UploadsDead"))
        wait_for(lambda: sum(runtime.queue.counts("WorkerUpload")) == 0)

    kept = json.loads(message.body)
    assert kept["requestContext"]["condition"] == "RetriesExhausted"
    assert kept["requestPayload"]["Records"][0]["s3"]["object"]["key"] == "labels/ada/fail.csv"
    assert "hunter2" not in message.body


def test_failed_upload_is_tried_again_after_a_minute(tmp_path, record):
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    patient = TEMPLATE.replace("MaximumRetryAttempts: 0\n", "MaximumRetryAttempts: 1\n", 1)
    with running(tmp_path, record, template=patient, now=lambda: now[0]) as runtime:
        runtime.blobs.put("labels/ada/fail.csv", b"x")
        wait_for(lambda: runtime.queue.counts("WorkerUpload").in_flight and record.of_source("aws:s3", "begun"))
        first = len(record.of_source("aws:s3", "begun"))
        wait_for(lambda: now.__setitem__(0, now[0] + timedelta(seconds=61)) or runtime.queue.peek("UploadsDead"))

    assert first == 1
    assert len(record.of_source("aws:s3", "begun")) == 2


# --- the schedule --------------------------------------------------------------------------------------


def test_schedule_fires_at_once_and_at_its_rate_in_the_shape_of_a_real_one(tmp_path, record):
    with running(tmp_path, record, schedule_every_s=0.3):
        events = wait_for(lambda: len(found := record.of_source("aws.scheduler")) >= 3 and found)

    assert shape(events[0]) == shape(json.loads((EVENTS / "schedule.json").read_text()))
    starts = sorted(line["at"] for line in record.lines() if source_of(line["event"]) == "aws.scheduler")
    assert starts[2] - starts[0] >= 0.4


def test_late_tick_dies_by_age(tmp_path, record, caplog):
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    with running(tmp_path, record, now=lambda: now[0]) as runtime:
        wait_for(lambda: record.of_source("aws.scheduler"))
        runtime.queue.send("WorkerTick", json.dumps({"at": now[0].isoformat()}), delay_s=61)
        now[0] += timedelta(hours=2)
        with caplog.at_level(logging.WARNING, "swipr.local"):
            wait_for(lambda: sum(runtime.queue.counts("WorkerTick")) == 0)

    assert len(record.of_source("aws.scheduler")) == 1
    assert any("died of age" in r.getMessage() for r in caplog.records)


# --- chaos -------------------------------------------------------------------------------------------


def test_chaos_is_the_same_for_the_same_seed():
    def run(seed):
        chaos = Chaos(seed)
        return [chaos.deliveries("Jobs") for _ in range(200)], [chaos.ticks("Tick") for _ in range(200)]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_chaos_doubles_delays_and_skips():
    chaos = Chaos(1)
    deliveries = [chaos.deliveries("Jobs") for _ in range(300)]
    ticks = [chaos.ticks("Tick") for _ in range(300)]

    assert {len(delays) for delays in deliveries} == {1, 2}
    assert any(len(d) == 2 and d[0] == d[1] for d in deliveries)
    assert any(len(d) == 2 and d[0] != d[1] for d in deliveries)
    assert any(d[0] > 0 for d in deliveries)
    assert set(ticks) == {0, 1, 2}


def test_calm_does_none_of_it():
    assert (Calm().deliveries("Jobs"), Calm().ticks("Tick")) == ((0.0,), 1)


def test_chaos_delivers_everything_some_twice_and_out_of_order(tmp_path, record):
    sent = [str(number) for number in range(20)]
    with running(tmp_path, record, chaos_seed=3) as runtime:
        for body in sent:
            runtime.queue.send("Jobs", body)
        wait_for(lambda: set(bodies(record.of_source("aws:sqs"))) == set(sent), within_s=30)
        wait_for(lambda: sum(runtime.queue.counts("Jobs")) == 0)

    seen = bodies(record.of_source("aws:sqs"))
    first_seen = list(dict.fromkeys(seen))
    assert len(seen) > len(sent)
    assert first_seen != sent
    assert len({line["request"] for line in record.lines()}) == len(record.lines())  # each delivery is its own call
