"""The list of known differences names tests that exist."""

from pathlib import Path

from tests.contract.known_differences import KNOWN_DIFFERENCES


def test_every_known_difference_is_of_a_test_of_this_suite():
    written = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))

    for world, known in KNOWN_DIFFERENCES.items():
        assert f'"{world}", EMULATOR]' in Path(__file__).with_name("conftest.py").read_text("utf-8")
        assert [name for name in known if f"def {name}(" not in written] == []
