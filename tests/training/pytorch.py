"""Imported first: without PyTorch the whole module is skipped, or fails where SWIPR_REQUIRE_TRAINING is 1."""

import os

import pytest

#: A second thread beside other work has cost a hundredfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if os.environ.get("SWIPR_REQUIRE_TRAINING") != "1":
    pytest.importorskip("torch", reason="PyTorch is not installed here: `make training`, then `make test-training`")
