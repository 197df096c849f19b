"""Versions of the user's own model: which there are, and which is in charge."""

from swipr.api.ids import missing
from swipr.api.parts import Api
from swipr.api.shown import model_view
from swipr.api.views import ModelList, ModelView
from swipr.errors import ConflictError
from swipr.judging import OTHER_BACKBONE, backbone_of
from swipr.models import ModelVersion


def newest(api: Api, user_id: str) -> ModelList:
    user = api.user(user_id)
    return ModelList(models=tuple(model_view(model, user) for model in api.store.models(user_id)))


def one(api: Api, user_id: str, version: int) -> ModelView:
    """Raises NotFoundError."""
    return model_view(_model(api, user_id, version), api.user(user_id))


def promote(api: Api, user_id: str, version: int) -> ModelView:
    """Put a version in charge, at the user's own word. Raises NotFoundError, ConflictError with the next step."""
    model, user = _model(api, user_id, version), api.user(user_id)
    if model.backbone != backbone_of(api.judge):
        raise ConflictError(OTHER_BACKBONE.replace("your model", f"version {version}"))
    if user.champion != version and not api.store.set_champion(user_id, version, expected=user.champion):
        raise ConflictError("another version was put in charge just now: look at GET /v1/models, then ask again")
    return one(api, user_id, version)


def roll_back(api: Api, user_id: str) -> ModelView:
    """Put the version before back in charge. Raises ConflictError with the next step where that is impossible."""
    user = api.user(user_id)
    if user.previous is None or api.store.model(user_id, user.previous) is None:
        raise ConflictError("no version was in charge before this one: choose one of GET /v1/models and promote it")
    return promote(api, user_id, user.previous)


def _model(api: Api, user_id: str, version: int) -> ModelVersion:
    model = api.store.model(user_id, version)
    if model is None:
        raise missing("version")
    return model
