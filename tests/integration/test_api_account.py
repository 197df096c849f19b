"""The switch with its history, the day's budgets, and settings that appear by themselves."""

from datetime import timedelta

from local import records
from swipr import bootstrap
from tests.api_home import Caller
from tests.contract.values import a_label
from tests.install import USER


def test_the_switch_keeps_reasons_newest_first(call: Caller) -> None:
    call("PUT", "/v1/switch", {"enabled": False, "reason": "on holiday"})
    call("PUT", "/v1/switch", {"enabled": True, "reason": "back again"})
    call("PUT", "/v1/switch", {"enabled": True, "reason": "no change"})

    read = call("GET", "/v1/switch").body

    assert read["switch"] == "on"
    assert [(event["enabled"], event["by"], event["reason"]) for event in read["history"][:2]] == [
        (True, "you", "back again"),
        (False, "you", "on holiday"),
    ]


def test_a_reason_is_short(call: Caller) -> None:
    assert call("PUT", "/v1/switch", {"enabled": True, "reason": "x" * 200}).status == 200
    refused = call("PUT", "/v1/switch", {"enabled": True, "reason": "x" * 201})

    assert (refused.status, refused.body["field"]) == (400, "reason")


def changed(call: Caller, **changes: object) -> None:
    """Write the user's record as something else left it."""
    user = call.install.store.user(USER)
    assert user is not None
    with call.install.database.transaction() as db:
        records.write_user(db, user.model_copy(update=changes))


def test_turned_on_while_the_deck_asks_to_wait_it_says_until_when(call: Caller) -> None:
    changed(call, deck_wait_until=bootstrap.now() + timedelta(hours=1))

    status = call("PUT", "/v1/switch", {"enabled": True}).body

    assert "allows no more before" in status["status"]["text"]
    assert status["next_due_at"] == status["deck_wait_until"]


def test_acting_needs_the_connected_deck_to_have_its_token(call: Caller) -> None:
    refused = call("PUT", "/v1/acting", {"acting": True, "deck": "simulator"}, user="b")
    assert "name the connected deck" in refused.body["detail"]
    call("DELETE", "/v1/deck")

    refused = call("PUT", "/v1/acting", {"acting": True, "deck": "fake"})

    assert (refused.status, refused.body["field"]) == (400, "deck")
    assert "PUT /v1/deck" in refused.body["detail"]


def test_acting_ends_at_a_word(call: Caller) -> None:
    assert call("GET", "/v1/status").body["acting"] is True

    assert call("PUT", "/v1/acting", {"acting": False}).body["acting"] is False


def test_photos_are_kept_for_those_who_want_it_and_forgotten_when_they_no_longer_do(call: Caller) -> None:
    settings = call("GET", "/v1/settings").body
    label = {"card_id": "mine:1", "choice": "like", "photos": ["/9j/bGlrZQ=="]}

    call("PUT", "/v1/settings", settings | {"keep_photos": True})
    call("POST", "/v1/labels", label)
    kept = call.install.blobs.keys("labelled/")
    call("PUT", "/v1/settings", settings | {"keep_photos": False})

    assert (len(kept), call.install.blobs.keys("labelled/")) == (1, [])


def test_a_user_who_is_deleted_this_very_moment_is_a_404(call: Caller) -> None:
    inner = call.install.store

    class Gone:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def user(self, user_id: str) -> None:
            return None

    call.use(store=Gone())

    assert call("GET", "/v1/status").status == 404


def test_the_budget_names_every_limit_of_the_day(call: Caller) -> None:
    budget = call("GET", "/v1/status").body["budget"]

    assert (budget["likes_per_day"], budget["left"]) == (9, 9)
    assert (budget["superlikes_today"], budget["swipes_today"]) == (0, 0)
    assert {"superlikes_per_day", "swipes_per_day"} <= set(budget)


