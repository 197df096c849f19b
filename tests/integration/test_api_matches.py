"""Matches and what became of them."""

from datetime import timedelta

from swipr import bootstrap
from swipr.models import MatchRecord
from tests.api_home import Caller
from tests.install import USER


def matched(call: Caller, number: int) -> None:
    at = bootstrap.now() - timedelta(minutes=number)
    call.install.store.put_match(
        MatchRecord(
            user_id=USER,
            match_id=f"m{number}",
            card_id=f"fake:{number}",
            name=f"Card {number}",
            matched_at=at,
            decided_at=at,
            action="superlike",
            score=0.9,
            threshold=0.5,
            model_version=1,
            expires_at=at + timedelta(days=30),
        )
    )


def test_matches_come_newest_first_with_the_decision_that_led_to_them(call: Caller) -> None:
    for number in (2, 0, 1):
        matched(call, number)

    first = call("GET", "/v1/matches", query={"limit": "2"}).body
    second = call("GET", "/v1/matches", query={"limit": "2", "cursor": first["next"]}).body

    assert [match["match_id"] for match in first["matches"] + second["matches"]] == ["m0", "m1", "m2"]
    assert second["next"] is None
    one = first["matches"][0]
    assert (one["action"], one["score"], one["model_version"], one["outcome"]) == ("superlike", 0.9, 1, None)
    assert "expires_at" not in one


def test_an_outcome_is_noted_changed_and_taken_back(call: Caller) -> None:
    matched(call, 0)

    for outcome in ("talked", "met", None):
        noted = call("PUT", "/v1/matches/m0/outcome", {"outcome": outcome})
        assert (noted.status, noted.body["outcome"]) == (200, outcome)

    assert call("GET", "/v1/matches").body["matches"][0]["outcome"] is None


def test_an_outcome_of_no_known_kind_is_refused(call: Caller) -> None:
    matched(call, 0)
    for body in ({"outcome": "married"}, {}, {"outcome": "met", "when": "now"}):
        assert call("PUT", "/v1/matches/m0/outcome", body).status == 400


def test_an_unknown_match_is_a_404(call: Caller) -> None:
    for match_id in ("m9", "x" * 201, "ä \x00"):
        refused = call("PUT", f"/v1/matches/{match_id}/outcome", {"outcome": "met"})
        assert (refused.status, refused.body["detail"]) == (404, "no such match")
