"""What the judge imports is most of its start: a fresh process shows it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"boto3", "botocore", "pydantic", "requests", "urllib3", "aws_lambda_powertools", "typer", "onnx", "sklearn"}
KEPT_OUT = {
    "swipr.models",
    "swipr.settings",
    "swipr.judging",
    "swipr.ports",
    "swipr.learning.refitting",
    "PIL.ImageCms",
}


def imported_by(statement):
    program = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    paths = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'layers/common')!r}]; "
    ran = subprocess.run(
        [sys.executable, "-c", paths + program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(ran.stdout))


def test_the_judge_imports_no_sdk_no_models_and_no_other_decoder():
    modules = imported_by("import functions.judge.app")

    assert "onnxruntime" in modules
    assert not HEAVY & modules
    assert not KEPT_OUT & modules
    decoders = {name for name in modules if name.startswith("PIL.") and name.endswith("ImagePlugin")}
    assert {"PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"} == decoders


def test_judging_photos_imports_nothing_heavy_either():
    modules = imported_by(
        "from pathlib import Path; from swipr import backbone; from swipr.photo_judge import PhotoJudge; "
        f"judge = PhotoJudge(backbone.load(Path({str(ROOT / 'backbones/builtin')!r})), 'http://127.0.0.1:1'); "
        "judge({'photos': [{'id': 'a', 'data': '/9j/'}], 'heads': []})"
    )

    assert not (HEAVY | KEPT_OUT) & modules
    assert len([name for name in modules if name.endswith("ImagePlugin")]) == 3


def test_handlers_without_arrays_import_none():
    modules = imported_by("import swipr.features, swipr.heads, swipr.judging")

    assert not {"numpy", "PIL", "onnxruntime"} & modules
