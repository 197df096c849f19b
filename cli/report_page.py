"""`swipr report --html`: the report as one page with its plots in it; it asks for nothing from anywhere."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from cli import report_plots as plots
from cli.report_lines import lines
from cli.report_style import STYLE
from cli.said import Json
from swipr.reporting import curves

NOT_ENOUGH = "not enough data yet"
TASTE = (
    "These figures are of your taste on these photos, learned from your labels. A model of taste may pick up what "
    "merely goes along with it, and says nothing of anybody's worth."
)
RATES = (
    ("Labels judged right", ("model", "accuracy")),
    ("Likes among what it calls likes", ("model", "precision")),
    ("Likes that it finds", ("model", "recall")),
    ("Judged as you did, before you did", ("foretold", "all_cards")),
    ("The same of cards drawn at random", ("foretold", "any_card")),
    ("You said the same when asked again", ("repeated",)),
    ("Verdicts you judged afterwards, the same", ("agreement",)),
    ("Swipes that were likes", ("like_rate",)),
    ("Likes that became matches", ("match_rate",)),
)
MEASURES = (("Ranking (AUC)", "auc"), ("Log loss", "log_loss"), ("Calibration error", "calibration_error"))


def page(report: Json) -> str:
    """The whole document. Everything that was said by somebody is escaped."""
    at = datetime.fromisoformat(report["at"]).astimezone()
    title = f"Swipr: how well it does for {escape(report['user_id'])}"
    body = "".join(
        f"<section><h2>{escape(name)}</h2>{inner}</section>"
        for name, inner in (
            ("Figures", _measures(report["model"])),
            ("Rates", _rates(report)),
            ("Plots", _plots(report)),
            ("Labels that may be wrong", _doubts(report["contradictions"])),
            ("Everything in words", _words(report)),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{STYLE}</style></head><body><main><header><h1>{title}</h1>"
        f"<p>{at:%Y-%m-%d %H:%M %Z}. {escape(TASTE)}</p></header>{body}</main></body></html>\n"
    )


# --- figures and rates ------------------------------------------------------------------------------------------


def _measures(model: Json | None) -> str:
    if model is None:
        return _blank("no model yet: give at least two likes and two passes")
    rows = [(name, _measure(model, key)) for name, key in MEASURES]
    warning = f'<p class="warn">{escape(model["warning"])}</p>' if model["warning"] else ""
    return f"<p>{escape(model['text'])}.</p>{warning}{_table(('figure', 'value, 95 % between'), rows)}"


def _measure(model: Json, name: str) -> str:
    value, low, high = model[name], model[f"{name}_low"], model[f"{name}_high"]
    if value is None:
        return NOT_ENOUGH
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f}, {low:.3f} to {high:.3f}"


def _rates(report: Json) -> str:
    rows = "".join(_rate(name, found) for name, path in RATES if (found := _at(report, path)) is not None)
    return f'<table class="rates"><tbody>{rows}</tbody></table>'


def _at(report: Json, path: Sequence[str]) -> Json | None:
    found: Json | None = report
    for name in path:
        found = found[name] if found is not None else None
    return found


def _rate(name: str, share: Json) -> str:
    known = share["share"] is not None
    bar = plots.range_bar(share["text"], share["share"], share["low"], share["high"]) if known else ""
    return f"<tr><th scope=row>{escape(name)}</th><td>{bar}</td><td>{escape(share['text'])}</td></tr>"


# --- plots ------------------------------------------------------------------------------------------------------


def _plots(report: Json) -> str:
    return f'<div class="plots">{"".join(_figures(report))}</div>'


def _figures(report: Json) -> Iterator[str]:
    points = [(each["labels"], each["auc"], each["auc_low"], each["auc_high"]) for each in report["curve"]["points"]]
    learning = plots.learning_plot("Learning curve", points) if len(points) > 1 else None
    yield _figure("Learning curve", learning, f"{report['curve']['text']}; band: lowest and highest of the draws")
    answers = report["answers"]
    if answers is None:
        names = ("ROC", "Precision and recall", "Reliability", "Scores", "Confusion")
        yield from (_figure(name, None, NOT_ENOUGH) for name in names)
        return
    yield from _of_answers(answers)


def _of_answers(answers: Json) -> Iterator[str]:
    liked, scores = answers["liked"], answers["scores"]
    n, likes = len(liked), sum(liked)
    of = f"{n} labels ({likes} likes), each judged by a model that had not seen it"
    roc = curves.roc(answers["ranked"], liked)
    drawn = plots.share_curve("ROC", roc, "passes taken along", "likes found", diagonal=True) if roc else None
    yield _figure("ROC", drawn, f"{of}; band: 95 %; dashed: chance" if roc else NOT_ENOUGH)
    pr = curves.precision_recall(answers["ranked"], liked)
    words = ("likes found", "right among likes")
    drawn = plots.share_curve("Precision and recall", pr, *words, level=likes / n) if pr else None
    yield _figure("Precision and recall", drawn, "band: 95 %; dashed: liking everything" if pr else NOT_ENOUGH)
    before = curves.reliability(answers["uncalibrated"], liked) if answers["uncalibrated"] else ()
    both = "dots: after calibration, with 95 % intervals" + ("; squares: before" if before else "")
    drawn = plots.reliability_plot("Reliability", before, curves.reliability(scores, liked))
    yield _figure("Reliability", drawn, f"{both}; on the dashed line a score means what it says")
    drawn = plots.histogram_plot("Scores", curves.histogram(scores, liked), answers["threshold"])
    yield _figure("Scores", drawn, f"likes up, passes down; orange: your line at {answers['threshold']:.2f}")
    yield _figure("Confusion", _confusion(curves.confusion(answers["said"], liked)), of)


def _confusion(found: curves.Confusion) -> str:
    rows = [("you: like", str(found.like_like), str(found.pass_like))]
    rows.append(("you: pass", str(found.like_pass), str(found.pass_pass)))
    return _table(("", "it: like", "it: pass"), rows)


def _figure(name: str, drawn: str | None, words: str) -> str:
    return (
        f"<figure><h3>{escape(name)}</h3>{drawn or _blank(NOT_ENOUGH)}<figcaption>{escape(words)}</figcaption></figure>"
    )


# --- lists ------------------------------------------------------------------------------------------------------


def _doubts(found: Json) -> str:
    if not found["likely_wrong"]:
        return _blank("none, as far as can be told")
    rows = [(each["card_id"], each["choice"], f"{each['score']:.2f}") for each in found["likely_wrong"]]
    more = f"<p>{found['n']} in all, worst first; `swipr label doubtful` lists them. Nothing is dropped by itself.</p>"
    return more + _table(("card", "you said", "score of a model that had not seen it"), rows)


def _words(report: Json) -> str:
    return _table(("", ""), [(name.strip(), line) for name, line in lines(report)])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th scope=col>{escape(name)}</th>" for name in head)
    inner = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    header = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    return f'<div class="scroll"><table>{header}<tbody>{inner}</tbody></table></div>'


def _blank(words: str) -> str:
    return f'<p class="blank">{escape(words[0].upper() + words[1:])}.</p>'
