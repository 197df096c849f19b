"""Which keys an object may have, in every world."""

import re

from swipr.errors import InputError

_CHARACTERS = re.compile(r"[A-Za-z0-9._=/-]*")
_KEY_CHARACTERS = 1024  # as S3 has it
_PART_CHARACTERS = 255  # as file systems have it


def check_key(key: str) -> str:
    """The key itself. Raises InputError unless it is one `Blobs` allows."""
    check_prefix(key)
    if not key or key.endswith("/"):
        raise InputError("key", "has an empty part")
    if key.rpartition("/")[2] in (".", ".."):
        raise InputError("key", "has a dot part")
    return key


def check_listed(key: str) -> str:
    """A key as a listing gave it: whoever else puts objects there may have used characters that ours do not.

    Raises InputError for what could lead out of the bucket.
    """
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise InputError("key", "has an empty or dot part")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself. Raises InputError unless some key could begin so."""
    if not _CHARACTERS.fullmatch(prefix):
        raise InputError("key", "has a character other than A-Z a-z 0-9 . _ = / -")
    if len(prefix) > _KEY_CHARACTERS:
        raise InputError("key", f"is longer than {_KEY_CHARACTERS} characters")
    if any(len(part) > _PART_CHARACTERS for part in prefix.split("/")):
        raise InputError("key", f"has a part longer than {_PART_CHARACTERS} characters")
    if any(part in ("", ".", "..") for part in prefix.split("/")[:-1]):
        raise InputError("key", "has an empty or dot part")
    return prefix
