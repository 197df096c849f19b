"""The handlers of a template, loaded from their folders and called as Lambda calls them."""

import importlib.util
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from local.application import Function
from local.intrinsics import TemplateError

Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Context:
    """Lambda's context object. `deadline` is read anew each time: it moves closer when the runtime stops."""

    function_name: str
    memory_limit_in_mb: int
    deadline: Callable[[], float]
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    log_group_name: str = "local"
    log_stream_name: str = "local"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline() - time.monotonic()) * 1000))


class Functions:
    """Calls handlers in threads of this process; they can be asked to finish, not be stopped.

    Those named in `one_at_a_time` get one event at a time, as each environment on Lambda does: Powertools keeps the
    request it works on in a class attribute, so two at once would see each other's user.
    """

    def __init__(self, functions: Mapping[str, Function], *, one_at_a_time: Collection[str] = ()) -> None:
        """Load every handler. Raises TemplateError naming one that is not there."""
        self._functions = functions
        turns = Lock()  # one for all: what must not be shared may be shared between files, too
        self._turns = dict.fromkeys(one_at_a_time, turns)
        self._modules: dict[Path, ModuleType] = {}
        self._handlers: dict[str, Handler] = {name: self._load(function) for name, function in functions.items()}
        self._last_call = float("inf")
        self._running = 0
        self._counting = Lock()

    def __call__(self, name: str, event: Any) -> Any:
        with self._turns.get(name) or nullcontext():
            return self._call(name, event)

    def _call(self, name: str, event: Any) -> Any:
        deadline = time.monotonic() + self._functions[name].timeout_s
        context = Context(name, self._functions[name].memory_mb, lambda: min(deadline, self._last_call))
        with self._counting:
            self._running += 1
        try:
            return self._handlers[name](event, context)
        finally:
            with self._counting:
                self._running -= 1

    def end_time(self) -> None:
        """Tell running handlers, and all that are called from now on, that their time is over."""
        self._last_call = time.monotonic()

    def finish(self, within_s: float) -> bool:
        """Wait for running handlers; True if all have ended."""
        until = time.monotonic() + within_s
        while self._running and time.monotonic() < until:
            time.sleep(0.02)
        return not self._running

    def _load(self, function: Function) -> Handler:
        module_name, _, attribute = function.handler.rpartition(".")
        path = (function.code / f"{module_name}.py").resolve()
        if not path.is_file():
            raise TemplateError(f"{function.name}: its handler file {path} is not there; correct CodeUri or Handler")
        if path not in self._modules:
            self._modules[path] = _import(path, f"_swipr_function_{len(self._modules)}_{path.parent.name}")
        handler = getattr(self._modules[path], attribute, None)
        if not callable(handler):
            raise TemplateError(f"{function.name}: {path} has no function {attribute!r}; correct Handler")
        called: Handler = handler
        return called


def _import(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TemplateError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their module up
    spec.loader.exec_module(module)
    return module
