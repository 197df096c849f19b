"""The local queue plays SQS: visibility, receipts, counts, dead letters."""

from datetime import UTC, datetime, timedelta
from itertools import chain
from threading import Thread

import pytest

from local.database import Database
from local.queue import Counts, DeadLetters, SqliteQueue
from tests.contract.races import race, race_each

NOW = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)


def later(seconds):
    return NOW + timedelta(seconds=seconds)


class Clock:
    at = NOW

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "swipr.db")
    yield database
    database.close()


@pytest.fixture
def queue(database, clock):
    return SqliteQueue(database, now=clock, redrive={"work": DeadLetters("dead", 2)})


def receive(queue, name="work", at=NOW, visibility_s=30, limit=10):
    return queue.receive(name, at=at, visibility_s=visibility_s, limit=limit)


def bodies(messages):
    return [message.body for message in messages]


def test_a_message_is_received_as_it_was_sent(queue):
    message_id = queue.send("work", "ünï\n{}")

    [message] = receive(queue, at=later(1))

    assert message.message_id == message_id
    assert (message.body, message.receive_count) == ("ünï\n{}", 1)
    assert (message.sent_at, message.first_received_at) == (NOW, later(1))
    assert message.receipt


def test_queues_are_apart(queue):
    queue.send("work", "a")

    assert receive(queue, "other") == []
    assert bodies(receive(queue)) == ["a"]


def test_messages_come_in_the_order_they_became_visible_up_to_the_limit(queue, clock):
    queue.send("work", "late", delay_s=2)
    queue.send("work", "a")
    queue.send("work", "b")

    assert bodies(receive(queue, at=later(5), limit=2)) == ["a", "b"]
    assert bodies(receive(queue, at=later(5))) == ["late"]


def test_a_delayed_message_is_not_received_early(queue):
    queue.send("work", "a", delay_s=10)

    assert receive(queue, at=later(9.999999)) == []
    assert bodies(receive(queue, at=later(10))) == ["a"]


def test_a_received_message_is_hidden_and_comes_again_if_not_deleted(queue):
    queue.send("work", "a")
    [first] = receive(queue, at=later(1))

    assert receive(queue, at=later(30.999999)) == []
    [again] = receive(queue, at=later(31))

    assert (again.message_id, again.receive_count) == (first.message_id, 2)
    assert again.first_received_at == later(1)
    assert again.receipt != first.receipt


def test_a_deleted_message_never_comes_again(queue):
    queue.send("work", "a")
    [message] = receive(queue)

    assert queue.delete(message.receipt) is True
    assert queue.delete(message.receipt) is False
    assert receive(queue, at=later(3600)) == []


def test_a_late_delete_works_until_somebody_else_has_received(queue):
    queue.send("work", "a")
    queue.send("work", "b")
    first = receive(queue)
    [again] = receive(queue, at=later(31), limit=1)

    assert queue.delete(first[0].receipt) is False
    assert queue.delete(first[1].receipt) is True
    assert queue.delete(again.receipt) is True


def test_visibility_is_changed_for_the_current_receipt(queue):
    queue.send("work", "a")
    [message] = receive(queue)

    assert queue.change_visibility(message.receipt, at=later(5), visibility_s=100) is True
    assert receive(queue, at=later(104)) == []
    assert queue.change_visibility(message.receipt, at=later(104), visibility_s=0) is True
    [again] = receive(queue, at=later(104))

    assert queue.change_visibility(message.receipt, at=NOW, visibility_s=0) is False
    assert again.receive_count == 2


def test_a_message_received_too_often_is_a_dead_letter(queue):
    message_id = queue.send("work", "poison")
    queue.send("work", "fine", delay_s=60)
    receive(queue)
    receive(queue, at=later(30))

    assert bodies(receive(queue, at=later(60))) == ["fine"]
    [dead] = queue.peek("dead")

    assert (dead.message_id, dead.body, dead.receive_count, dead.sent_at) == (message_id, "poison", 2, NOW)
    assert receive(queue, at=later(3600), limit=1)[0].body == "fine"


def test_a_message_dies_only_after_its_last_delivery_is_over(queue):
    queue.send("work", "a")
    receive(queue)
    [last] = receive(queue, at=later(30))

    assert receive(queue, at=later(59)) == []
    assert queue.peek("dead") == []
    assert queue.delete(last.receipt) is True


def test_a_queue_without_dead_letters_delivers_on(queue):
    queue.send("other", "a")

    counts = [receive(queue, "other", at=later(31 * n))[0].receive_count for n in range(20)]

    assert counts == list(range(1, 21))


def test_redriven_messages_start_anew_where_they_came_from(queue, clock):
    queue.send("work", "poison")
    receive(queue)
    receive(queue, at=later(30))
    receive(queue, at=later(60))
    clock.at = later(100)

    assert queue.redrive("dead") == 1
    assert queue.redrive("dead") == 0
    assert queue.peek("dead") == []
    [message] = receive(queue, at=later(100))

    assert (message.body, message.receive_count, message.first_received_at) == ("poison", 1, later(100))


def test_redriving_leaves_what_was_sent_to_the_queue_itself(queue):
    queue.send("dead", "from elsewhere")

    assert queue.redrive("dead") == 0
    assert bodies(queue.peek("dead")) == ["from elsewhere"]


def test_a_start_makes_messages_of_the_dead_process_visible(queue, clock):
    queue.send("work", "received")
    receive(queue, visibility_s=600)
    queue.send("work", "delayed", delay_s=60)
    clock.at = later(1)

    assert queue.release_all() == 1
    [message] = receive(queue, at=later(1))

    assert (message.body, message.receive_count) == ("received", 2)


def test_counts_tell_visible_in_flight_and_delayed_apart(queue, clock):
    for number in range(3):
        queue.send("work", str(number))
    queue.send("work", "later", delay_s=60)
    receive(queue, limit=2)

    assert queue.counts("work") == Counts(visible=1, in_flight=2, delayed=1)
    clock.at = later(60)
    assert queue.counts("work") == Counts(visible=4, in_flight=0, delayed=0)
    assert queue.counts("other") == Counts(0, 0, 0)


def test_old_messages_are_dropped(queue, clock):
    queue.send("work", "old")
    clock.at = later(100)
    queue.send("work", "new")
    queue.send("other", "old too")

    assert queue.drop_sent_before("work", later(100)) == 1
    assert bodies(queue.peek("work")) == ["new"]


def test_polling_an_empty_queue_waits_for_no_writer(queue, database):
    answers = []

    with database.transaction():
        poll = Thread(target=lambda: answers.append(receive(queue)))
        poll.start()
        poll.join(5)
        assert answers == [[]]


def test_each_message_goes_to_one_of_many_receivers(queue):
    sent = {str(number) for number in range(60)}
    for body in sent:
        queue.send("work", body)

    def work():
        got = []
        while messages := receive(queue, limit=3):
            got += bodies(messages)
        return got

    received = list(chain(*race(work, threads=4)))

    assert len(received) == 60
    assert set(received) == sent


def test_sending_and_receiving_at_the_same_time_loses_nothing(queue):
    def send():
        for number in range(50):
            queue.send("work", str(number))

    def work():
        done = []
        while len(done) < 50:
            for message in receive(queue):
                assert queue.delete(message.receipt)
                done.append(message.body)
        return done

    done = next(answer for answer in race_each([send, work]) if answer)

    assert sorted(done, key=int) == [str(number) for number in range(50)]
    assert queue.peek("work") == []
