"""Objects, messages, secrets and the judge on AWS when AWS fails: what is tried again, how often, and what is told."""

import base64
import json

import pytest

from swipr.aws import clients
from swipr.aws.errors import AwsError
from swipr.aws.kms import KmsSecrets
from swipr.aws.lambda_judge import MAX_BYTES, LambdaJudge
from swipr.aws.s3 import S3Blobs
from swipr.aws.sqs import SqsQueue
from swipr.aws.tables import Table
from swipr.errors import ModelError, NotFoundError
from swipr.models import BlobRange, ExportRequest, RefitRequest
from tests.aws_endpoint import HANG_UP, Reply, answer, endpoint_for_clients, refusal, s3_refusal
from tests.contract.values import a_session

BROKEN = Reply(500, b"")
SLOW_DOWN = s3_refusal("SlowDown", 503)
CONTEXT = {"user": "ann", "deck": "tinder"}


@pytest.fixture
def aws(monkeypatch):
    with endpoint_for_clients(monkeypatch) as service:
        yield service


# objects


@pytest.fixture
def blobs(aws):
    return S3Blobs(clients.s3(), "bucket")


@pytest.mark.parametrize(
    "reply", [s3_refusal("NoSuchKey", 404), s3_refusal("AccessDenied", 403), s3_refusal("InvalidRange", 416)]
)
def test_an_object_that_cannot_be_seen_is_not_found(aws, blobs, reply):
    aws.says(reply)

    with pytest.raises(NotFoundError):
        blobs.get("a/b")
    with pytest.raises(NotFoundError):
        blobs.get_range(BlobRange(key="a/b", first=0, last=9))
    assert len(aws.calls) == 2


def test_a_part_that_is_shorter_than_asked_for_is_not_found(aws, blobs):
    aws.says(Reply(206, b"abc"))

    with pytest.raises(NotFoundError, match="ends before byte 9"):
        blobs.get_range(BlobRange(key="a/b", first=5, last=9))


@pytest.mark.parametrize("reply", [BROKEN, SLOW_DOWN, HANG_UP])
@pytest.mark.parametrize(
    "use",
    [
        lambda blobs: blobs.put("a/b", b"1"),
        lambda blobs: blobs.get("a/b"),
        lambda blobs: blobs.keys("a/"),
        lambda blobs: blobs.delete(["a/b"]),
    ],
    ids=["put", "get", "keys", "delete"],
)
def test_a_bucket_that_keeps_failing_is_tried_three_times_and_told(aws, blobs, reply, use):
    aws.says(reply)

    with pytest.raises(AwsError) as told:
        use(blobs)
    assert str(told.value).startswith("s3 ")
    assert "token-1" not in str(told.value)
    assert len(aws.calls) == clients.TRIES


def test_a_body_that_breaks_off_is_no_object(aws, blobs):
    aws.says(Reply(200, b"half", length=8))

    with pytest.raises(AwsError, match="get_object"):
        blobs.get("a/b")


def test_putting_where_that_is_forbidden_is_no_absent_object(aws, blobs):
    aws.says(s3_refusal("AccessDenied", 403))

    with pytest.raises(AwsError, match=r"^s3 put_object: AccessDenied$"):
        blobs.put("a/b", b"1")


def deleted(*failed):
    errors = "".join(f"<Error><Key>{key}</Key><Code>InternalError</Code></Error>" for key in failed)
    return Reply(200, f"<DeleteResult>{errors}</DeleteResult>".encode())


def test_what_was_not_deleted_is_deleted_again_and_nothing_else(aws, blobs):
    aws.says(deleted("b"), deleted())

    blobs.delete(["a", "b"])

    again = aws.requests[1][1].decode()
    assert "<Key>b</Key>" in again
    assert "<Key>a</Key>" not in again


def test_what_cannot_be_deleted_is_told_after_three_times(aws, blobs):
    aws.says(deleted("b"))

    with pytest.raises(AwsError, match=r"^s3 delete_objects: InternalError$"):
        blobs.delete(["a", "b"])
    assert len(aws.calls) == 3


def test_a_thousand_are_deleted_at_a_time(aws, blobs):
    aws.says(deleted())

    blobs.delete(f"a/{number}" for number in range(2001))

    assert [body.count(b"<Key>") for _, body in aws.requests] == [1000, 1000, 1]


def listed(*keys, more=""):
    found = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    rest = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return Reply(200, f"<ListBucketResult>{found}{rest}</ListBucketResult>".encode())