def test_new_settings_are_read_and_written_like_the_old_ones(call: Caller) -> None:
    wanted = call("GET", "/v1/settings").body | {
        "filters": {"age_min": 25, "banned_words": ["crypto"]},
        "superlikes": [{"when": "word", "words": ["climbing"]}, {"when": "never"}],
        "quiet_hours": {"start": "22:00", "end": "07:30"},
        "days": ["sat", "sun"],
    }

    saved = call("PUT", "/v1/settings", wanted)

    assert saved.status == 200
    assert saved.body["filters"]["age_min"] == 25
    assert call("GET", "/v1/settings").body == saved.body


def test_a_wrong_setting_deep_inside_is_named_by_its_place_in_what_was_sent(call: Caller) -> None:
    wanted = call("GET", "/v1/settings").body
    for change, field in [
        ({"superlikes": [{"when": "never"}, {"when": "word", "words": []}]}, "superlikes[1].words"),
        ({"superlikes": [{"when": "word"}]}, "superlikes[0].words"),
        ({"filters": {"age_min": 17}}, "filters.age_min"),
        ({"filters": {"age_min": 40, "age_max": 30}}, "filters"),
        ({"quiet_hours": {"start": "22:00", "end": "24:00"}}, "quiet_hours.end"),
        ({"days": []}, "days"),
    ]:
        refused = call("PUT", "/v1/settings", wanted | change)
        assert (refused.status, refused.body["field"]) == (400, field)


def test_settings_that_would_not_fit_into_a_record_are_refused(call: Caller) -> None:
    settings = call("GET", "/v1/settings").body
    words = [f"{number:03}" + "猫" * 57 for number in range(100)]
    long = {"must_have_words": words, "banned_words": words, "school_words": words, "job_words": words}
    strategies = [{"when": "word", "words": words}]

    refused = call("PUT", "/v1/settings", settings | {"filters": settings["filters"] | long, "superlikes": strategies})

    assert (refused.status, refused.body["field"]) == (400, "filters")
    assert call("GET", "/v1/settings").body == settings


def test_an_end_of_quiet_hours_is_noticed_at_once(call: Caller) -> None:
    home, settings = call.install, call("GET", "/v1/settings").body
    home.switch(True)
    user = home.store.user(USER)
    assert user is not None
    assert user.status is not None
    quiet = user.status.model_copy(update={"code": "quiet"})
    changed(call, status=quiet, next_due_at=bootstrap.now().replace(year=2100))

    call("PUT", "/v1/settings", settings | {"quiet_hours": None})

    assert call("GET", "/v1/status").body["next_due_at"] < "2100"


def test_a_header_that_is_no_etag_is_refused(call: Caller) -> None:
    settings = call("GET", "/v1/settings").body
    for etag in ("*", "1", '""', 'W/"1"', '"1e3"', '"99999999999"'):
        refused = call("PUT", "/v1/settings", settings, headers={"if-match": etag})
        assert (refused.status, refused.body["field"]) == (400, "If-Match")


def test_a_deletion_that_might_run_out_of_time_asks_for_the_rest_to_be_done(call: Caller) -> None:
    call("PUT", "/v1/switch", {"enabled": False})
    call.queue.refits.clear()

    assert call("DELETE", "/v1/account", query={"confirm": USER}).status == 200

    assert [request.user_id for request in call.queue.refits] == [USER]


def test_the_status_counts_labels_without_reading_them(call: Caller) -> None:
    call.install.store.put_label(a_label(user_id=USER))

    class Unread:
        def __getattr__(self, name: str) -> object:
            assert name != "labels"
            return getattr(store, name)

    store = call.install.store
    call.use(store=Unread())

    assert call("GET", "/v1/status").body["labels"] == 1


def test_another_wish_draws_the_line_anew_and_other_settings_do_not(call: Caller) -> None:
    settings = call("GET", "/v1/settings").body

    def asked(**changes: object) -> int:
        before = len(call.queue.refits)
        assert call("PUT", "/v1/settings", settings | changes).status == 200
        return len(call.queue.refits) - before

    assert asked(pacing_s=3.0) == 0
    assert asked(wish="precision") == 1
    assert asked(wish="precision", precision_at_least=0.95) == 1
    assert asked(wish="precision", precision_at_least=0.95) == 0
