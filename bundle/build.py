"""Build what is deployed into .aws-sam/build: `make build`, then `sam deploy`."""

import argparse
import shutil
import sys
from pathlib import Path

from bundle import contents, sizes, stripping, tools
from bundle.tools import ROOT, BuildError

BUILD = ROOT / ".aws-sam" / "build"
LAYERS = {"CommonLayer": "common", "InferenceLayer": "inference"}


def build(target: Path, *, backbone: str | None, data: Path, architecture: str, bytecode: bool = True) -> sizes.Built:
    """Build everything anew into `target`. Raises BuildError."""
    interpreter = tools.python()
    shutil.rmtree(target, ignore_errors=True)
    print(f"sam build with {interpreter} ...", flush=True)
    tools.sam_build(ROOT, target, interpreter, ["--parameter-overrides", f"Architecture={architecture}"])
    for layer, folder in LAYERS.items():
        stripping.check_pins(target / layer, ROOT / "layers" / folder / "requirements.txt")
        stripping.strip(target / layer)
    contents.put_console(target / "CommonLayer")
    print(f"Backbone: {contents.put_backbone(target / 'InferenceLayer', backbone, data)}")
    if bytecode:
        _compile(target, interpreter)
    return sizes.measure(target)


def _compile(target: Path, interpreter: Path) -> None:
    for folder in sorted(path for path in target.iterdir() if path.is_dir()):
        contents.compile_bytecode(folder, "/opt" if folder.name in LAYERS else "/var/task", interpreter)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make build", description=__doc__)
    parser.add_argument("--backbone", help="name or folder; else the recommended one if installed, else the built-in")
    parser.add_argument("--data", type=Path, default=ROOT / ".swipr", help="data folder to look for backbones in")
    parser.add_argument("--architecture", choices=["x86_64", "arm64"], default="x86_64")
    parser.add_argument("--target", type=Path, default=BUILD)
    parser.add_argument("--no-bytecode", action="store_true", help="to measure what bytecode brings")
    chosen = parser.parse_args(arguments)
    try:
        built = build(
            chosen.target.resolve(),
            backbone=chosen.backbone,
            data=chosen.data,
            architecture=chosen.architecture,
            bytecode=not chosen.no_bytecode,
        )
        print(sizes.table(built))
        sizes.refuse_large(built)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
