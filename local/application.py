"""What a template asks of this machine: the values the runner works from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Function:
    """One handler. `handler` is `module.function` inside the folder `code`."""

    name: str
    code: Path
    handler: str
    environment: Mapping[str, str]
    memory_mb: int
    timeout_s: int
    async_retries: int
    async_max_age_s: int
    failures_to: str | None
    """Queue that keeps events of schedules and uploads which this function could not handle."""


@dataclass(frozen=True)
class Route:
    """`path` as API Gateway writes it, for example `/v1/{proxy+}`; `method` may be `ANY`."""

    method: str
    path: str
    function: str
    scopes: tuple[str, ...] | None
    """A token must carry one of these; None: no token is asked for."""

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class QueueSpec:
    name: str
    visibility_s: int
    retention_s: int
    dead_letters: str | None = None
    max_receives: int | None = None


@dataclass(frozen=True)
class QueueTrigger:
    queue: str
    function: str
    batch_size: int
    concurrency: int


@dataclass(frozen=True)
class Schedule:
    name: str
    function: str
    every_s: float
    max_age_s: int
    retries: int


@dataclass(frozen=True)
class BlobTrigger:
    """An object created under `prefix`, ending in `suffix`, calls the function."""

    name: str
    function: str
    prefix: str
    suffix: str


@dataclass(frozen=True)
class Bucket:
    name: str
    expiry: tuple[tuple[str, int], ...]
    """Prefix and the days after which an object under it is deleted."""


@dataclass(frozen=True)
class Application:
    functions: Mapping[str, Function]
    routes: tuple[Route, ...]
    queues: Mapping[str, QueueSpec]
    queue_triggers: tuple[QueueTrigger, ...]
    schedules: tuple[Schedule, ...]
    blob_triggers: tuple[BlobTrigger, ...]
    tables: tuple[str, ...]
    bucket: Bucket | None
