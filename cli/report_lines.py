"""`swipr report` in lines for a person; `--json` has all there is."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Line = tuple[str, str]
MEASURES = (
    ("ranking", "auc", "AUC"),
    ("log loss", "log_loss", "log loss"),
    ("calibration", "calibration_error", "error"),
)


def lines(report: Json) -> Iterator[Line]:
    """The report in lines, each with a name."""
    labels, decisions, matches = (report[name] for name in ("labels", "decisions", "matches"))
    yield "Labels", f"{labels['n']} ({_counts(labels['by_choice'])}; {_counts(labels['by_source'])})"
    yield "  asked", _counts(labels["by_chosen_by"])
    yield "  twice", report["repeated"]["text"]
    yield from _model(report["model"])
    yield "  foretold", report["foretold"]["all_cards"]["text"]
    yield "  any card", report["foretold"]["any_card"]["text"]
    if report["shadow"] is not None:
        yield from _shadow(report["shadow"])
    yield from _curve(report["curve"])
    yield from _contradictions(report["contradictions"])
    yield "Decisions", f"{decisions['n']}, {decisions['text']} ({_counts(decisions['by_verdict'])})"
    yield "  state", f"{_counts(decisions['by_state'])}; {decisions['filtered']} by a filter"
    for title, name in (("Agreement", "agreement"), ("Likes", "like_rate"), ("Matches", "match_rate")):
        yield title, report[name]["text"]
    yield "  outcome", f"{matches['n']} ({_counts(matches['by_outcome'])})"
    costs = report["costs"]
    yield "Costs", f"{costs['microusd']:.0f} micro-dollars for {costs['photos']} photos; {costs['text']}"


def _model(model: Json | None) -> Iterator[Line]:
    if model is None:
        yield "Model", "none yet: give at least two likes and two passes"
        return
    yield "Model", f"{model['text']} ({_descent(model)})"
    if model["warning"]:
        yield "  look", model["warning"]
    for title, name, words in MEASURES:
        if model[name] is not None:
            yield f"  {title}", f"{words} {model[name]:.3f}{_between(model, name)}"
    for name in ("accuracy", "precision", "recall"):
        yield f"  {name}", model[name]["text"]


def _descent(model: Json) -> str:
    came = f", from candidate {model['candidate']}" if model["candidate"] else ""
    before = f", goes on from {', '.join(map(str, model['lineage']))}" if model["lineage"] else ""
    return f"{model['kind']}{came}{before}"


def _between(model: Json, name: str) -> str:
    low, high = model[f"{name}_low"], model[f"{name}_high"]
    return "" if low is None or high is None else f" (95 % between {low:.3f} and {high:.3f})"


def _shadow(shadow: Json) -> Iterator[Line]:
    yield "Waiting", f"{shadow['text']} ({shadow['kind']})"
    yield "  it", shadow["right"]["text"]
    yield "  in charge", shadow["right_in_charge"]["text"]


def _curve(curve: Json) -> Iterator[Line]:
    yield "Learning", curve["text"]
    for point in curve["points"]:
        known = f"AUC {point['auc']:.2f} ({point['auc_low']:.2f} to {point['auc_high']:.2f} in {point['draws']} draws)"
        yield f"  {point['labels']}", f"{known}, log loss {point['log_loss']:.2f}"


def _contradictions(found: Json) -> Iterator[Line]:
    yield "Doubtful", f"{found['n']} labels may be wrong: `swipr label doubtful`" if found["n"] else "no label"
    for each in found["mistakes"][:5]:
        confirmed = ", which you confirmed" if each["confirmed"] else ""
        yield "  mistake", f"{each['card_id']}: you said {each['choice']}{confirmed}, it gave {each['score']:.2f}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items()) or "none"
