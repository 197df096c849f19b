"""The systems that are compared: what each is shown, what it says of photos it has not seen, what that depends on."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bench import peers, quality_code
from swipr import fitting, metrics

OURS, TUNED, BUILT_IN = "ours", "ours tuned", "ours built-in"
CNN, NEIGHBOURS, REGRESSION, NOBODY = (
    "small CNN from scratch",
    "nearest neighbours",
    "logistic regression",
    "always pass",
)
CNN_PX = 300


class Lesson(NamedTuple):
    """`rows` (n, ...) with their labels `liked` bool (n,), and `unseen` (m, ...): features, or photos as pixels.

    `number`: of the draw; seeds what is random in a system. `features`: like `rows` and `unseen`, for a system that
    is shown photos and builds on features too.
    """

    rows: np.ndarray
    liked: np.ndarray
    unseen: np.ndarray
    number: int
    features: tuple[np.ndarray, np.ndarray] | None = None


class Answer(NamedTuple):
    """Of the unseen: chances of a like float64 (m,), verdicts bool (m,), and by what they are ranked (m,)."""

    scores: np.ndarray
    said: np.ndarray
    ranking: np.ndarray


class System(NamedTuple):
    """`shown`: `recommended` or `builtin` for that backbone's features, `photos` for pixels of `size_px`, or both."""

    name: str
    shown: str
    answer: Callable[[Lesson], Answer]
    code: Callable[[], str]
    draws: int = 5
    fewest: int = 0
    """Labels below which it is not used at all."""
    slow: bool = False
    """Minutes a run: figures of earlier code are shown, marked, until they are asked for again."""
    size_px: Callable[[], int] = lambda: 0


FIGURES = ("auc", "accuracy", "precision", "recall", "log_loss", "calibration_error")
FLOOR = "calibration_floor"
_WORLDS = 200


def measured(answer: Answer, liked: np.ndarray) -> dict[str, float]:
    """The figures of one run; beside them what calibration error could not be told from none at all."""
    hits = int((answer.said & liked).sum())
    return {
        "auc": metrics.auc(answer.ranking, liked),
        "accuracy": float((answer.said == liked).mean()),
        "precision": hits / max(1, int(answer.said.sum())),
        "recall": hits / max(1, int(liked.sum())),
        "log_loss": metrics.log_loss(answer.scores, liked),
        "calibration_error": metrics.calibration_error(answer.scores, liked),
        FLOOR: calibration_floor(answer.scores),
    }


def calibration_floor(scores: np.ndarray) -> float:
    """The mean calibration error of these very scores in worlds where each is exactly right: chance alone."""
    generator = np.random.default_rng(0)
    worlds = (generator.random(len(scores)) < scores for _ in range(_WORLDS))
    return float(np.mean([metrics.calibration_error(scores, world) for world in worlds]))


def ours(lesson: Lesson) -> Answer:
    """The frozen backbone's head, wish balanced; verdicts by its threshold."""
    fitted = fitting.fit(lesson.rows, lesson.liked, wish="balanced")
    logits = lesson.unseen.astype(np.float64) @ fitted.weights + fitted.bias
    scores = fitting.sigmoid(fitted.slope * logits + fitted.intercept)
    return Answer(scores, scores >= fitted.threshold, logits)


def tuned(lesson: Lesson) -> Answer:
    from bench import quality_tuned  # PyTorch

    return quality_tuned.answer(lesson)


def tuned_px() -> int:
    from bench import quality_tuned

    return quality_tuned.size_px()


def small_cnn(lesson: Lesson) -> Answer:
    from bench import peers_cnn  # PyTorch

    return _by_half(peers_cnn.scores(lesson.rows, lesson.liked, lesson.unseen, lesson.number))


def nearest_neighbours(lesson: Lesson) -> Answer:
    return _by_half(peers.neighbours(lesson.rows, lesson.liked, lesson.unseen))


def logistic_regression(lesson: Lesson) -> Answer:
    return _by_half(peers.logistic_regression(lesson.rows, lesson.liked, lesson.unseen))


def always_pass(lesson: Lesson) -> Answer:
    scores = peers.always_pass(lesson.liked, len(lesson.unseen))
    return Answer(scores, np.zeros(len(scores), bool), scores)


def _by_half(scores: np.ndarray) -> Answer:
    return Answer(scores, scores >= 0.5, scores)


def _figures_code() -> str:
    return quality_code.of_functions(metrics.auc, metrics.log_loss, metrics.calibration_error)


def _code(*modules: str, alone: tuple[str, ...] = ()) -> Callable[[], str]:
    return lambda: f"{quality_code.of(*modules, alone=alone)}{_figures_code()[:4]}"


#: Minutes a run are not spent anew because something far from it changed.
_TUNING = (
    "bench.quality_tuned", "training.tuning", "training.model", "training.plan", "training.evaluate",
    "swipr.fitting", "swipr.calibration", "swipr.dual", "swipr.newton", "swipr.primal",
)  # fmt: skip
_SEEN = ("swipr.photos", "swipr.backbone")
SYSTEMS = (
    System(OURS, "recommended", ours, _code("swipr.fitting", *_SEEN)),
    System(
        TUNED, "recommended+photos", tuned, _code(alone=_TUNING),
        fewest=200, slow=True, size_px=tuned_px,
    ),
    System(BUILT_IN, "builtin", ours, _code("swipr.fitting", *_SEEN)),
    System(CNN, "photos", small_cnn, _code("bench.peers_cnn"), slow=True, size_px=lambda: CNN_PX),
    System(NEIGHBOURS, "recommended", nearest_neighbours, _code("bench.peers", *_SEEN)),
    System(REGRESSION, "recommended", logistic_regression, _code("bench.peers", *_SEEN)),
    System(NOBODY, "recommended", always_pass, _code("bench.peers")),
)  # fmt: skip
