"""A pack of feature rows is whole or refused."""

from datetime import UTC, datetime, timedelta

import pytest

from swipr.errors import LabelError
from swipr.learning import feature_pack
from swipr.learning.feature_pack import Key

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ROWS = {Key("folder:ä/1", AT): b"abcd", Key("tinder:2", AT + timedelta(seconds=1)): b"efgh"}


def test_what_is_packed_comes_back():
    assert feature_pack.unpack(feature_pack.pack(ROWS)) == ROWS
    assert feature_pack.unpack(feature_pack.pack({})) == {}


def test_every_changed_or_missing_byte_is_refused():
    data = feature_pack.pack(ROWS)

    for place in range(len(data)):
        with pytest.raises(LabelError):
            feature_pack.unpack(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(LabelError):
            feature_pack.unpack(data[:place])


def test_rows_of_different_lengths_are_not_packed():
    with pytest.raises(LabelError):
        feature_pack.pack({**ROWS, Key("tinder:3", AT): b"x"})
