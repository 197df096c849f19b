"""A head's bytes are a head or an error, nothing in between."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swipr.errors import ModelError
from swipr.heads import MAX_BYTES, Head, pack, unpack, weight_vector

SHA = hashlib.sha256(b"backbone").hexdigest()


def make(dimensions=3, **changes):
    values = {
        "backbone": SHA, "bias": 0.5, "slope": 1.5, "intercept": -0.25, "threshold": 0.4,
        "unsure_low": 0.35, "unsure_high": 0.45, "weights": b"\x00\x00\x80\x3f" * dimensions,
    }  # fmt: skip
    return Head(**(values | changes))


@given(st.floats(-1e9, 1e9), st.integers(1, 40))
def test_what_is_packed_comes_back(bias, dimensions):
    head = make(dimensions, bias=bias)

    assert unpack(pack(head)) == head
    assert weight_vector(head).tolist() == [1.0] * dimensions


def test_every_flipped_bit_is_refused():
    data = pack(make())

    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with pytest.raises(ModelError):
                unpack(bytes(flipped))


def test_every_shortened_head_is_refused():
    data = pack(make())

    for length in range(len(data)):
        with pytest.raises(ModelError):
            unpack(data[:length])


@pytest.mark.parametrize("field", ["bias", "slope", "threshold", "unsure_high"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_not_packed(field, value):
    with pytest.raises(ModelError, match="finite"):
        pack(make(**{field: value}))


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ModelError, match="finite"):
        weight_vector(make(weights=b"\x00\x00\xc0\x7f"))


def test_numbers_that_do_not_fit_together_are_refused():
    one, endless = b"\0\0\0\0\0\0\xf0\x3f", b"\0\0\0\0\0\0\xf0\x7f"
    body = pack(make(bias=1.0))[:-32].replace(one, endless, 1)

    with pytest.raises(ModelError, match="fit together"):
        unpack(body + hashlib.sha256(body).digest())


def test_the_largest_recommended_head_fits_and_a_larger_does_not():
    assert len(pack(make(2704))) < MAX_BYTES

    with pytest.raises(ModelError, match="more than"):
        pack(make(2800))


def test_scores_are_probabilities_even_far_out():
    assert make().score(1e9) == pytest.approx(1)
    assert make().score(-1e9) == pytest.approx(0)
    assert make(slope=1.0, intercept=0.0).score(0) == 0.5
