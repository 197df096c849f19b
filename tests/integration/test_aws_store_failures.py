"""The store on DynamoDB when DynamoDB fails: what is tried again, how often, and what is told."""

import boto3
import pytest
from botocore.config import Config

from swipr.aws import atomic, bulk, clients
from swipr.aws.dynamo import DynamoStore
from swipr.aws.errors import AwsError
from swipr.aws.items import model_item, user_item
from swipr.aws.tables import Table, Tables
from tests.aws_endpoint import HANG_UP, SILENCE, Reply, answer, endpoint_for_clients, refusal
from tests.contract.values import NOW, a_decision, a_label, a_match, a_model, a_user

TABLES = Tables(
    Table("users"),
    Table("decisions", "card_id"),
    Table("acted", "acted_key"),
    Table("labels", "card_id"),
    Table("models", "version"),
    Table("matches", "match_id"),
    Table("requests", "request_key"),
)
ANN = {"user_id": {"S": "ann"}, "rev": {"S": "m0"}, **user_item(a_user())}
THROTTLED = refusal("ProvisionedThroughputExceededException")
BROKEN = Reply(500, b"{}")


@pytest.fixture
def aws(monkeypatch):
    with endpoint_for_clients(monkeypatch) as service:
        yield service


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def store(aws, pauses):
    marks = (f"m{number}" for number in range(1, 100))
    return DynamoStore(clients.dynamodb(), TABLES, sleep=pauses.append, chance=lambda: 1.0, mark=lambda: next(marks))


def cancelled(*reasons):
    codes = [{"Code": code} for code in reasons]
    return refusal("TransactionCanceledException", CancellationReasons=codes)


def together(*items):
    return answer({"Responses": [{"Item": item} if item else {} for item in items]})


# calls that fail


@pytest.mark.parametrize("reply", [THROTTLED, BROKEN, HANG_UP])
def test_what_keeps_failing_is_tried_three_times_and_told(aws, store, reply):
    aws.says(reply)

    with pytest.raises(AwsError):
        store.user("ann")
    assert aws.calls == ["GetItem"] * clients.TRIES


@pytest.mark.parametrize("reply", [THROTTLED, BROKEN, HANG_UP])
def test_what_fails_once_goes_on(aws, store, reply):
    aws.says(reply, answer({"Item": ANN}))

    assert store.user("ann") == a_user()


def test_a_silent_service_is_given_up(aws):
    aws.says(SILENCE)
    impatient = Config(read_timeout=0.05, retries={"total_max_attempts": 1})
    store = DynamoStore(boto3.client("dynamodb", config=impatient), TABLES)

    with pytest.raises(AwsError, match=r"^dynamodb get_item: ReadTimeoutError$"):
        store.user("ann")


def test_what_is_forbidden_is_told_at_once_and_in_no_words_of_the_service(aws, store):
    aws.says(refusal("AccessDeniedException"))

    with pytest.raises(AwsError) as told:
        store.user("ann")
    assert str(told.value) == "dynamodb get_item: AccessDeniedException"
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert len(aws.calls) == 1


def test_an_impossible_key_leads_to_nothing_and_nobody_is_asked(aws, store):
    aws.says(BROKEN)

    assert store.decision("ann", "é" * 600, at=NOW) is None
    assert store.match("ann", "", at=NOW) is None
    assert store.label("ann", "~tinder:1") is None
    assert store.model("ann", 10**40) is None
    assert store.acted("ann", ["", "x" * 1025]) == {}
    assert aws.calls == []


# writes that meet others


def test_a_write_that_met_another_one_is_decided_anew(aws, store, pauses):
    other = ANN | {"rev": {"S": "other"}} | user_item(a_user(champion=5))
    aws.says(
        answer({"Item": ANN}),
        refusal("ConditionalCheckFailedException", Item=other),
        answer({"Item": other}),
    )

    assert store.set_champion("ann", 1, expected=None) is False
    assert aws.calls == ["GetItem", "PutItem", "GetItem"]
    assert pauses == [0.02]
    written = aws.body(1)
    assert written["ExpressionAttributeValues"] == {":seen": {"S": "m0"}}
    assert written["Item"]["rev"] == {"S": "m1"}


def test_a_write_whose_answer_was_lost_is_known_by_its_mark(aws, store):
    mine = ANN | {"rev": {"S": "m1"}}
    aws.says(answer({}), HANG_UP, refusal("ConditionalCheckFailedException", Item=mine))

    assert store.create_user(a_user()) is True
    assert aws.calls == ["GetItem", "PutItem", "PutItem"]


def marked(item, mark):
    return item | {"rev": {"S": mark}}


