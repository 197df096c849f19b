"""Where a fake is not as AWS is: a test that shows it is expected to fail there, and must not pass unnoticed.

What the set-up evens out, so that no test shows it:
- moto copies whole tables for each transaction and puts them back when it refuses one: its requests come one at a time
  (moto_world.py), and many records are 220 there (conftest.py).
- moto deletes nothing that has expired, and the emulator each minute by the clock on the wall, which is not the tests':
  it is not told of expiry (emulator_world.py), and `expire` deletes in both as DynamoDB would.
- moto knows no rights; the emulator's are in force, and its stacks are made and used by the account's owner.
"""

from collections.abc import Iterator

import pytest

# What S3 does, in docs.aws.amazon.com/AmazonS3/latest: userguide/using-presigned-url.html (method, key and time are
# signed), API/sigv4-HTTPPOSTConstructPolicy.html (conditions of a form), API/ErrorResponses.html (codes, statuses).
_UNSIGNED = "moto checks neither signature nor time of an address; S3 answers 403"
_ANY_METHOD = (
    "moto checks neither signature nor method of an address; S3 signs the method, and answers another with 403"
)
_ANY_FORM = "moto checks nothing of a form: no policy, signature or time; S3 answers 403"
_ANY_SIZE = "moto checks nothing of a form; S3 answers a size outside content-length-range with 400"

#: By world, as the parameter of the port's fixture names it, and test: why.
KNOWN_DIFFERENCES = {
    "s3": {
        "test_an_address_of_another_object_cannot_be_made_of_it": _UNSIGNED,
        "test_an_address_with_another_signature_is_refused": _UNSIGNED,
        "test_an_address_is_refused_when_its_time_is_over": _UNSIGNED,
        "test_an_address_is_for_reading_only": _ANY_METHOD,
        "test_a_form_takes_no_other_key": _ANY_FORM,
        "test_a_form_with_another_signature_is_refused": _ANY_FORM,
        "test_a_form_without_its_signature_is_refused": _ANY_FORM,
        "test_a_form_is_refused_when_its_time_is_over": _ANY_FORM,
        "test_a_form_takes_nothing_outside_its_sizes": _ANY_SIZE,
    },
}


def expect(item: pytest.Function) -> None:
    """Mark the test as one that fails, if that is known of its world."""
    for reason in _reasons(item):
        item.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError))


def _reasons(item: pytest.Function) -> Iterator[str]:
    worlds = item.callspec.params.values() if hasattr(item, "callspec") else ()
    for world in worlds:
        known = KNOWN_DIFFERENCES.get(world, {}) if isinstance(world, str) else {}
        if item.originalname in known:
            yield known[item.originalname]
