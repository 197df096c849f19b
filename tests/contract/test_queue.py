"""What every Queue means."""

from threading import Thread

import pytest

from swipr.models import ExportRequest, RefitRequest, SwipeSession
from tests.contract.values import a_session, later


def test_a_session_sent_is_stored_as_it_was(queue, waiting):
    session = a_session("ann", later(1.000001))

    queue.send_session(session)

    assert [SwipeSession.model_validate_json(body) for body in waiting("sessions")] == [session]
    assert waiting("refits") == []


def test_a_refit_asked_for_is_stored_as_it_was(queue, waiting):
    request = RefitRequest(user_id="ann")

    queue.ask_refit(request)

    assert [RefitRequest.model_validate_json(body) for body in waiting("refits")] == [request]
    assert waiting("sessions") == []


def test_an_export_asked_for_lies_with_the_refits_as_it_was(queue, waiting):
    request = ExportRequest(user_id="ann", export_id="e1")

    queue.ask_export(request)

    assert [ExportRequest.model_validate_json(body) for body in waiting("refits")] == [request]
    assert waiting("sessions") == []


def test_many_sessions_sent_at_once_are_all_stored(queue, waiting):
    sessions = [a_session(f"user{number:02}") for number in range(23)]

    assert list(queue.send_sessions(sessions)) == []
    stored = {SwipeSession.model_validate_json(body).user_id for body in waiting("sessions")}
    assert stored == {session.user_id for session in sessions}


def test_sent_twice_is_there_at_least_once(queue, waiting):
    for _ in range(2):
        queue.send_session(a_session())

    assert {SwipeSession.model_validate_json(body) for body in waiting("sessions")} == {a_session()}


def test_nothing_sent_at_the_same_time_is_lost(queue, waiting):
    def send(sender: int) -> None:
        for number in range(10):
            queue.ask_refit(RefitRequest(user_id=f"user-{sender}-{number}"))

    threads = [Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(waiting("refits"))) == 40


def test_sending_into_a_broken_world_raises(broken_queue):
    with pytest.raises(OSError, match=r"closed|EndpointConnectionError"):
        broken_queue.send_session(a_session())
    with pytest.raises(OSError, match=r"closed|EndpointConnectionError"):
        broken_queue.ask_refit(RefitRequest(user_id="ann"))
    with pytest.raises(OSError, match=r"closed|EndpointConnectionError"):
        broken_queue.ask_export(ExportRequest(user_id="ann", export_id="e1"))
