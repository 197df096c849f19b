"""Every operation of the API, in one table."""

import re
from typing import Annotated

from pydantic import BaseModel, Field

from swipr import forgetting
from swipr.api import account, decisions, deck, labels, matches, models, openapi, predict, questions
from swipr.api.operations import Asked, Image, Operation, Plain, Result, Tagged
from swipr.api.paging import PageQuery
from swipr.api.parts import Api
from swipr.api.upload_desk import NewUpload, UploadDesk
from swipr.api.views import DeckView, ModelList, ModelView, StatusView, SwitchView
from swipr.api.views_cards import (
    CardsToLabel,
    DecisionPage,
    DecisionView,
    DoubtfulLabels,
    LabelPage,
    LabelView,
    MatchPage,
    MatchView,
    Prediction,
    RemovedLabel,
    StoredLabels,
    UploadForm,
    UploadList,
    UploadView,
)
from swipr.errors import InputError
from swipr.forgetting import Receipt
from swipr.labelling import OneOrMany
from swipr.models import DeckHealth, UserSettings
from swipr.reporting import report
from swipr.reporting.report import Report
from swipr.takeout.exports import ExportDesk, ExportState


class Confirmation(BaseModel):
    confirm: Annotated[str, Field(max_length=200)] = ""
    """The user's own id."""


def _settings(api: Api, asked: Asked) -> Result:
    return Tagged(*account.settings(api, asked.user_id))


def _save_settings(api: Api, asked: Asked) -> Result:
    return Tagged(*account.save_settings(api, asked.user_id, asked.body, asked.revision))


def _photo(api: Api, asked: Asked) -> Result:
    return Image(*decisions.photo(api, asked.user_id, asked.ids["card_id"], asked.ids["number"]))


def _uploads(api: Api) -> UploadDesk:
    return UploadDesk(api.blobs, api.now, api.token)


def _open_upload(api: Api, asked: Asked) -> Result:
    api.user(asked.user_id)
    return _uploads(api).open(asked.user_id, asked.body)


def _report(api: Api, asked: Asked) -> Result:
    api.user(asked.user_id)
    return report.report_of(asked.user_id, store=api.store, blobs=api.blobs, at=api.now())


def _exports(api: Api) -> ExportDesk:
    return ExportDesk(api.store, api.blobs, api.queue, api.now, api.token)


def _ask_export(api: Api, asked: Asked) -> Result:
    api.user(asked.user_id)
    return _exports(api).ask(asked.user_id)


def _forget_card(api: Api, asked: Asked) -> Result:
    api.user(asked.user_id)
    card_id = asked.ids["card_id"]
    return forgetting.forget_card(
        asked.user_id,
        card_id,
        store=api.store,
        blobs=api.blobs,
        queue=api.queue,
        acted_key=api.acted_key(asked.user_id, card_id),
        forgotten_key=api.forgotten_key(asked.user_id, card_id),
        at=api.now(),
    )


def _delete_account(api: Api, asked: Asked) -> Result:
    if asked.query.confirm != asked.user_id:
        raise InputError("confirm", "give your own user id, as GET /v1/status says it, to delete all that is yours")
    forgetting.settle_left_over(asked.user_id, store=api.store, queue=api.queue, at=api.now())
    return forgetting.delete_everything(asked.user_id, store=api.store, blobs=api.blobs, at=api.now(), queue=api.queue)


def _document(api: Api, asked: Asked) -> Result:  # noqa: ARG001 - as every operation's
    return Plain(openapi.document_text(OPERATIONS))


