"""Records as the API shows them: what is inner stays inside."""

from datetime import datetime
from typing import Literal

from swipr.api.views import ModelView
from swipr.api.views_cards import DecisionView, GivenLabel, LabelView, MatchView
from swipr.models import Decision, Label, MatchRecord, ModelVersion, User


def model_view(model: ModelVersion, user: User) -> ModelView:
    roles: dict[int | None, Literal["champion", "previous"]] = {user.previous: "previous", user.champion: "champion"}
    return ModelView(**model.model_dump(exclude={"user_id", "head"}), role=roles.get(model.version))


def decision_view(decision: Decision, label: Label | None, now: datetime) -> DecisionView:
    inner = {"user_id", "photos", "features", "backbone", "expires_at", "photos_expire_at", "tries"}
    return DecisionView(
        **decision.model_dump(exclude=inner),
        photos=len(decision.photos) if decision.shows_photos(now) else 0,
        label=GivenLabel(choice=label.choice, labelled_at=label.labelled_at) if label else None,
    )


def label_view(label: Label) -> LabelView:
    return LabelView(**label.model_dump(exclude={"user_id", "backbone", "features"}))


def match_view(match: MatchRecord) -> MatchView:
    return MatchView(**match.model_dump(exclude={"user_id", "expires_at"}))
