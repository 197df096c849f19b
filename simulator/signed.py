"""Signed photo addresses that expire, in the manner of the service's photo host."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping


def signed_query(secret: bytes, path: str, expires_at: float) -> str:
    policy = base64.urlsafe_b64encode(json.dumps({"path": path, "expires": expires_at}).encode()).decode()
    return f"Policy={policy}&Signature={_signature(secret, policy)}&Key-Pair-Id=SIMULATOR"


def is_valid(secret: bytes, path: str, query: Mapping[str, str], now: float) -> bool:
    """The signature is ours, of this path, and not over. Times are seconds since 1970."""
    policy = query.get("Policy", "")
    if not hmac.compare_digest(_signature(secret, policy).encode(), query.get("Signature", "").encode()):
        return False
    stated = json.loads(base64.urlsafe_b64decode(policy))
    return bool(stated["path"] == path and now < stated["expires"])


def _signature(secret: bytes, policy: str) -> str:
    return hmac.new(secret, policy.encode(), hashlib.sha256).hexdigest()
