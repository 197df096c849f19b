"""What is left out of the layers, with reasons. The built functions are run afterwards, in tests/integration."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from bundle.tools import BuildError

#: In any folder: nothing that a running program reads.
ANYWHERE = (
    "**/tests", "**/*.dist-info", "*.data", "bin", "**/__pycache__", "**/*.pyi", "**/py.typed", "**/*.pxd", "**/*.h",
    "**/*.c", "**/*.a", "**/*.md", "requirements.txt",
)  # fmt: skip
IN_LAYER = {
    "CommonLayer": ("boto3/examples",),
    "InferenceLayer": (
        "onnxruntime/capi/libonnxruntime.so*",  # the engine a second time, 29 MB; the Python module has its own
        "onnxruntime/backend", "onnxruntime/datasets", "onnxruntime/quantization", "onnxruntime/tools",
        "onnxruntime/transformers", "google", "flatbuffers", "packaging",  # for making networks, not for running them
        "numpy/distutils", "numpy/f2py", "numpy/typing",
        "PIL/_avif*", "PIL/_imagingft*", "PIL/_imagingtk*",  # no such photos, no text, no windows
        "pillow.libs/libavif-*", "pillow.libs/libbrotli*", "pillow.libs/libfreetype-*", "pillow.libs/libharfbuzz-*",
    ),
}  # fmt: skip
#: Of the 400 services botocore describes (26 MB), those the policies in `template.yaml` name.
SERVICES = frozenset({"dynamodb", "kms", "lambda", "s3", "sagemaker", "sqs"})
_DISTRIBUTION = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.dist-info")


def check_pins(layer: Path, requirements: Path) -> None:
    """Raise BuildError unless exactly the pinned distributions are in the layer's `python` folder."""
    wanted = pins(requirements.read_text("utf-8"))
    found = {}
    for folder in (layer / "python").glob("*.dist-info"):
        if named := _DISTRIBUTION.fullmatch(folder.name):
            found[_plain(named["name"])] = named["version"]
    if found != wanted:
        differ = sorted({f"{name} {version}" for name, version in found.items() ^ wanted.items()})
        raise BuildError(f"{layer.name} does not hold what {requirements.parent.name}/ pins: {', '.join(differ)}")


def pins(text: str) -> dict[str, str]:
    """Name and version of each `name==version` line."""
    return {_plain(name): version for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.M)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def strip(layer: Path) -> None:
    """Remove from the layer what no function needs."""
    root = layer / "python"
    for pattern in (*ANYWHERE, *IN_LAYER[layer.name]):
        _remove(sorted(root.glob(pattern)))
    _remove(
        service
        for service in sorted((root / "botocore" / "data").glob("*/"))
        if service.is_dir() and service.name not in SERVICES
    )


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