def test_keys_are_read_page_by_page(aws, blobs):
    aws.says(listed("a/1", "a/2", more="next"), listed(more="last"), listed("a/3"))

    assert blobs.keys("a/") == ["a/1", "a/2", "a/3"]
    assert "continuation-token=last" in aws.calls[2]


# messages


@pytest.fixture
def queue(aws):
    return SqsQueue(clients.sqs(), sessions_url=f"{aws.url}/1/sessions", refits_url=f"{aws.url}/1/refits")


@pytest.mark.parametrize(
    "reply", [refusal("ThrottlingException"), refusal("InternalFailure", status=500), HANG_UP, BROKEN]
)
def test_a_message_that_was_not_stored_is_told_after_three_times(aws, queue, reply):
    for send in (
        lambda: queue.send_session(a_session()),
        lambda: queue.ask_refit(RefitRequest(user_id="ann")),
        lambda: queue.ask_export(ExportRequest(user_id="ann", export_id="e")),
    ):
        aws.says(reply)
        aws.requests.clear()
        with pytest.raises(AwsError, match=r"^sqs send_message: "):
            send()
        assert aws.calls == ["SendMessage"] * clients.TRIES


def test_a_queue_that_is_not_there_is_told_at_once(aws, queue):
    aws.says(refusal("QueueDoesNotExist"))

    with pytest.raises(AwsError, match="QueueDoesNotExist"):
        queue.send_session(a_session())
    assert len(aws.calls) == 1


def slots(count):
    return [a_session(f"user{number}") for number in range(count)]


def sent(aws):
    return [json.loads(body) for _, body in aws.requests]


def taken(failed=()):
    return {"Successful": [], "Failed": [{"Id": place, "SenderFault": ours, "Code": "X"} for place, ours in failed]}


def test_many_sessions_go_ten_at_a_time(aws, queue):
    aws.says(*[answer(taken()) for _ in range(3)])

    assert queue.send_sessions(slots(21)) == []
    assert [len(request["Entries"]) for request in sent(aws)] == [10, 10, 1]


def test_entries_refused_inside_an_answer_of_200_are_sent_again_and_only_they(aws, queue):
    aws.says(answer(taken([("1", False)])), answer(taken()))

    assert queue.send_sessions(slots(3)) == []
    assert [len(request["Entries"]) for request in sent(aws)] == [3, 1]


def test_entries_that_stay_refused_are_told(aws, queue):
    aws.says(answer(taken([("0", False), ("2", True)])), *[answer(taken([("0", False)]))] * 2)

    assert [one.user_id for one in queue.send_sessions(slots(3))] == ["user2", "user0"]
    assert len(aws.calls) == 3


# secrets


@pytest.fixture
def secrets(aws):
    return KmsSecrets(clients.kms(), clients.dynamodb(), key_id="key-1", users=Table("users"))


def sealed_by(aws, secrets, ciphertext=b"cipher"):
    aws.says(answer({"CiphertextBlob": base64.b64encode(ciphertext).decode(), "KeyId": "key-1"}))
    return secrets.seal(b"token-1", context=CONTEXT)


def opened(plain=b"\x01token-1", key="arn:aws:kms:eu-central-1:1:key/key-1"):
    return answer({"Plaintext": base64.b64encode(plain).decode(), "KeyId": key})


def test_the_context_goes_with_sealing_and_opening(aws, secrets):
    sealed = sealed_by(aws, secrets)
    aws.says(opened())

    assert secrets.open(sealed, context=CONTEXT) == b"token-1"
    assert [aws.body(number)["EncryptionContext"] for number in range(2)] == [CONTEXT, CONTEXT]
    assert [aws.body(number)["KeyId"] for number in range(2)] == ["key-1", "key-1"]


@pytest.mark.parametrize("code", ["InvalidCiphertextException", "IncorrectKeyException"])
def test_what_was_sealed_otherwise_does_not_open(aws, secrets, code):
    sealed = sealed_by(aws, secrets)
    aws.says(refusal(code))

    with pytest.raises(PermissionError):
        secrets.open(sealed, context=CONTEXT)


@pytest.mark.parametrize("reply", [opened(key="arn:aws:kms:eu-central-1:1:key/key-2"), opened(plain=b"\x02token-1")])
def test_what_another_key_or_program_sealed_does_not_open(aws, secrets, reply):
    sealed = sealed_by(aws, secrets)
    aws.says(reply)

    with pytest.raises(PermissionError):
        secrets.open(sealed, context=CONTEXT)


