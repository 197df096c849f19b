"""How large the built functions and layers are, and that they stay small."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bundle.tools import BuildError

MB = 1_000_000
LARGEST = 150 * MB  # unzipped, a function with its layers; Lambda refuses above 250 MiB


class Size(NamedTuple):
    """Bytes."""

    unzipped: int
    zipped: int


class Built(NamedTuple):
    """Functions with the layers they name, and all folders with their sizes."""

    functions: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, Size]

    def whole(self, function: str) -> int:
        """Bytes of a function with its layers, unzipped."""
        return sum(self.sizes[name].unzipped for name in (function, *self.functions[function]))


def measure(build: Path) -> Built:
    """Read the built template in `build` and measure every folder it names."""
    resources = yaml.safe_load((build / "template.yaml").read_text("utf-8"))["Resources"]
    functions = {
        name: tuple(layer["Ref"] for layer in body["Properties"].get("Layers", ()))
        for name, body in resources.items()
        if body["Type"] == "AWS::Serverless::Function"
    }
    names = sorted({*functions, *(layer for layers in functions.values() for layer in layers)})
    return Built(functions, {name: _size(build / _folder(resources[name])) for name in names})


def _folder(resource: Mapping[str, Any]) -> str:
    properties = resource["Properties"]
    return str(properties.get("CodeUri") or properties["ContentUri"])


def _size(folder: Path) -> Size:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    return Size(sum(path.stat().st_size for path in files), packed.tell())


def table(built: Built) -> str:
    """The sizes as a table for a person, in MB."""
    layers = [name for name in built.sizes if name not in built.functions]
    rows = [("", "unzipped", "zipped", "with layers, unzipped")]
    rows += [(name, *_shown(built.sizes[name]), "") for name in layers]
    rows += [(name, *_shown(built.sizes[name]), f"{built.whole(name) / MB:.1f} MB") for name in built.functions]
    return "\n".join(f"{name:<16}{unzipped:>12}{zipped:>12}{whole:>24}" for name, unzipped, zipped, whole in rows)


def _shown(size: Size) -> tuple[str, str]:
    return f"{size.unzipped / MB:.2f} MB", f"{size.zipped / MB:.2f} MB"


def refuse_large(built: Built, largest: int = LARGEST) -> None:
    """Raise BuildError naming each function that is too large with its layers."""
    large = [f"{name} has {built.whole(name) / MB:.1f} MB" for name in built.functions if built.whole(name) > largest]
    if large:
        raise BuildError(f"Too large with its layers, at most {largest / MB:.0f} MB: {'; '.join(large)}.")