def test_a_transaction_that_is_still_being_made_is_known_by_its_mark_when_it_is(aws, store):
    """Its answer was lost, and when it is sent again DynamoDB has not finished it."""
    model = {"user_id": {"S": "ann"}, "version": {"N": "1"}, **model_item(a_model()), "head": {"B": "AAAA"}}
    unfinished = [refusal("TransactionInProgressException")] * (clients.TRIES - 1)
    aws.says(together(ANN, None), HANG_UP, *unfinished, together(ANN, marked(model, "m1")))

    assert store.put_model(a_model()) is True
    assert aws.calls == ["TransactGetItems", *["TransactWriteItems"] * clients.TRIES, "TransactGetItems"]


@pytest.mark.parametrize("failure", [HANG_UP, BROKEN])
def test_a_write_that_got_no_answer_in_the_end_is_looked_for_once(aws, store, failure):
    mine = marked(ANN | user_item(a_user(champion=5)), "m1")
    aws.says(answer({"Item": ANN}), *[failure] * clients.TRIES, answer({"Item": mine}))

    assert store.set_champion("ann", 5, expected=None) is True


@pytest.mark.parametrize("found", [answer({"Item": ANN}), BROKEN])
def test_a_write_that_got_no_answer_and_cannot_be_found_is_told(aws, store, found):
    aws.says(answer({"Item": ANN}), *[HANG_UP] * clients.TRIES, found)

    with pytest.raises(AwsError, match=r"^dynamodb put_item: "):
        store.set_champion("ann", 5, expected=None)


def test_a_mark_of_another_write_is_not_taken_for_ones_own(aws, store):
    other = marked(ANN | user_item(a_user(champion=7)), "theirs")
    unfinished = [refusal("TransactionInProgressException")] * clients.TRIES
    aws.says(answer({"Item": ANN}), *unfinished, answer({"Item": other}))

    assert store.set_champion("ann", 5, expected=None) is False


def test_a_transaction_that_is_sent_again_carries_the_same_token(aws, store):
    aws.says(together(ANN, None), HANG_UP, answer({}))

    assert store.put_model(a_model()) is True
    assert aws.calls == ["TransactGetItems", "TransactWriteItems", "TransactWriteItems"]
    assert aws.body(1)["ClientRequestToken"] == aws.body(2)["ClientRequestToken"]


def test_all_that_was_read_is_a_condition_of_what_is_written(aws, store):
    aws.says(together(ANN, None), answer({}))

    store.put_model(a_model())

    put, check = aws.body(1)["TransactItems"]
    assert put["Put"]["ConditionExpression"] == "attribute_not_exists(user_id)"
    assert check["ConditionCheck"]["Key"] == {"user_id": {"S": "ann"}}
    assert check["ConditionCheck"]["ExpressionAttributeValues"] == {":seen": {"S": "m0"}}


