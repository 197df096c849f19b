"""What is said of an error in a log: its kind and where, never its words, which may quote tokens or addresses."""

import traceback
from pathlib import PurePath


def describe(error: BaseException) -> str:
    """For example `KeyError at app.py:12 lambda_handler < session.py:90 act`; innermost place last."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return f"{type(error).__name__} at {places}" if places else type(error).__name__
