"""One machine as the cloud: reads the template, opens the data folder, and runs the handlers until told to stop."""

import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Self

from local import backbone_folder, durable, world
from local.application import Application, Function
from local.blob_door import BlobDoor
from local.blobs import FileBlobs
from local.chaos import Calm, Chaos
from local.data_folder import DataFolder, open_folder
from local.database import Database
from local.dead_letters import LocalLetters
from local.expiry import Expiry
from local.functions import Functions
from local.gateway import Gateway
from local.health import health
from local.inbox import InboxWatch, objects_folder
from local.judge_process import JudgeProcess
from local.notebooks import sweep
from local.pump import Announcer, Pump, redrive_of
from local.queue import SqliteQueue
from local.secrets import AesSecrets, derive_key
from local.sign_in import SignIn
from local.store import SqliteStore
from local.template import environment_of, read_application
from local.users import LocalUsers
from local.web_server import LOOPBACK, WebServer
from swipr import bootstrap
from swipr.api import console_files
from swipr.errors import ModelError
from swipr.failures import describe
from swipr.judging import Judge, JudgeRequest

RUNTIME_FILE = "runtime.json"
FINISH_S = 10.0
#: Objects come from the page's own origin, and a one-use token signs in: see swipr/settings.py.
OF_THIS_MACHINE = {"OBJECTS_ORIGIN": "", "SIGN_IN_URL": "", "SIGN_IN_CLIENT": ""} | {
    "POWERTOOLS_METRICS_DISABLED": "true"  # nobody collects them here, and standard output is for people
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Runtime:
    """The handlers of a template over one data folder, at one loopback address.

    `environment` replaces variables by name; `schedule_every_s` replaces the rate of every schedule; `chaos_seed`
    doubles, delays, shuffles and skips deliveries, the same way for the same seed.
    """

    _gateway: Gateway

    def __init__(
        self,
        template: Path,
        data_folder: Path,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        parameters: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        schedule_every_s: float | None = None,
        chaos_seed: int | None = None,
        now: Callable[[], datetime] = _utc_now,
        log: logging.Logger | None = None,
    ) -> None:
        self._template, self._data_folder = template, data_folder
        self._host, self._port = host, port
        self._parameters, self._environment = parameters or {}, environment or {}
        self._schedule_every_s = schedule_every_s
        self._chaos = Calm() if chaos_seed is None else Chaos(chaos_seed)
        self._now, self._log = now, log or logging.getLogger("swipr.local")
        self._stopping = threading.Event()
        self._cleanup = ExitStack()

    # --- life

    def start(self) -> None:
        """Raises TemplateError, DataFolderError, OSError (database, port) or ValueError (host); nothing stays open."""
        with ExitStack() as stack:
            folder = stack.enter_context(open_folder(self._data_folder))
            self._open_parts(stack, folder)
            self._open_handlers(stack)
            self._open_doors(stack, folder)
            self._cleanup = stack.pop_all()

    def stop(self, finish_s: float = FINISH_S) -> None:
        """Begin nothing more, let running handlers finish, close everything. Safe to call twice."""
        self._pump.stop()
        self._functions.end_time()
        if not (self._pump.finish(finish_s) and self._functions.finish(finish_s)):
            self._log.warning("a handler still ran after %g s and was left", finish_s)
        self._cleanup.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    # --- what the one who started it may use

    @property
    def address(self) -> str:
        """For example `http://127.0.0.1:8765`."""
        return f"http://{LOOPBACK}:{self._server.port}"

    def one_use_token(self, user_id: str) -> str:
        """For the address's fragment: `/#token=...`; good once, for ten minutes. Adds the user if there is none."""
        self.users.add(user_id)
        return self._sign_in.one_use_token(user_id)

    # --- opening, in the order things need each other

    def _open_parts(self, stack: ExitStack, folder: DataFolder) -> None:
        self._server = WebServer(lambda *call: self._gateway(*call), host=self._host, port=self._port)
        stack.callback(self._server.stop)
        self.application = self._read_template()
        self._shared = environment_of(self._in_process())
        database = Database(folder.database)
        stack.callback(database.close)
        self.store = SqliteStore(database)
        self.queue = self._open_queue(database)
        self._announce = Announcer(self.application.blob_triggers, self.queue, self._now)
        self.blobs = self._open_blobs(folder)
        self.secrets = AesSecrets(folder.key)
        self._publish_console_files()
        # The folder's lock proves that whoever held these is dead.
        self.store.release_all_leases()
        self.queue.release_all()

    def _open_queue(self, database: Database) -> SqliteQueue:
        names = {"sessions": "SESSIONS_QUEUE_URL", "refits": "REFITS_QUEUE_URL"}
        named = {use: self._shared[variable] for use, variable in names.items() if variable in self._shared}
        return SqliteQueue(database, now=self._now, redrive=redrive_of(self.application), **named)

    def _open_blobs(self, folder: DataFolder) -> FileBlobs:
        return FileBlobs(
            folder.blobs,
            sign_key=derive_key(folder.key, "blob addresses"),
            base_url=lambda: self.address,
            now=self._now,
            announce=self._announce,
        )

    def _publish_console_files(self) -> None:
        """What `swipr deploy` uploads on AWS."""
        judge = self._judge_function()
        folder = judge.environment.get("BACKBONE_DIR") if judge else None
        network = Path(folder or "", backbone_folder.GRAPH)
        if folder and network.is_file():
            console_files.publish({backbone_folder.GRAPH: network}, self.blobs)

    def _open_handlers(self, stack: ExitStack) -> None:
        self.judge = self._open_judge(stack)
        stack.callback(_restore_environment, dict(os.environ))
        os.environ.update(self._shared)
        world.start(world.World(self.store, self.blobs, self.queue, self.secrets, self.judge))
        stack.callback(world.stop)
        bootstrap.forget()
        stack.callback(bootstrap.forget)
        in_process = {function.name: function for function in self._in_process()}
        over_http = {route.function for route in self.application.routes}
        self._functions = Functions(in_process, one_at_a_time=over_http)

    def _open_judge(self, stack: ExitStack) -> Judge:
        function = self._judge_function()
        if function is None:
            return _no_judge
        judge = JudgeProcess(
            _handler_file(function),
            env=function.environment,
            memory_mb=function.memory_mb,
            timeout_s=function.timeout_s,
        )
        stack.callback(judge.close)
        # Importing onnxruntime takes a second that the first session need not wait for, nor the start.
        warming = threading.Thread(target=self._warm, args=(judge,), name="judge", daemon=True)
        stack.callback(warming.join)
        stack.callback(judge.close)
        stack.callback(self._stopping.set)
        warming.start()
        return judge

    def _open_doors(self, stack: ExitStack, folder: DataFolder) -> None:
        cli_secret = secrets.token_urlsafe(32)
        self._sign_in = SignIn(derive_key(folder.key, "sign-in"), self._now, self._is_user)
        self.users = LocalUsers(self.store, self.blobs, self.queue, now=self._now, ended=self._sign_in.end)
        self._gateway = Gateway(
            self.application.routes,
            invoke=self._functions,
            timeouts_s={name: function.timeout_s for name, function in self.application.functions.items()},
            sign_in=self._sign_in,
            users=self.users,
            health=self._health,
            dead_letters=LocalLetters(self.queue, self.application.blob_triggers, self._now).answer,
            blob_door=BlobDoor(self.blobs),
            cli_secret=cli_secret,
            port=lambda: self._server.port,
            now=self._now,
            log=self._log,
        )
        self._pump = Pump(
            self.application,
            self.queue,
            objects=self.blobs,
            invoke=self._functions,
            now=self._now,
            log=self._log,
            chaos=self._chaos,
            schedule_every_s=self._schedule_every_s,
        )
        self._server.start()
        self._pump.start()
        expiry = Expiry(self.application, self.blobs, self.store, self.queue, self._now, self._log)
        stack.callback(expiry.stop)
        expiry.start()
        notebooks = partial(sweep, folder.path)
        inbox = InboxWatch(objects_folder(folder.path), self._announce, self._log, also=notebooks)
        stack.callback(inbox.stop)
        inbox.start()
        self._write_runtime_file(stack, folder, cli_secret)

    # --- the template on this machine

    def _read_template(self) -> Application:
        application = read_application(self._template, self._parameters, self._environment)
        ours = {"SWIPR_WORLD": world.__name__, "PHOTO_ORIGIN": self.address} | OF_THIS_MACHINE | dict(self._environment)
        functions = {name: _with_values(function, ours) for name, function in application.functions.items()}
        return replace(application, functions=functions)

    def _judge_function(self) -> Function | None:
        named = {f.environment.get("JUDGE_FUNCTION") for f in self.application.functions.values()}
        return next((f for name, f in self.application.functions.items() if name in named), None)

    def _in_process(self) -> list[Function]:
        """All functions but the judge, which has a process of its own."""
        judge = self._judge_function()
        return [function for function in self.application.functions.values() if function is not judge]

    def _health(self) -> dict[str, Any]:
        dead = {letters.queue for letters in redrive_of(self.application).values()}
        dead |= {each.failures_to for each in self.application.functions.values() if each.failures_to}
        return health(self.judge, sorted(dead), lambda name: sum(self.queue.counts(name)))

    def _is_user(self, user_id: str) -> bool:
        return self.users.known(user_id)

    def _warm(self, judge: JudgeProcess) -> None:
        try:
            judge.start()
        except ModelError as error:
            if not self._stopping.is_set():
                self._log.error("the judge does not start: %s", describe(error))

    def _write_runtime_file(self, stack: ExitStack, folder: DataFolder, cli_secret: str) -> None:
        """For the command line: where this runtime is, and the secret that proves the same person asks."""
        file = folder.path / RUNTIME_FILE
        content = {"address": self.address, "pid": os.getpid(), "secret": cli_secret}
        durable.write_file(file, json.dumps(content).encode(), temp=folder.path)
        stack.callback(file.unlink, missing_ok=True)


def _with_values(function: Function, values: Mapping[str, str]) -> Function:
    environment = {name: values.get(name, value) for name, value in function.environment.items()}
    return replace(function, environment=environment)


def _handler_file(function: Function) -> Path:
    return (function.code / f"{function.handler.rpartition('.')[0]}.py").resolve()


def _restore_environment(before: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


def _no_judge(request: JudgeRequest) -> NoReturn:  # noqa: ARG001 (the judge's signature)
    raise ModelError("the template has no judge: no function names one in JUDGE_FUNCTION")


def read_runtime_file(data_folder: Path) -> dict[str, Any] | None:
    """Address, pid and secret of the runtime on this folder, which may have been killed; None if there is none."""
    file = data_folder / RUNTIME_FILE
    content: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
    return content
