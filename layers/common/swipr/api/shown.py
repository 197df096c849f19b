"""Records as the API shows them: what is inner stays inside."""

from datetime import datetime

from swipr.api.views import CandidateView, ModelView, Role
from swipr.api.views_cards import DecisionView, GivenLabel, LabelView, MatchView
from swipr.candidates.candidate_report import CandidateReport
from swipr.models import Decision, Label, MatchRecord, ModelVersion, User


def model_view(model: ModelVersion, user: User) -> ModelView:
    roles: dict[int | None, Role] = {user.shadow: "shadow", user.previous: "previous", user.champion: "champion"}
    network = model.network
    return ModelView(
        **model.model_dump(exclude={"user_id", "head", "network"}),
        network=network.short if network else None,
        share=network.share if network else None,
        role=roles.get(model.version),
    )


def candidate_view(report: CandidateReport) -> CandidateView:
    return CandidateView(**report.model_dump(exclude={"metrics", "looks"}))


def decision_view(decision: Decision, label: Label | None, now: datetime) -> DecisionView:
    inner = {"user_id", "photos", "features", "backbone", "expires_at", "photos_expire_at", "tries"}
    inner |= {"shadow", "network_logits"}
    return DecisionView(
        **decision.model_dump(exclude=inner),
        photos=len(decision.photos) if decision.shows_photos(now) else 0,
        label=GivenLabel(choice=label.choice, labelled_at=label.labelled_at) if label else None,
    )


def label_view(label: Label) -> LabelView:
    return LabelView(**label.model_dump(exclude={"user_id", "backbone", "features", "predicted", "network_logits"}))


def match_view(match: MatchRecord) -> MatchView:
    return MatchView(**match.model_dump(exclude={"user_id", "expires_at"}))
