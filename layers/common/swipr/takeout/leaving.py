"""What of a user's models leaves with an export: heads do; a tuned network's file, and so its versions, do not."""

from collections.abc import Sequence
from typing import NamedTuple

from swipr.models import Decision, Label, ModelVersion, Prediction, User

README = """An export of what Swipr keeps for you.

data.json     what `swipr import` restores: settings, labels with their features, decisions, matches, models
labels.csv    your labels, for reading
account.json  the rest of your account, for reading
photos/       photos of labels, where you keep them

Left out: the deck's token, which only your own install can open; photos of decisions, which go after days; networks
tuned by training, which are files of many megabytes. Versions that need such a network are left out with it, and so is
the version that waits to be compared: train again to have one. The version in charge after an import is the newest
left that was ever in charge.
"""


class Roles(NamedTuple):
    champion: int | None
    previous: int | None
    highest_champion: int


def goes_along(model: ModelVersion) -> bool:
    return model.kind != "tuned" and model.network is None


def left_out(models: Sequence[ModelVersion]) -> str:
    """The archive's own word on what it does not hold."""
    versions = sorted(model.version for model in models if not goes_along(model))
    return README + (f"Left out of this one: versions {', '.join(map(str, versions))}.\n" if versions else "")


def roles_of(user: User, models: Sequence[ModelVersion]) -> Roles:
    """Of the versions that go along. In place of one that does not: the highest that was ever in charge."""
    along = {model.version for model in models if goes_along(model)}
    highest = max((version for version in along if version <= user.highest_champion), default=0)
    champion = user.champion if user.champion in along or user.champion is None else highest or None
    instead = highest if highest and highest != champion else None
    previous = user.previous if user.previous in along or user.previous is None else instead
    return Roles(champion, previous, highest)


def newest_of(models: Sequence[ModelVersion]) -> int:
    """The highest version that goes along: above it, an install gives the same numbers to versions of its own."""
    return max((model.version for model in models if goes_along(model)), default=0)


def label_known(label: Label, newest: int) -> Label:
    """Without what was said by versions that the archive cannot name."""
    return label.model_copy(update={"predicted": _known(label.predicted, newest)})


def decision_known(decision: Decision, newest: int) -> Decision:
    shadow = decision.shadow
    return decision if shadow is None or shadow.version <= newest else decision.model_copy(update={"shadow": None})


def _known(said: Sequence[Prediction], newest: int) -> tuple[Prediction, ...]:
    return tuple(each for each in said if each.version <= newest)
