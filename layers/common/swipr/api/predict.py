"""A photo judged by the user's own model: sent along, uploaded before, or fetched from a link."""

import base64
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from swipr.api.ids import GivenId, missing
from swipr.api.parts import Api
from swipr.api.views_cards import Prediction, UploadForm
from swipr.errors import ConflictError, InputError, ModelError, NotFoundError
from swipr.heads import unpack
from swipr.judging import OTHER_BACKBONE, JudgedPhoto, PhotoSource, backbone_of
from swipr.models import ModelVersion, Value
from swipr.roles import Roles, roles_of
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


def _by(sent: Any) -> str:
    return "upload" if isinstance(sent, PhotoByUpload) or (isinstance(sent, dict) and "upload_id" in sent) else "link"


PhotoElsewhere = Annotated[
    Annotated[PhotoByLink, Tag("link")] | Annotated[PhotoByUpload, Tag("upload")], Discriminator(_by)
]


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
    """Judge one photo; by likeness to the likes below two labels of a kind.

    Raises ConflictError when there is no model yet, InputError, NotFoundError, ModelError.
    """
    model = _model(api, user_id)
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


def _of_upload(api: Api, user_id: str, upload_id: str, model: Roles) -> Prediction:
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


def _model(api: Api, user_id: str) -> Roles:
    """The version in charge; before there is any, the newest one that ranks by likeness."""
    user = api.user(user_id)
    if user.champion is not None:
        return roles_of(user, api.store).without_shadow()
    newest = next(iter(api.store.models(user_id, limit=1)), None)
    if newest is None or newest.kind != "likeness":
        raise ConflictError("no model of your taste yet: give at least two likes and two passes")
    return Roles(newest)


def _inline(api: Api, user_id: str, body: bytes, model: Roles) -> Prediction:
    return _judge(api, user_id, PhotoSource(id="photo", data=base64.b64encode(body).decode()), model)


def _stored(api: Api, user_id: str, key: str, size: int, model: Roles) -> Prediction:
    url = api.blobs.presign_get(key, expires_s=ADDRESS_EXPIRES_S)
    return _judge(api, user_id, PhotoSource(id="photo", url=url, first=0, last=size - 1), model)


def _judge(api: Api, user_id: str, source: PhotoSource, roles: Roles) -> Prediction:
    judged = _asked(api, source, roles)
    if "error" in judged:
        raise InputError("photo", judged["error"])
    model, ruling = roles.champion, roles.say([judged], api.user(user_id).settings.card_rule).ruling
    if model is None or ruling is None:
        raise ModelError("the judge said nothing of the photo")
    by_likeness = model.kind == "likeness"
    return Prediction(
        score=round(ruling.score, 4),
        verdict="unsure" if by_likeness else ruling.verdict,
        reason=_not_enough(model) if by_likeness else ruling.reason,
        threshold=unpack(model.head).threshold,
        model_version=model.version,
        qualities=dict(judged.get("qualities", {})),
    )


def _not_enough(model: ModelVersion) -> str:
    given = f"{_count(model.likes, 'like')} and {_count(model.labels - model.likes, 'pass', 'passes')}"
    return f"not enough yet: {given}, two of each are needed; ranked by likeness to your likes"


def _count(number: int, one: str, many: str = "likes") -> str:
    return f"{number} {one if number == 1 else many}"


def _asked(api: Api, source: PhotoSource, roles: Roles) -> JudgedPhoto:
    try:
        answer = api.judge(roles.request([source], api.blobs))
        roles.refuse_half(answer)
    except ModelError as error:
        if roles.champion and backbone_of(api.judge) != roles.champion.backbone:
            raise ConflictError(OTHER_BACKBONE) from error
        raise
    return answer["photos"][0]
