"""What is put into the layers beside what SAM puts there: the console, the backbone, and bytecode."""

import shutil
import subprocess
from pathlib import Path

from bundle.tools import ROOT, BuildError
from local import backbone_folder, backbones, recommended
from swipr.errors import SwiprError

CONSOLE_SUFFIXES = (".css", ".html", ".js", ".svg")
_FILES = (backbone_folder.GRAPH, backbone_folder.REFERENCE, backbone_folder.CARD)


def put_console(layer: Path) -> None:
    target = layer / "python" / "console"
    target.mkdir()
    for file in sorted((ROOT / "console").iterdir()):
        if file.suffix in CONSOLE_SUFFIXES:
            shutil.copyfile(file, target / file.name)


def put_backbone(layer: Path, named: str | None, data: Path) -> str:
    """Copy a sound backbone into the layer; which it is, in words. Raises BuildError."""
    try:
        folder = chosen_backbone(named, data)
        card = backbone_folder.check(folder)
    except SwiprError as error:
        raise BuildError(f"The backbone cannot be used: {error}") from error
    target = layer / "python" / "backbone"
    target.mkdir()
    for name in _FILES:
        shutil.copyfile(folder / name, target / name)
    return f"{card['name']} ({card['licence']}), sha256 {card['sha256'][:12]}"


def chosen_backbone(named: str | None, data: Path) -> Path:
    """The one named; else the recommended one if the data folder has it; else the built-in one."""
    if named is not None:
        return backbones.find(data, named)
    installed = backbones.home(data) / recommended.NAME
    return installed if installed.is_dir() else backbones.SHIPPED / backbones.BUILT_IN


def compile_bytecode(folder: Path, deployed_at: str, interpreter: Path) -> None:
    """Compile every module below `folder` for good: never compared with its source, which nobody can change there.

    `deployed_at` is where Lambda puts the folder: the bytes do not depend on where it was built. Raises BuildError.
    """
    arguments = [
        str(interpreter), "-I", "-m", "compileall", "-q", "-f", "-j", "0", "--invalidation-mode", "unchecked-hash",
        "-s", str(folder), "-p", deployed_at, str(folder),
    ]  # fmt: skip
    ran = subprocess.run(arguments, capture_output=True, text=True, timeout=600)  # noqa: S603  our own arguments
    if ran.returncode:
        raise BuildError(f"{folder.name} does not compile:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
