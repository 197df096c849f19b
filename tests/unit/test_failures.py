"""What a log says of an error: what it was and where, and nothing that it may quote."""

import pytest

from swipr.aws.errors import AwsError
from swipr.failures import describe


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_an_error_s_own_words_are_not_said() -> None:
    assert "secret" not in describe(raised(ValueError("token secret")))
    assert describe(raised(ValueError("token secret"))).startswith("ValueError at test_failures.py:")


def test_a_refusal_of_aws_is_said_by_service_operation_and_code() -> None:
    answer = {"Error": {"Code": "AccessDeniedException", "Message": "User: arn:aws:sts::1:secret"}}

    said = describe(raised(AwsError("dynamodb", "get_item", "AccessDeniedException", answer)))

    assert said.startswith("AwsError (dynamodb get_item: AccessDeniedException) at test_failures.py:")
    assert "secret" not in said


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert describe(KeyError("x")) == "KeyError"
