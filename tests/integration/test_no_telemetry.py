"""Loading a backbone tells nobody: onnxruntime would post each use to its maker and keep a file for that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOAD = "import sys; from swipr import backbone; backbone.load(sys.argv[1])"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it keeps its file in another place")
def test_loading_a_backbone_leaves_no_telemetry_file(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"PYTHONPATH": str(ROOT / "layers" / "common"), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}

    subprocess.run(
        [sys.executable, "-c", LOAD, str(ROOT / "backbones" / "builtin")], env=environment, timeout=60, check=True
    )

    assert list(tmp_path.iterdir()) == []