@pytest.mark.parametrize(
    "reason", ["ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
)
def test_a_transaction_cancelled_for_a_passing_reason_is_decided_anew(aws, store, reason):
    existing = {"user_id": {"S": "ann"}, "version": {"N": "1"}, "rev": {"S": "x"}, **model_item(a_model())}
    existing["head"] = {"B": "AAAA"}
    aws.says(together(ANN, None), cancelled("None", reason), together(ANN, existing))

    assert store.put_model(a_model()) is False


def test_a_transaction_cancelled_for_a_lasting_reason_is_told_at_once(aws, store):
    aws.says(together(ANN, None), cancelled("TransactionConflict", "ValidationError"))

    with pytest.raises(AwsError, match=r"^dynamodb transact_write_items: ValidationError$"):
        store.put_model(a_model())
    assert len(aws.calls) == 2


@pytest.mark.parametrize("conflict", [cancelled("TransactionConflict"), refusal("TransactionConflictException")])
def test_writes_that_keep_meeting_others_are_told_after_a_bounded_number(aws, store, pauses, conflict):
    aws.says(*[reply for _ in range(atomic.TRIES) for reply in (answer({"Item": ANN}), conflict)])

    with pytest.raises(AwsError, match="Transaction"):
        store.set_acting("ann", acting_on="other")
    assert aws.calls == ["GetItem", "PutItem"] * atomic.TRIES + ["GetItem"]  # at last, whether it was made after all
    assert len(pauses) == atomic.TRIES - 1
    assert sorted(pauses) == pauses
    assert sum(pauses) < 5


def test_reading_several_items_waits_for_transactions_under_way(aws, store):
    label = {"record": {"S": a_label().model_dump_json(exclude={"features"})}}
    aws.says(cancelled("TransactionConflict", "None"), together(label, {"features": {"B": "AAAA"}}))

    assert store.label("ann", "tinder:1") == a_label(features=b"\0\0\0")


def test_nothing_is_written_that_is_so_already(aws, store):
    aws.says(answer({"Item": ANN}))

    assert store.set_acting("ann", acting_on="tinder") == a_user()
    assert aws.calls == ["GetItem"]


# many at a time


def acted(*keys):
    return [{"acted_key": {"S": key}, "state": {"S": "sent"}} for key in keys]


def test_what_a_batch_left_unread_is_asked_for_again(aws, store, pauses):
    left = {"acted": {"Keys": [{"user_id": {"S": "ann"}, "acted_key": {"S": "b"}}]}}
    aws.says(
        answer({"Responses": {"acted": acted("a")}, "UnprocessedKeys": left}),
        answer({"Responses": {}, "UnprocessedKeys": left}),
        answer({"Responses": {"acted": acted("b")}, "UnprocessedKeys": {}}),
    )

    assert store.acted("ann", ["a", "b"]) == {"a": "sent", "b": "sent"}
    assert aws.body(2)["RequestItems"] == left
    assert len(pauses) == 2


def test_a_batch_that_is_never_read_whole_is_told_after_a_bounded_number(aws, store):
    left = {"acted": {"Keys": [{"user_id": {"S": "ann"}, "acted_key": {"S": "b"}}]}}
    aws.says(answer({"Responses": {}, "UnprocessedKeys": left}))

    with pytest.raises(AwsError, match="UnprocessedKeys"):
        store.acted("ann", ["b"])
    assert len(aws.calls) == bulk.TRIES


def test_a_hundred_keys_are_one_batch_and_doubles_are_asked_once(aws, store):
    aws.says(answer({"Responses": {}}))

    store.acted("ann", [f"k{number % 201}" for number in range(402)])

    assert [len(aws.body(number)["RequestItems"]["acted"]["Keys"]) for number in range(3)] == [100, 100, 1]


def test_what_a_batch_left_undeleted_is_deleted_again(aws, store):
    left = {"decisions": [{"DeleteRequest": {"Key": {"user_id": {"S": "ann"}, "card_id": {"S": "b"}}}}]}
    found = answer({"Items": [{"card_id": {"S": "a"}}, {"card_id": {"S": "b"}}]})
    nothing = answer({"Items": []})
    aws.says(found, answer({"UnprocessedItems": left}), answer({"UnprocessedItems": {}}), nothing)

    assert store.delete_records("ann") == 2
    assert aws.body(2)["RequestItems"] == left


def test_a_deletion_that_never_ends_is_told(aws, store):
    left = {"decisions": [{"DeleteRequest": {"Key": {"user_id": {"S": "ann"}, "card_id": {"S": "b"}}}}]}
    aws.says(answer({"Items": [{"card_id": {"S": "b"}}]}), answer({"UnprocessedItems": left}))

    with pytest.raises(AwsError, match="UnprocessedItems"):
        store.delete_records("ann")
    assert aws.calls.count("BatchWriteItem") == bulk.TRIES


def test_a_list_is_read_page_by_page_also_over_an_empty_one(aws, store):
    matches = [{"record": {"S": a_match(f"m{number}").model_dump_json()}} for number in range(2)]
    place = {"user_id": {"S": "ann"}, "match_id": {"S": "m0"}}
    aws.says(
        answer({"Items": matches[:1], "LastEvaluatedKey": place}),
        answer({"Items": [], "LastEvaluatedKey": place}),
        answer({"Items": matches[1:]}),
    )

    assert [match.match_id for match in store.matches("ann", at=NOW)] == ["m1", "m0"]
    assert aws.body(1)["ExclusiveStartKey"] == place


def test_a_page_of_decisions_asks_for_no_more_than_it_needs(aws, store):
    found = [{"record": {"S": a_decision(f"a:{number}").model_dump_json()}} for number in range(2)]
    aws.says(answer({"Items": found, "LastEvaluatedKey": {"user_id": {"S": "ann"}}}))

    assert len(store.decisions("ann", at=NOW, limit=2)) == 2
    assert aws.calls == ["Query"]
    assert aws.body(0)["Limit"] == 2


def test_a_page_that_breaks_off_is_told_and_not_taken_for_the_whole(aws, store):
    first = answer({"Items": [], "LastEvaluatedKey": {"user_id": {"S": "ann"}}})
    aws.says(first, refusal("AccessDeniedException"))

    with pytest.raises(AwsError):
        store.matches("ann", at=NOW)


@pytest.mark.parametrize("reply", [THROTTLED, BROKEN])
def test_a_shard_that_cannot_be_asked_fails_the_whole_question(aws, store, reply):
    aws.says(reply)

    with pytest.raises(AwsError):
        store.due_users(NOW, limit=10)
