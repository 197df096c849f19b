"""What is said of an error in a log: its kind and where, not its words, which may quote tokens or addresses.

An error whose own words never quote anything says so by an attribute `plain_words`, which are logged too.
"""

import traceback
from pathlib import PurePath


def describe(error: BaseException) -> str:
    """For example `KeyError at app.py:12 lambda_handler < session.py:90 act`; innermost place last.

    With plain words: `AwsError (dynamodb get_item: AccessDeniedException) at ...`.
    """
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    words: str = getattr(error, "plain_words", "")
    kind = f"{type(error).__name__} ({words})" if words else type(error).__name__
    return f"{kind} at {places}" if places else kind