@pytest.mark.parametrize(
    ("reply", "calls"),
    [(refusal("AccessDeniedException"), 1), (refusal("ThrottlingException"), clients.TRIES), (HANG_UP, clients.TRIES)],
)
def test_a_kms_that_fails_says_nothing_about_the_secret(aws, secrets, reply, calls):
    sealed = sealed_by(aws, secrets)
    aws.says(reply)
    aws.requests.clear()

    with pytest.raises(AwsError) as told:
        secrets.open(sealed, context=CONTEXT)
    assert not isinstance(told.value, PermissionError)
    assert "token-1" not in str(told.value)
    assert len(aws.calls) == calls


def test_a_hash_key_that_somebody_else_just_made_is_the_one_used(aws, secrets):
    ours, theirs = sealed_by(aws, secrets, b"ours"), sealed_by(aws, secrets, b"theirs")
    stored = {"user_id": {"S": "#install"}, "rev": {"S": "m"}, "hash_key": {"B": base64.b64encode(theirs).decode()}}
    blob = base64.b64encode(ours[9:]).decode()
    aws.requests.clear()
    aws.says(
        answer({}),
        answer({"CiphertextBlob": blob, "KeyId": "key-1"}),
        refusal("ConditionalCheckFailedException", Item=stored),
        answer({"Item": stored}),
        opened(b"\x01" + b"k" * 32),
    )

    first = secrets.keyed_hash("tinder:1")

    assert aws.calls == ["GetItem", "Encrypt", "PutItem", "GetItem", "Decrypt"]
    assert base64.b64decode(aws.body(4)["CiphertextBlob"]) == b"theirs"
    assert secrets.keyed_hash("tinder:1") == first
    assert len(aws.calls) == 5


# the judge

REQUEST = {"photos": [{"id": "a", "data": "/9j/"}], "heads": []}
ANSWER = {"backbone": "ab", "dimensions": 2, "photos": [{"id": "a", "features": "AAA="}], "ms": 1.5}
FUNCTION_ERROR = {"X-Amz-Function-Error": "Unhandled"}


@pytest.fixture
def judge(aws):
    return LambdaJudge(clients.judge(), "Judge")


def test_the_judge_is_asked_and_its_answer_read(aws, judge):
    aws.says(answer(ANSWER))

    assert judge(REQUEST) == ANSWER
    assert aws.calls == ["POST /2015-03-31/functions/Judge/invocations"]
    assert aws.body(0) == REQUEST


def test_a_judge_that_failed_is_told_by_its_kind_alone(aws, judge):
    body = {"errorType": "InputError", "errorMessage": "https://photos/token-1 is no address"}
    aws.says(Reply(200, json.dumps(body).encode(), FUNCTION_ERROR))

    with pytest.raises(ModelError, match=r"^the judge failed: InputError$"):
        judge(REQUEST)


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"errorMessage": "token-1"}'])
def test_a_judge_that_died_is_told(aws, judge, body):
    aws.says(Reply(200, body, FUNCTION_ERROR))

    with pytest.raises(ModelError, match=r"^the judge failed: unknown$"):
        judge(REQUEST)


@pytest.mark.parametrize("body", [b"", b"no json", b"\xff", b"[]", b"{}", b'"photos"', b'{"photos": []}'])
def test_an_answer_that_is_none_is_refused(aws, judge, body):
    aws.says(Reply(200, body))

    with pytest.raises(ModelError, match="answer"):
        judge(REQUEST)


@pytest.mark.parametrize(
    ("reply", "calls"),
    [(refusal("TooManyRequestsException", status=429), 2), (BROKEN, 2), (HANG_UP, 2), (refusal("AccessDenied"), 1)],
)
def test_a_judge_that_cannot_be_asked_is_asked_once_more_at_most(aws, judge, reply, calls):
    aws.says(reply)

    with pytest.raises(ModelError, match="could not be asked"):
        judge(REQUEST)
    assert len(aws.calls) == calls


def test_an_answer_that_breaks_off_is_told(aws, judge):
    aws.says(Reply(200, json.dumps(ANSWER).encode(), length=5000))

    with pytest.raises(ModelError):
        judge(REQUEST)


def test_a_request_too_large_for_the_judge_is_not_sent(aws, judge):
    aws.says(answer(ANSWER))

    with pytest.raises(ModelError, match="at most"):
        judge({"photos": [{"id": "a", "data": "A" * MAX_BYTES}], "heads": []})
    assert aws.calls == []
