"""The `swipr` command."""

import os

# Read when numpy is loaded, so before any import: a second BLAS thread beside other work has cost a hundredfold.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
