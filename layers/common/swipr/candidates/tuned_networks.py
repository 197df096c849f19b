"""Where tuned networks lie, and which are still of use: one serves as long as a version of it has a role."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from swipr.models import ModelVersion, User
from swipr.ports import Blobs, Store

#: A version that young may be about to get its role.
YOUNG = timedelta(hours=1)
#: More versions than anybody has.
_ALL_MODELS = 100_000


def network_key(user_id: str, sha256: str) -> str:
    return f"models/{user_id}/{sha256[:12]}/model.onnx"


def delete_unused(user_id: str, store: Store, blobs: Blobs, *, now: datetime) -> int:
    """Delete networks of versions that neither serve nor wait nor can be rolled back to; how many there were.

    One that no version leads to may be on its way in, and stays.
    """
    there = blobs.keys(f"models/{user_id}/")
    if not there:
        return 0
    versions = store.models(user_id, limit=_ALL_MODELS)
    user = store.user(user_id)  # after the versions: a role is given after its version is there
    kept = _kept(versions, user, now)
    led_to = {version.network.key for version in versions if version.network}
    unused = [key for key in there if key in led_to - kept]
    if unused:
        blobs.delete(unused)
    return len(unused)


def _kept(versions: Iterable[ModelVersion], user: User | None, now: datetime) -> set[str]:
    roles = {user.champion, user.previous, user.shadow} if user else set()
    return {
        version.network.key
        for version in versions
        if version.network and (version.version in roles or now - version.created_at < YOUNG)
    }
