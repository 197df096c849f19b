"""`swipr report --html` of a report with everything in it: plots drawn, words of others escaped, nothing invented."""

from html.parser import HTMLParser
from typing import Any

import pytest

from cli import report_page, report_plots
from cli.predict import in_words
from swipr.reporting.curves import Band

Json = dict[str, Any]
SCRIPT = '<script>alert(1)</script>" onload="x'


def share(hits: int, n: int) -> Json:
    known = n >= 20
    figures = {"share": hits / n, "low": 0.1, "high": 0.9} if known else dict.fromkeys(("share", "low", "high"))
    return {"n": n, "hits": hits, **figures, "text": f"{hits} of {n}" if known else f"not enough data yet: {n}"}


def report(**changes: Any) -> Json:
    liked = [number % 3 == 0 for number in range(60)]
    scores = [0.3 + 0.4 * like + number / 300 for number, like in enumerate(liked)]
    measures = {
        f"{name}{end}": 0.5 for name in ("auc", "log_loss", "calibration_error") for end in ("", "_low", "_high")
    }
    model = {"text": "version 3", "warning": SCRIPT, "kind": "head", "candidate": None, "lineage": [], **measures}
    model |= dict.fromkeys(("accuracy", "precision", "recall"), share(50, 60))
    doubt = {"card_id": SCRIPT, "choice": "like", "score": 0.05, "loss": 3.0, "confirmed": False}
    point = {"auc": 0.7, "auc_low": 0.6, "auc_high": 0.8, "draws": 4, "log_loss": 0.6}
    answers = {"version": 3, "threshold": 0.5, "scores": scores, "ranked": scores, "uncalibrated": scores}
    return {
        "user_id": SCRIPT,
        "at": "2026-11-21T19:00:00+00:00",
        "labels": {"n": 60, "by_choice": {}, "by_source": {}, "by_chosen_by": {}},
        "model": model,
        "answers": answers | {"liked": liked, "said": [score >= 0.5 for score in scores]},
        "shadow": None,
        "foretold": {"all_cards": share(3, 5), "any_card": share(0, 0)},
        "repeated": share(30, 40),
        "curve": {"points": [point | {"labels": labels} for labels in (8, 16, 32)], "text": "each point"},
        "contradictions": {"n": 1, "mistakes": [doubt], "likely_wrong": [doubt]},
        "decisions": {"n": 1, "text": "all", "filtered": 0, "by_verdict": {}, "by_state": {}},
        "agreement": share(2, 3),
        "like_rate": share(1, 2),
        "match_rate": share(0, 1),
        "matches": {"n": 0, "by_outcome": {}},
        "costs": {"microusd": 0.0, "photos": 0, "text": "none"},
    } | changes


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}


def test_every_plot_is_drawn() -> None:
    page = Seen(report_page.page(report()))

    assert page.tags.count("svg") == 5 + 4, "five plots, and a bar for each share of enough"
    assert {"polyline", "polygon", "circle", "rect"} <= set(page.tags)


def test_what_somebody_wrote_is_never_markup() -> None:
    text = report_page.page(report())
    page = Seen(text)

    assert ("script" in page.tags, "onload" in page.names) == (False, False)
    assert text.count("&lt;script&gt;") >= 4
    assert "default-src 'none'" in text


def test_without_answers_no_plot_is_made_up() -> None:
    empty = {"curve": {"points": [], "text": "not enough data yet: there is none"}, "answers": None, "model": None}
    page = report_page.page(report(**empty))

    assert Seen(page).tags.count("figure") == 6
    assert Seen(page).tags.count("svg") == 1, "only what was asked twice is known"
    assert page.count("Not enough data yet") == 6
    assert "No model yet" in page


def test_before_calibration_is_said_only_where_it_is_known() -> None:
    known = report()
    unknown = report(answers=known["answers"] | {"uncalibrated": []})

    assert "squares: before" in report_page.page(known)
    assert "squares: before" not in report_page.page(unknown)


def test_answers_of_one_kind_have_no_curves() -> None:
    answers = report()["answers"]
    page = report_page.page(report(answers=answers | {"liked": [False] * 60}))

    assert Seen(page).tags.count("polygon") == 1, "the learning curve alone"


def test_a_curve_stays_within_its_frame() -> None:
    band = Band((0.0, 1.0), (0.0, 1.0), (0.0, 0.5), (0.5, 1.0))
    drawn = report_plots.share_curve("t", band, "x", "y")

    assert 'points="54.0,220.0 328.0,12.0"' in drawn


@pytest.mark.parametrize(
    ("score", "verdict", "words"),
    [
        (0.87, "like", "you would like about 9 of 10 photos scored like this, as far as 60 labels tell"),
        (0.0, "pass", "you would like hardly any photos"),
        (1.0, "like", "you would like nearly all photos"),
        (0.5, "unsure", "too near your line to say; you would like about 5 of 10"),
    ],
)
def test_a_score_in_words(score: float, verdict: str, words: str) -> None:
    assert in_words({"score": score, "verdict": verdict, "reason": "x"}, 60).startswith(words)


def test_a_ranking_by_likeness_is_not_worded_as_a_share() -> None:
    reason = "not enough yet: 1 like and 0 passes, two of each are needed; ranked by likeness to your likes"

    assert in_words({"score": 0.8, "verdict": "unsure", "reason": reason}, 1) == reason
