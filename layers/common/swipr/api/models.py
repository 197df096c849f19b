"""Versions of the user's own model: which there are, and which is in charge."""

from swipr.api.ids import missing
from swipr.api.parts import Api
from swipr.api.shown import candidate_view, model_view
from swipr.api.views import GateView, ModelList, ModelView
from swipr.candidates import candidate_report, gate
from swipr.errors import ConflictError
from swipr.judging import OTHER_BACKBONE, backbone_of
from swipr.models import ModelVersion, User

#: Versions that one network may have been in charge with, each a correction later, to be followed back.
MOST_CORRECTIONS = 300
NETWORK_GONE = (
    "the network of version {version} was deleted when it served in no role any more: choose another version, or have "
    "it trained again with `swipr train`"
)


def newest(api: Api, user_id: str) -> ModelList:
    """The newest versions, and those in a role however old they are."""
    user, listed = api.user(user_id), {model.version: model for model in api.store.models(user_id)}
    for version in {user.champion, user.previous, user.shadow} - listed.keys() - {None}:
        if version is not None and (model := api.store.model(user_id, version)):
            listed[version] = model
    shadow = listed.get(user.shadow) if user.shadow is not None else None
    return ModelList(
        models=tuple(model_view(listed[version], user) for version in sorted(listed, reverse=True)),
        candidates=tuple(map(candidate_view, candidate_report.newest_first(user_id, api.blobs))),
        gate=_gate_view(api, user, shadow) if shadow else None,
    )


def _gate_view(api: Api, user: User, shadow: ModelVersion) -> GateView:
    pairs, needed = gate.standing(api.store.labels(user.user_id), shadow)
    text = (
        f"version {shadow.version} is asked beside the one in charge: {pairs} of the {needed} labels are there after "
        "which the two are compared; it counts what you say of cards that both had judged before"
    )
    return GateView(version=shadow.version, against=user.champion, pairs=pairs, needed=needed, text=text)


def one(api: Api, user_id: str, version: int) -> ModelView:
    """Raises NotFoundError."""
    return model_view(_model(api, user_id, version), api.user(user_id))


def promote(api: Api, user_id: str, version: int) -> ModelView:
    """Put a version in charge, at the user's own word. Raises NotFoundError, ConflictError with the next step."""
    model, user = _model(api, user_id, version), api.user(user_id)
    if model.backbone != backbone_of(api.judge):
        raise ConflictError(OTHER_BACKBONE.replace("your model", f"version {version}"))
    if model.kind == "likeness":
        raise ConflictError(f"version {version} only ranks by likeness and decides nothing: give labels of both kinds")
    if model.network is not None and not api.blobs.keys(model.network.key):
        raise ConflictError(NETWORK_GONE.format(version=version))
    if user.champion != version and not api.store.set_champion(user_id, version, expected=user.champion):
        raise ConflictError("another version was put in charge just now: look at GET /v1/models, then ask again")
    return one(api, user_id, version)


def roll_back(api: Api, user_id: str) -> ModelView:
    """Put the version before back in charge: before a tuned one, that from before its network, whatever was corrected.

    Raises ConflictError with the next step where that is impossible.
    """
    user = api.user(user_id)
    before = _before_its_network(api, user) or user.previous
    if before is None or api.store.model(user_id, before) is None:
        raise ConflictError("no version was in charge before this one: choose one of GET /v1/models and promote it")
    return promote(api, user_id, before)


def _before_its_network(api: Api, user: User) -> int | None:
    """None if the version in charge has no network, or the one before that cannot be found."""
    champion = api.store.model(user.user_id, user.champion) if user.champion is not None else None
    network = champion.network if champion else None
    version = champion
    for _ in range(MOST_CORRECTIONS):
        if version is None or network is None or version.parent is None:
            return None
        version = api.store.model(user.user_id, version.parent)
        if version is not None and version.network != network:
            return version.version
    return None


def _model(api: Api, user_id: str, version: int) -> ModelVersion:
    model = api.store.model(user_id, version)
    if model is None:
        raise missing("version")
    return model
