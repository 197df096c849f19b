"""Which backbone `swipr simulate` plays with: the one named, else the recommended one if there, else the built-in."""

from pathlib import Path

from local import backbone_choice, backbones, recommended
from local.backbone_choice import Sources
from local.backbones import BackboneError
from swipr.errors import ModelError


def find(named: str | None, *, data: Path, weights: Path | None, scratch: Path) -> Path:
    """The backbone's folder. Raises BackboneError when the one named is not to be had.

    Installed ones are in `data`, which is only read; from `weights` the recommended one is made into `scratch`.
    Nothing is fetched: what is measured does not depend on the network.
    """
    if named not in (None, recommended.NAME):
        return backbones.find(data, str(named))
    installed = {each.name: each.folder for each in backbones.known(data) if each.card}
    if recommended.NAME in installed:
        return installed[recommended.NAME]
    if weights is not None:
        try:
            return backbone_choice.install(scratch, Sources(weights=weights))[0]
        except ModelError as error:
            raise BackboneError(f"SWIPR_WEIGHTS: {error}") from error
    if named is None:
        return installed[backbones.BUILT_IN]
    raise BackboneError(
        f"{recommended.NAME} is not installed in {data}: get it with `swipr backbone pull`, or let SWIPR_WEIGHTS name "
        "a folder of weights"
    )
