"""A card's row is the mean of its photos' rows, made without numpy."""

import numpy as np
import pytest

from swipr.errors import ModelError
from swipr.features import mean_row


def test_the_mean_of_rows_is_numpys():
    rows = np.random.default_rng(3).normal(size=(5, 2704)).astype("<f2")

    made = np.frombuffer(mean_row([row.tobytes() for row in rows]), "<f2")

    np.testing.assert_array_equal(made, rows.astype(np.float64).mean(axis=0).astype("<f2"))


@pytest.mark.parametrize("rows", [[], [b""], [b"\0"], [b"\0\0", b"\0\0\0\0"], [b"\x00\x7c"], [b"\x00\x7e", b"\0\0"]])
def test_rows_that_do_not_fit_or_are_not_finite_are_refused(rows):
    with pytest.raises(ModelError):
        mean_row(rows)