OPERATIONS: tuple[Operation, ...] = (
    # --- the account
    Operation(
        "readStatus", "GET", "/v1/status", "How things stand: switch, deck, budget, model, the last sessions",
        lambda api, asked: account.status(api, asked.user_id), StatusView,
    ),
    Operation(
        "readSwitch", "GET", "/v1/switch", "The switch, and its history with the reasons",
        lambda api, asked: account.read_switch(api, asked.user_id), SwitchView,
    ),
    Operation(
        "turnSwitch", "PUT", "/v1/switch", "Turn swiping on or off; off says `stopping` until it is off",
        lambda api, asked: account.switch(api, asked.user_id, asked.body), StatusView,
        takes=account.SwitchChange,
    ),
    Operation(
        "allowActing", "PUT", "/v1/acting", "Let Swipr act on the connected deck, named, or return to a dry run",
        lambda api, asked: account.set_acting(api, asked.user_id, asked.body), StatusView,
        takes=account.ActingChange, conflicts=True,
    ),
    Operation(
        "readSettings", "GET", "/v1/settings", "All settings, with their revision as ETag",
        _settings, UserSettings, tagged=True,
    ),
    Operation(
        "saveSettings", "PUT", "/v1/settings", "Replace all settings; with If-Match only those that were read",
        _save_settings, UserSettings, takes=UserSettings, conflicts=True, tagged=True,
    ),
    # --- the deck
    Operation(
        "readDeck", "GET", "/v1/deck", "The connected deck, those there are, and the terms to accept for them",
        lambda api, asked: deck.read(api, asked.user_id), DeckView,
    ),
    Operation(
        "connectDeck", "PUT", "/v1/deck", "Connect a deck; its token is sealed and never shown again",
        lambda api, asked: deck.connect(api, asked.user_id, asked.body), StatusView,
        takes=deck.DeckConnection, conflicts=True,
    ),
    Operation(
        "checkDeck", "GET", "/v1/deck/check", "Whether the deck still works for you: asks it once",
        lambda api, asked: deck.check(api, asked.user_id), DeckHealth,
    ),
    Operation(
        "forgetDeck", "DELETE", "/v1/deck", "Forget the deck's token; swiping is switched off",
        lambda api, asked: deck.forget(api, asked.user_id), StatusView,
    ),
    # --- decisions
    Operation(
        "listDecisions", "GET", "/v1/decisions", "Decisions with reason and scores, newest first",
        lambda api, asked: decisions.page(api, asked.user_id, asked.query), DecisionPage,
        query=decisions.DecisionQuery,
    ),
    Operation(
        "readDecision", "GET", "/v1/decisions/{card_id}", "One decision",
        lambda api, asked: decisions.one(api, asked.user_id, asked.ids["card_id"]), DecisionView,
    ),
    Operation("readPhoto", "GET", "/v1/decisions/{card_id}/photos/{number}", "A decided card's photo", _photo),
    Operation(
        "correctDecision", "POST", "/v1/decisions/{card_id}/label", "Say like or pass yourself; it is learned from",
        lambda api, asked: labels.correct(api, asked.user_id, asked.ids["card_id"], asked.body), LabelView,
        status=202, takes=labels.NewChoice,
    ),
    Operation(
        "undoCorrection", "DELETE", "/v1/decisions/{card_id}/label", "Take your word on a decision back",
        lambda api, asked: labels.undo(api, asked.user_id, asked.ids["card_id"]), RemovedLabel,
    ),
    Operation(
        "forgetCard", "DELETE", "/v1/cards/{card_id}", "Forget this person, but that they were swiped",
        _forget_card, Receipt, conflicts=True,
    ),
    # --- labels
    Operation(
        "listLabels", "GET", "/v1/labels", "Your labels, newest first",
        lambda api, asked: labels.page(api, asked.user_id, asked.query), LabelPage, query=labels.LabelQuery,
    ),
    Operation(
        "nextToLabel", "GET", "/v1/labels/next", "Which cards to ask about next, and why these",
        lambda api, asked: questions.to_ask(api, asked.user_id, asked.query), CardsToLabel,
        query=questions.NextQuery,
    ),
    Operation(
        "listDoubtful", "GET", "/v1/labels/doubtful", "Labels that may be wrong, worst first: did you mean this?",
        lambda api, asked: questions.doubtful(api, asked.user_id, asked.query), DoubtfulLabels,
        query=questions.DoubtfulQuery,
    ),
    Operation(
        "addLabels", "POST", "/v1/labels", "One label or up to 100, of decided cards or of photos sent along",
        lambda api, asked: labels.add(api, asked.user_id, asked.body), StoredLabels, status=202, takes=OneOrMany,
    ),
    Operation(
        "readLabel", "GET", "/v1/labels/{card_id}", "One label",
        lambda api, asked: labels.one(api, asked.user_id, asked.ids["card_id"]), LabelView,
    ),
    Operation(
        "takeLabelBack", "DELETE", "/v1/labels/{card_id}", "Take a label back",
        lambda api, asked: labels.take_back(api, asked.user_id, asked.ids["card_id"]), RemovedLabel,
    ),
    # --- uploads of labels
    Operation(
        "listUploads", "GET", "/v1/uploads", "The newest uploads",
        lambda api, asked: _uploads(api).newest(asked.user_id), UploadList,
    ),
    Operation(
        "openUpload", "POST", "/v1/uploads", "A form by which one file of labels may be uploaded",
        _open_upload, UploadForm, status=201, takes=NewUpload,
    ),
    Operation(
        "readUpload", "GET", "/v1/uploads/{upload_id}", "What became of an upload, row by row",
        lambda api, asked: _uploads(api).report(asked.user_id, asked.ids["upload_id"]), UploadView,
    ),
    # --- predictions
    Operation(
        "predict", "POST", "/v1/predict", "Judge one photo: sent as the body, by link, or uploaded before",
        lambda api, asked: predict.predict(api, asked.user_id, asked.body), Prediction,
        takes=predict.PhotoElsewhere, takes_photo=True, conflicts=True,
    ),
    Operation(
        "openPhotoUpload", "POST", "/v1/predict/uploads", "A form by which one photo of up to 10 MB may be uploaded",
        lambda api, asked: predict.open_upload(api, asked.user_id), UploadForm, status=201,
    ),
    # --- matches
    Operation(
        "listMatches", "GET", "/v1/matches", "Matches with the decisions that led to them, newest first",
        lambda api, asked: matches.page(api, asked.user_id, asked.query), MatchPage, query=PageQuery,
    ),
    Operation(
        "noteOutcome", "PUT", "/v1/matches/{match_id}/outcome", "Note what became of a match",
        lambda api, asked: matches.note_outcome(api, asked.user_id, asked.ids["match_id"], asked.body), MatchView,
        takes=matches.Outcome,
    ),
    # --- models
    Operation(
        "listModels", "GET", "/v1/models", "Versions of your model with their left-out metrics, newest first",
        lambda api, asked: models.newest(api, asked.user_id), ModelList,
    ),
    Operation(
        "readModel", "GET", "/v1/models/{version}", "One version",
        lambda api, asked: models.one(api, asked.user_id, asked.ids["version"]), ModelView,
    ),
    Operation(
        "promoteModel", "POST", "/v1/models/{version}/promote", "Put a version in charge",
        lambda api, asked: models.promote(api, asked.user_id, asked.ids["version"]), ModelView, conflicts=True,
    ),
    Operation(
        "rollBackModel", "POST", "/v1/models/rollback", "Put the version before back in charge",
        lambda api, asked: models.roll_back(api, asked.user_id), ModelView, conflicts=True,
    ),
    # --- all of it
    Operation("readReport", "GET", "/v1/report", "How well it does, with intervals", _report, Report),
    Operation(
        "askExport", "POST", "/v1/exports", "Ask for everything that is kept for you, as one archive",
        _ask_export, ExportState, status=202,
    ),
    Operation(
        "readExport", "GET", "/v1/exports/{export_id}", "How far an export is, and where to fetch it",
        lambda api, asked: _exports(api).state(asked.user_id, asked.ids["export_id"]), ExportState,
    ),
    Operation(
        "deleteAccount", "DELETE", "/v1/account", "Delete all that is yours; `confirm` is your own user id",
        _delete_account, Receipt, query=Confirmation, conflicts=True,
    ),
    Operation("readDocument", "GET", "/v1/openapi.json", "This document", _document),
)  # fmt: skip


FIXED = frozenset(operation.path for operation in OPERATIONS if not operation.id_names)


def takes(operation: Operation, path: str) -> bool:
    """Whether this very path is the operation's; what stands in another one as a fixed word is no id."""
    return path == operation.path or (path not in FIXED and _pattern(operation.path).fullmatch(path) is not None)


def methods_of(path: str) -> list[str]:
    """What an address takes, in alphabetical order; nothing where there is no such address."""
    return sorted({operation.method for operation in OPERATIONS if takes(operation, path)})


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
