"""An account of AWS to deploy to: SAM as a program that notes what it is told, and the services it would change."""

import json
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from cli import deploy, deploy_stack
from swipr.aws import clients as aws_clients

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ADDRESS = f"https://abc.execute-api.{REGION}.amazonaws.com"
_SAM = """#!{python}
import json, pathlib, sys
home = pathlib.Path({home!r})
told = home / "told.json"
told.write_text(json.dumps([*json.loads(told.read_text()), sys.argv[1:]]))
if (home / "sam-fails").exists():
    sys.exit(1)
name = sys.argv[sys.argv.index("--stack-name") + 1]
outputs = {{"ApiUrl": {address!r}, "SignInUrl": "https://x.auth.example", "SignInPool": "pool-1"}}
outputs["BucketName"] = f"{{name}}-{account}-{region}"
(home / "bucket").touch()
(home / "stack.json").write_text(json.dumps({{"status": "CREATE_COMPLETE", "outputs": outputs}}))
"""


class RefusedError(Exception):
    """Stands for a crash."""


class Account:
    """`folder` holds what SAM was told, the stack as it left it, and the built template."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.users: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.said: list[str] = []
        self.builds: list[Sequence[str]] = []
        self.failing: dict[str, str] = {}
        """Operation -> code with which it is refused."""
        self.deleted: list[str] = []
        self.sams_status: str | None = None
        self.network = b"network"
        self.next_states: list[str | None] = []
        (folder / "told.json").write_text("[]")
        sam = folder / "sam"
        text = _SAM.format(python=sys.executable, home=str(folder), address=ADDRESS, account=ACCOUNT, region=REGION)
        sam.write_text(text)
        sam.chmod(sam.stat().st_mode | stat.S_IXUSR)
        self.tools = deploy.Tools(
            run=self._run,
            clients=lambda region: self._client,
            ask=None,
            say=self.said.append,
            sleep=lambda seconds: None,
            sam=sam,
            build=folder / "build",
        )

    # --- what was done

    @property
    def sam_calls(self) -> list[list[str]]:
        return json.loads((self.folder / "told.json").read_text())

    def parameters(self, call: int) -> dict[str, str]:
        told = self.sam_calls[call]
        pairs = [text.partition("=") for text in told[told.index("--parameter-overrides") + 1 :]]
        assert all(value.startswith('"') and value.endswith('"') for _, _, value in pairs)
        return {name: value[1:-1] for name, _, value in pairs}

    def set_stack(self, status: str, **outputs: str) -> None:
        (self.folder / "stack.json").write_text(json.dumps({"status": status, "outputs": outputs}))

    # --- the outside

    def _run(self, arguments: Sequence[str], environment: Any) -> int:
        if "bundle.build" not in arguments:
            return deploy_stack.run(arguments, environment)
        self.builds.append(arguments)
        if "build" in self.failing:
            return 1
        backbone = self.tools.build / "InferenceLayer/python/backbone"
        backbone.mkdir(parents=True, exist_ok=True)
        (backbone / "backbone.onnx").write_bytes(self.network)
        (self.tools.build / "template.yaml").write_text("Resources: {}")
        return 0

    def _client(self, service: str) -> Any:
        return _Bucket(self) if service == "s3" else _Service(self, service)

    def answer(self, operation: str, **asked: Any) -> Any:
        self.asked.append(operation)
        if code := self.failing.get(operation):
            raise ClientError({"Error": {"Code": code, "Message": f"said by {operation}"}}, operation)
        return getattr(self, f"_{operation}")(**asked)

    def _get_caller_identity(self) -> Any:
        return {"Account": ACCOUNT}

    def _describe_stacks(self, StackName: str) -> Any:
        if StackName == deploy_stack.SAMS:
            return self._sams()
        if self.next_states:
            self._become(self.next_states.pop(0))
        file = self.folder / "stack.json"
        if not file.is_file():
            words = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": words}}, "DescribeStacks")
        stack = json.loads(file.read_text())
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stack["outputs"].items()]
        return {"Stacks": [{"StackStatus": stack["status"], "Outputs": outputs}]}

    def _sams(self) -> Any:
        if self.sams_status is None:
            words = f"Stack with id {deploy_stack.SAMS} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": words}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.sams_status}]}

    def _become(self, status: str | None) -> None:
        if status is None:
            (self.folder / "stack.json").unlink()
        else:
            self.set_stack(status)

    def _delete_stack(self, StackName: str) -> None:
        self.deleted.append(StackName)
        if StackName == deploy_stack.SAMS:
            self.sams_status = None
            return
        before = json.loads((self.folder / "stack.json").read_text())["status"]
        self.next_states = [before, "DELETE_IN_PROGRESS", None]  # CloudFormation may still tell of before

    def _admin_create_user(self, **asked: Any) -> None:
        if asked["Username"] in self.users:
            raise ClientError({"Error": {"Code": "UsernameExistsException", "Message": "x"}}, "AdminCreateUser")
        self.users[asked["Username"]] = asked


class _Bucket:
    """moto's, but that it is only there once SAM has made it."""

    def __init__(self, account: Account) -> None:
        self._account, self._client = account, aws_clients.s3()
        self.meta = self._client.meta

    def head_bucket(self, Bucket: str) -> Any:
        if not (self._account.folder / "bucket").exists():
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadBucket")

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)


class _Service:
    def __init__(self, account: Account, name: str) -> None:
        self._account = account
        self.meta = SimpleNamespace(service_model=SimpleNamespace(service_name=name))

    def __getattr__(self, operation: str) -> Any:
        return lambda **asked: self._account.answer(operation, **asked)
