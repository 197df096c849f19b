"""What a stack needs in its bucket: the page's big files, and the code of training jobs."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cli.deploy_answers import ROOT
from cli.deploy_stack import DeployError
from local import backbones, recommended
from local.backbone_folder import GRAPH
from local.download import DownloadError
from swipr.api import console_files
from swipr.aws.errors import call
from swipr.aws.s3 import S3Blobs
from swipr.aws.sagemaker import CODE
from swipr.errors import ModelError

#: What a training job imports and reads, as swipr/aws/sagemaker.py says.
FOLDERS = ("backbones", "layers/common", "local", "training")
_LEFT_OUT = {"__pycache__", ".ipynb_checkpoints"}
_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the same files make the same bytes


def default_backbone(data: Path) -> str:
    """As `make build` chooses: the recommended one if it is installed, else the built-in one."""
    installed = backbones.home(data) / recommended.NAME
    return recommended.NAME if installed.is_dir() else backbones.BUILT_IN


def check_backbone(s3: Any, bucket: str, build: Path) -> None:
    """Raise DeployError if another one was deployed before: what people have labelled would teach no more."""
    deployed = console_files.listed(S3Blobs(s3, bucket)).get(GRAPH) if bucket else None
    if deployed and deployed.sha256 != hashlib.sha256(_network(build).read_bytes()).hexdigest():
        raise DeployError(
            f"the stack runs another backbone (sha256 {deployed.sha256[:12]}) than this build holds, and features of "
            "two cannot be mixed. Name that one by --backbone, make a stack of its own by --stack, or, if labels given "
            "so far may be lost to learning, deploy again with --other-backbone"
        )


def _network(build: Path) -> Path:
    network = build / "InferenceLayer" / "python" / "backbone" / GRAPH
    if not network.is_file():
        raise DeployError("the build holds no backbone; leave --no-build out")
    return network


def put_console_files(s3: Any, bucket: str, build: Path) -> list[str]:
    """The keys of what was put; nothing where all was there. Raises AwsError and DeployError."""

    def put(key: str, body: bytes, *, content_type: str) -> None:
        kept = "no-cache" if key.endswith(console_files.LIST) else console_files.KEEP
        call(s3, "put_object", Bucket=bucket, Key=key, Body=body, ContentType=content_type, CacheControl=kept)

    return console_files.publish({GRAPH: _network(build)}, S3Blobs(s3, bucket), put)


def put_training_code(s3: Any, bucket: str, weights: Path | None, say: Callable[[str], None]) -> str:
    """The key of the archive that was put. Raises AwsError and DeployError."""
    body = training_code(_weights(weights, say))
    call(s3, "put_object", Bucket=bucket, Key=CODE, Body=body, ContentType="application/zip")
    return CODE


def training_code(weights: bytes) -> bytes:
    """The archive: the folders as they are, and `weights/` with the network to begin with."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files():
            archive.writestr(_entry(path.relative_to(ROOT).as_posix()), path.read_bytes())
        archive.writestr(_entry(f"weights/{recommended.FILE}"), weights)
    return packed.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _NO_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not _LEFT_OUT & set(path.parts) and path.suffix != ".pyc":
                yield path


def _weights(folder: Path | None, say: Callable[[str], None]) -> bytes:
    """Of a folder that holds the file, else from the address that published it."""
    try:
        if folder is not None:
            return recommended.from_weights(folder)
        say(f"Fetching the network that training begins with ({recommended.PINNED.size / 1e6:.0f} MB) ...")
        return recommended.fetched(None, lambda got: None)  # noqa: ARG005
    except (ModelError, DownloadError) as error:
        raise DeployError(
            f"training jobs need the recommended network to begin with: {error}. Name a folder that holds "
            f"{recommended.FILE} by --weights or SWIPR_WEIGHTS, then deploy again"
        ) from None
