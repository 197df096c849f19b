"""Objects that nothing leads to any more: of sessions and uploads cut short, of users, labels, backbones gone."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from swipr import kept_photos
from swipr.forgetting import OF_USERS
from swipr.models import Label, User

#: What is younger may belong to something under way: sessions last minutes, large uploads a little longer.
AT_LEAST_OLD = timedelta(hours=1)


class KeptObjects(Protocol):
    def keys(self, prefix: str) -> Sequence[str]: ...
    def modified_at(self, key: str) -> datetime | None: ...


class Referring(Protocol):
    def user(self, user_id: str) -> User | None: ...
    def labels(self, user_id: str) -> Sequence[Label]: ...
    def keys_of_decisions(self) -> set[str]: ...


def orphans(objects: KeptObjects, store: Referring, at: datetime) -> list[str]:
    """Their keys. What leads to an object is looked up after the object, so nothing recorded meanwhile is missed."""
    old = [key for top in OF_USERS for key in objects.keys(f"{top}/") if _is_old(objects.modified_at(key), at)]
    return sorted(set(_orphans_among(old, store)))


def _is_old(made_at: datetime | None, at: datetime) -> bool:
    return made_at is not None and made_at <= at - AT_LEAST_OLD


def _orphans_among(keys: Sequence[str], store: Referring) -> Iterator[str]:
    decided = store.keys_of_decisions()
    by_user: dict[str, list[str]] = {}
    for key in keys:
        by_user.setdefault(_user_of(key), []).append(key)
    for user_id, own in by_user.items():
        if store.user(user_id) is None:
            yield from own
        else:
            taught = _taught(user_id, store.labels(user_id))
            yield from (key for key in own if not _leads_to(key, decided, taught))


def _leads_to(key: str, decided: set[str], taught: set[str]) -> bool:
    """Whether something of its user, who is there, leads to the object."""
    top = key.partition("/")[0]
    if top == "sessions":
        return key in decided
    if top == "features":
        folder, _, name = key.rpartition("/")
        return f"{folder}/{name.partition('.')[0]}" in taught
    if top == "labelled":
        return f"{key.rpartition('/')[0]}/" in taught
    return top not in ("uploads", "predict")  # what is judged there is taken away again within minutes


def _taught(user_id: str, labels: Sequence[Label]) -> set[str]:
    """What labels lead to: packs of their backbone and the evidence, without suffixes, and photos' folders."""
    packs = {f"features/{user_id}/{name}" for label in labels for name in (label.backbone[:12], "evidence")}
    return packs | {kept_photos.card_folder(user_id, label.card_id) for label in labels}


def _user_of(key: str) -> str:
    """Empty for an object that lies in no user's folder."""
    parts = key.split("/", 2)
    return parts[1] if len(parts) == 3 else ""
