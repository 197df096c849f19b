"""The notebook's pictures: what the labels look like, how good each way is, and where it is wrong."""

from collections import Counter
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from training import evaluate
from training.data import Lesson, Pictures
from training.evaluate import Report
from training.train import Trained

COLOURS = {"frozen": "#7f8c8d", "tuned": "#e67e22", "average": "#2980b9"}
_SHOWN = 8


def balance(lesson: Lesson) -> Figure:
    """Likes and passes, by how each card came to be asked about."""
    figure, axes = pyplot.subplots(figsize=(7, 2.2), layout="constrained")
    kinds = sorted({line.chosen_by for line in lesson.lines})
    for row, kind in enumerate(kinds):
        counts = Counter(line.choice for line in lesson.lines if line.chosen_by == kind)
        axes.barh(row, counts["like"], color="#27ae60")
        axes.barh(row, counts["pass"], left=counts["like"], color="#c0392b")
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set(xlabel="labels: likes, then passes", title=f"{int(lesson.liked.sum())} of {len(lesson.liked)} are likes")
    return figure


def examples(lesson: Lesson, pictures: Pictures, seed: int = 0) -> Figure:
    """Some likes above, some passes below."""
    order = np.random.default_rng(seed).permutation(len(pictures.card_of))
    figure, grid = pyplot.subplots(2, _SHOWN, figsize=(11, 3), layout="constrained")
    for row, wanted in enumerate((True, False)):
        own = [place for place in order if lesson.liked[pictures.card_of[place]] == wanted][:_SHOWN]
        _show(grid[row], [pictures.pixels[place] for place in own], ["like" if wanted else "pass"] * len(own))
    return figure


def learning_curve(points: list[dict[str, float]], trained: Trained) -> Figure:
    """Of the frozen head, mean and band of its draws, with what tuning reached beside it."""
    figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    labels = [point["labels"] for point in points]
    axes.plot(labels, [point["auc"] for point in points], "o-", color=COLOURS["frozen"], label="frozen")
    axes.fill_between(
        labels, [p["auc_low"] for p in points], [p["auc_high"] for p in points], color=COLOURS["frozen"], alpha=0.25
    )
    for way in trained.report.ways[1:]:
        said = way.said.metrics
        low, high = said["auc"] - said["auc_low"], said["auc_high"] - said["auc"]
        axes.errorbar(
            0.8 * len(trained.report.liked), said["auc"], [[low], [high]], fmt="s", capsize=4,
            color=COLOURS[way.name], label=way.name,
        )  # fmt: skip
    axes.set(xscale="log", xlabel="labels learned from", ylabel="AUC on the others", title="Learning curve")
    axes.legend()
    return figure


def ranking(report: Report) -> Figure:
    """ROC and precision against recall."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for way in report.ways:
        said = way.said.metrics
        left.plot(
            *evaluate.roc(way.logits, report.liked), color=COLOURS[way.name], label=f"{way.name} {said['auc']:.3f}"
        )
        right.plot(*evaluate.precision_recall(way.said.scores, report.liked), color=COLOURS[way.name], label=way.name)
    left.plot([0, 1], [0, 1], ":", color="black", linewidth=0.8)
    right.axhline(report.liked.mean(), linestyle=":", color="black", linewidth=0.8)
    left.set(xlabel="passes taken for likes", ylabel="likes found", title="ROC, and the area under it")
    right.set(xlabel="recall", ylabel="precision", title="Precision and recall", ylim=(0, 1.02))
    left.legend()
    return figure


def reliability(report: Report) -> Figure:
    """Before and after calibration: how often a score of so much is a like."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    way = report.used
    raw = 1 / (1 + np.exp(-np.clip(way.logits, -40, 40)))
    for axes, scores, title in ((left, raw, "before calibration"), (right, way.said.scores, "after")):
        points = evaluate.reliability(scores, report.liked)
        axes.plot([0, 1], [0, 1], ":", color="black", linewidth=0.8)
        axes.plot([p[0] for p in points], [p[1] for p in points], "o-", color=COLOURS[way.name])
        axes.set(xlabel="score", ylabel="share of likes", title=f"{way.name}, {title}", xlim=(0, 1), ylim=(0, 1))
    return figure


def confusion(report: Report) -> Figure:
    counts = evaluate.confusion(report.used.said.said, report.liked)
    figure, axes = pyplot.subplots(figsize=(3.4, 3.2), layout="constrained")
    axes.imshow(counts, cmap="Blues")
    for row in (0, 1):
        for column in (0, 1):
            shade = "white" if counts[row, column] > counts.max() / 2 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade)
    axes.set_xticks((0, 1), ("pass", "like"))
    axes.set_yticks((0, 1), ("pass", "like"))
    axes.set(xlabel="said", ylabel="labelled", title="Confusion, out of fold")
    return figure


def worst(trained: Trained) -> Figure:
    """The labels that are contradicted most surely, with their photos: odd tastes, odd photos, or slips."""
    shown = evaluate.worst(trained.report, 2 * _SHOWN)
    pictures, scores = trained.pictures, dict(zip(trained.report.places, trained.report.used.said.scores, strict=True))
    figure, grid = pyplot.subplots(2, _SHOWN, figsize=(11, 3.4), layout="constrained")
    own = [(place, np.flatnonzero(pictures.card_of == place)) for place in shown]
    seen = [(place, photos[0]) for place, photos in own if len(photos)]
    titles = [f"{'like' if trained.lesson.liked[place] else 'pass'}, {scores[place]:.2f}" for place, _ in seen]
    _show(grid.ravel(), [pictures.pixels[photo] for _, photo in seen], titles)
    return figure


def losses(trained: Trained) -> Figure:
    """Of the cards held out, fold by fold: where each stopped."""
    figure, axes = pyplot.subplots(figsize=(6, 3), layout="constrained")
    for network in trained.folds.networks if trained.folds else ():
        axes.plot(network.losses, color=COLOURS["tuned"], alpha=0.6)
        if network.losses:
            axes.plot(network.epoch, network.losses[network.epoch], "o", color=COLOURS["tuned"])
    axes.set(xlabel="epoch", ylabel="log loss held out", title="Tuning, fold by fold; a dot is where it stopped")
    return figure


def _show(grid: Any, photos: list[np.ndarray], titles: list[str]) -> None:
    for axes in grid:
        axes.axis("off")
    for axes, photo, title in zip(grid, photos, titles, strict=False):
        axes.imshow(photo)
        axes.set_title(title, fontsize=8)
