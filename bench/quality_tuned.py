"""Our tuned version, made as `training.train` makes one and used as the judge uses it, without the way to int8.

Frozen head and network by five folds give the logits that choose the network's share, calibration and line; a network
of all labels then answers with the head.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench import quality_photos
from bench.quality_systems import Answer, Lesson
from swipr import fitting
from swipr.judging import blended
from training import evaluate
from training.model import body_of
from training.tuning import Recipe, epochs_of, fine_tune, folds, out_of_fold


def size_px() -> int:
    return Recipe().size_px


def answer(lesson: Lesson) -> Answer:
    """Chances, verdicts by the threshold, and the blended logits; nothing of the unseen is learned from."""
    assert lesson.features is not None
    torch.set_num_threads(1)  # a second one only waits while something else runs
    features, unseen = lesson.features
    photos, liked = lesson.rows, lesson.liked
    recipe = Recipe(seed=lesson.number)
    fold = folds(np.arange(len(liked)), liked, recipe.folds, recipe.seed)
    judged = out_of_fold(photos, liked, body=_body(), fold_of=fold, recipe=recipe)
    report = evaluate.compare(evaluate.frozen_logits(features, liked, fold), liked, judged.logits)
    network = fine_tune(photos, liked, body=_body(), recipe=recipe, epochs=epochs_of(judged.networks))
    head = fitting.fit(features, liked)
    frozen = unseen.astype(np.float64) @ head.weights + head.bias
    tuned = report.slope * network.logits(lesson.unseen) + report.intercept
    logits = np.array([blended(one, other, report.share) for one, other in zip(frozen, tuned, strict=True)])
    said = report.used.said
    scores = fitting.sigmoid(said.slope * logits + said.intercept)
    return Answer(scores, scores >= said.threshold, logits)


@cache
def _body() -> nn.Module:
    weights = Path(os.environ.get("SWIPR_WEIGHTS", quality_photos.shared() / "weights"))
    return body_of("mobilenetv2", weights)
