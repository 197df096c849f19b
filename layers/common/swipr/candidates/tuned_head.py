"""The head of a tuned version that came in: calibrated for the blend, on answers that had not seen the label."""

import base64
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from swipr import heads
from swipr.dataset import Line
from swipr.errors import LabelError, ModelError
from swipr.fitting import calibrate, fit, to_head
from swipr.judging import blended
from swipr.models import Network, UserSettings

#: Labels with a left-out logit of the network; below, its blend cannot be calibrated.
FEWEST = 30


class TunedHead(NamedTuple):
    """A packed head and what is known of the blend by left-out answers."""

    head: bytes
    metrics: dict[str, float]


def tuned_head(
    own: bytes, network: Network, left_out: Mapping[str, float], lines: Sequence[Line], settings: UserSettings
) -> TunedHead:
    """The closed-form head of these labels, calibrated together with the network; `own`, which training made, where
    there is too little to calibrate on."""
    places = np.array([place for place, line in enumerate(lines) if line.card_id in left_out], int)
    if len(places) < FEWEST:
        return TunedHead(own, {})
    liked = np.array([line.choice == "like" for line in lines], bool)
    try:
        fitted = fit(_rows(lines), liked, wish=settings.wish, precision_at_least=settings.precision_at_least)
        heard = [left_out[lines[place].card_id] for place in places]
        pairs = zip(fitted.loo_logits[places].tolist(), heard, strict=True)
        logits = np.array([blended(head, tuned, network.share) for head, tuned in pairs])
        said = calibrate(logits, liked[places], wish=settings.wish, precision_at_least=settings.precision_at_least)
        body = heads.pack(to_head(fitted, heads.unpack(own).backbone, said))
    except (LabelError, ModelError, ValueError):
        return TunedHead(own, {})
    return TunedHead(body, said.metrics | {"blended_labels": float(len(places))})


def _rows(lines: Sequence[Line]) -> np.ndarray:
    """float32 (labels, dimensions). Raises ValueError where they differ in length."""
    return np.array([np.frombuffer(base64.b64decode(line.features), "<f2") for line in lines], np.float32)
