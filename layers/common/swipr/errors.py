"""What can go wrong, as a tree.

SwiprError
├── InputError            a person or client sent something unusable; names the field and the next step
├── NotFoundError         no such thing, or not yours
├── ConflictError         the thing changed meanwhile; read it again
│   └── InProgressError        the very same request is being worked on; ask again soon
├── KeyReusedError        an Idempotency-Key came with another request than before
├── SessionBusyError      this very session is being run elsewhere; deliver it again later
├── UnfinishedError       the time ran out over a long upload; deliver it again, it goes on where it was
├── DeckError
│   ├── DeckUnavailableError   try later (`wait_until` if the deck said when)
│   └── DeckRefusedError       do not try again until its owner has done something
├── PhotoError            one photo is unusable; costs that photo only
│   └── PhotoGoneError         and will be, however often it is asked for
├── ModelError            a backbone, head or judge answer is unusable
└── LabelError            a label cannot be stored or learned from
"""

from datetime import datetime


class SwiprError(Exception):
    """Any failure that Swipr foresees."""


class InputError(SwiprError):
    """`field` is unusable; the message says why and what to send instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NotFoundError(SwiprError):
    """`field` says which of several things that were asked for it is."""

    def __init__(self, message: str = "", field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ConflictError(SwiprError):
    pass


class InProgressError(ConflictError):
    pass


class KeyReusedError(SwiprError):
    pass


class SessionBusyError(SwiprError):
    pass


class UnfinishedError(SwiprError):
    pass


class DeckError(SwiprError):
    pass


class DeckUnavailableError(DeckError):
    """The deck cannot be read now; `wait_until` (aware UTC) is the deck's own word, if it gave one."""

    def __init__(self, message: str, wait_until: datetime | None = None) -> None:
        super().__init__(message)
        self.wait_until = wait_until


class DeckRefusedError(DeckError):
    """The deck refuses this user; the message is in plain words and names the next step."""


class PhotoError(SwiprError):
    pass


class PhotoGoneError(PhotoError):
    pass


class ModelError(SwiprError):
    pass


class LabelError(SwiprError):
    pass
