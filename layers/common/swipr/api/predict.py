"""A photo judged by the user's own model: sent along, uploaded before, or fetched from a link."""

import base64
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from swipr.api.ids import GivenId, missing
from swipr.api.parts import Api
from swipr.api.views_cards import Prediction, UploadForm
from swipr.errors import ConflictError, InputError, ModelError, NotFoundError
from swipr.heads import unpack
from swipr.judging import OTHER_BACKBONE, JudgedPhoto, PhotoSource, backbone_of, rule_on_card
from swipr.models import ModelVersion, Value
from swipr.sessions.photos import content_type_of
from swipr.uploads.report import new_upload_id

#: What goes to the judge in the request itself: an invocation's body is limited to 6 MB, base64 and all.
INLINE_BYTES = 4_000_000
MOST_BYTES = 10_000_000
FORM_EXPIRES = timedelta(minutes=15)
#: The judge reads the photo at once.
ADDRESS_EXPIRES_S = 60


class PhotoByLink(Value):
    url: Annotated[str, Field(min_length=1, max_length=2000, repr=False)]


class PhotoByUpload(Value):
    upload_id: GivenId
    """Of `POST /v1/predict/uploads`."""


PhotoElsewhere = PhotoByLink | PhotoByUpload


def open_upload(api: Api, user_id: str) -> UploadForm:
    """A form by which exactly one photo may be uploaded."""
    api.user(user_id)
    at = api.now()
    upload_id = new_upload_id(at, api.token(8))
    key = _key(user_id, upload_id)
    expires_s = int(FORM_EXPIRES.total_seconds())
    url, fields = api.blobs.presign_post(key, max_bytes=MOST_BYTES, expires_s=expires_s)
    return UploadForm(upload_id=upload_id, key=key, expires_at=at + FORM_EXPIRES, url=url, fields=fields)


def predict(api: Api, user_id: str, photo: bytes | PhotoElsewhere) -> Prediction:
    """Judge one photo. Raises ConflictError when there is no model yet, InputError, NotFoundError."""
    model = _champion(api, user_id)
    if isinstance(photo, PhotoByUpload):
        return _of_upload(api, user_id, photo.upload_id, model)
    body = photo if isinstance(photo, bytes) else api.fetch_link(photo.url)
    if len(body) <= INLINE_BYTES:
        return _inline(api, user_id, body, model)
    key = _key(user_id, new_upload_id(api.now(), api.token(8)))
    api.blobs.put(key, body, content_type=content_type_of(body))
    try:
        return _stored(api, user_id, key, len(body), model)
    finally:
        api.blobs.delete([key])


def _of_upload(api: Api, user_id: str, upload_id: str, model: ModelVersion) -> Prediction:
    """The photo goes once it is judged, or cannot be; it stays for another try when the judge failed."""
    key = _key(user_id, upload_id)
    try:
        size = len(api.blobs.get(key))
    except NotFoundError:
        raise missing("upload_id") from None
    try:
        prediction = _stored(api, user_id, key, size, model)
    except InputError:
        api.blobs.delete([key])
        raise
    api.blobs.delete([key])
    return prediction


def _key(user_id: str, upload_id: str) -> str:
    return f"predict/{user_id}/{upload_id}"


def _champion(api: Api, user_id: str) -> ModelVersion:
    user = api.user(user_id)
    model = api.store.model(user_id, user.champion) if user.champion is not None else None
    if model is None:
        raise ConflictError("no model of your taste yet: give at least two likes and two passes")
    return model


def _inline(api: Api, user_id: str, body: bytes, model: ModelVersion) -> Prediction:
    return _judge(api, user_id, PhotoSource(id="photo", data=base64.b64encode(body).decode()), model)


def _stored(api: Api, user_id: str, key: str, size: int, model: ModelVersion) -> Prediction:
    url = api.blobs.presign_get(key, expires_s=ADDRESS_EXPIRES_S)
    return _judge(api, user_id, PhotoSource(id="photo", url=url, first=0, last=size - 1), model)


def _judge(api: Api, user_id: str, source: PhotoSource, model: ModelVersion) -> Prediction:
    head = unpack(model.head)
    judged = _asked(api, source, model)
    if "error" in judged:
        raise InputError("photo", judged["error"])
    ruling = rule_on_card(head, judged["logits"], api.user(user_id).settings.card_rule)
    return Prediction(
        score=round(ruling.score, 4),
        verdict=ruling.verdict,
        reason=ruling.reason,
        threshold=head.threshold,
        model_version=model.version,
        qualities=dict(judged.get("qualities", {})),
    )


def _asked(api: Api, source: PhotoSource, model: ModelVersion) -> JudgedPhoto:
    try:
        return api.judge({"photos": [source], "heads": [base64.b64encode(model.head).decode()]})["photos"][0]
    except ModelError as error:
        if backbone_of(api.judge) != model.backbone:
            raise ConflictError(OTHER_BACKBONE) from error
        raise
