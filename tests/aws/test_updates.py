"""A stack is changed under its users: ids and all that is kept stay, and what holds data outlives even the stack."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from swipr.aws.dynamo import DynamoStore
from swipr.aws.kms import KmsSecrets
from swipr.aws.tables import Tables
from swipr.settings import Settings
from tests.aws.deployment import DeploymentError, Stack, deploy
from tests.aws.emulator import Emulator
from tests.aws.person import Person, invited, until
from tests.contract.values import a_label

pytestmark = [pytest.mark.aws, pytest.mark.timeout(180)]

ANN, TOKEN = "ann@example.org", "deck-token-of-ann"
DECK = {"SimulatorApi": "http://127.0.0.1:9"}  # nobody is asked there


def test_an_update_keeps_ids_and_all_that_is_kept(emulator: Emulator) -> None:
    stack = deploy(emulator, "updates", parameters=DECK)
    ann = lived_in(stack)
    before = kept(stack)
    assert {"Users", "Labels", "Bucket", "People"} <= {name for name, held in before.items() if held}

    def larger(template: dict[str, Any]) -> None:
        template["Resources"]["Judge"]["Properties"]["MemorySize"] = 2048

    changed = deploy(emulator, "updates", parameters={**DECK, "LogDays": "7", "DecisionDays": "60"}, change=larger)

    assert changed.environment("Api")["DECISION_DAYS"] == "60", "it was changed"
    assert changed.physical == stack.physical
    assert kept(changed) == before
    assert opened_token(changed) == TOKEN
    assert len(ann.get("/v1/labels")["labels"]) == 2, "with the access token from before"
    ann.close()
    again = Person(changed, ANN)
    assert len(again.get("/v1/labels")["labels"]) == 2
    again.close()


def test_an_update_that_fails_leaves_all_as_it_was(emulator: Emulator) -> None:
    stack = deploy(emulator, "failing", parameters=DECK)
    marked(stack)
    before = kept(stack)

    def broken(template: dict[str, Any]) -> None:
        template["Resources"]["Judge"]["Properties"]["MemorySize"] = 2048
        template["Resources"]["New"] = {"Type": "AWS::New::Thing", "Properties": {"For": {"Ref": "Judge"}}}

    with pytest.raises((DeploymentError, ClientError)):
        deploy(emulator, "failing", parameters={**DECK, "LogDays": "7"}, change=broken)

    after = Stack(emulator, "failing", stack.template, DECK)
    assert after.physical == stack.physical
    assert kept(after) == before


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_a_table_that_an_update_replaces_is_kept_by_its_policy_alone(emulator: Emulator, policy: str) -> None:
    def labels(**properties: str) -> Callable[[dict[str, Any]], None]:
        def change(template: dict[str, Any]) -> None:
            table = template["Resources"]["Labels"]
            assert table["UpdateReplacePolicy"] == "Retain", "as declared"
            table["UpdateReplacePolicy"] = policy
            table["Properties"] |= properties
            template["Resources"], template["Outputs"] = {"Labels": table}, {}

        return change

    name = f"replacing-{policy.lower()}"
    before = deploy(emulator, name, change=labels())
    marked(before)

    after = deploy(emulator, name, change=labels(TableName=f"named-{policy}"))

    assert after.physical["Labels"] == f"named-{policy}" != before.physical["Labels"]
    assert not items(after, "Labels")
    if policy == "Retain":
        assert len(items(before, "Labels")) == 1
    else:
        with pytest.raises(ClientError, match="ResourceNotFound"):
            items(before, "Labels")


def test_what_holds_data_outlives_the_stack(emulator: Emulator) -> None:
    stack = deploy(emulator, "leaving", parameters=DECK)
    marked(stack)
    sealed = emulator.client("kms").encrypt(KeyId=stack.physical["Key"], Plaintext=b"secret")["CiphertextBlob"]
    before = kept(stack)

    emulator.client("cloudformation").delete_stack(StackName=stack.name)
    until(lambda: is_deleted(stack), why="its deletion")

    assert kept(stack) == before
    assert emulator.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        stack.environment("Api")
    with pytest.raises(ClientError, match="NonExistentQueue"):
        emulator.client("sqs").get_queue_attributes(QueueUrl=stack.physical["Refits"], AttributeNames=["All"])


def test_a_table_in_use_cannot_be_deleted_by_hand(emulator: Emulator) -> None:
    # The emulator keeps the user pool's protection but lets it be deleted all the same, so that is not tried here.
    stack = deploy(emulator, "guarded", parameters={**DECK, "ConsoleUrl": "https://here.example"})
    marked(stack)
    before = kept(stack)

    for name in of_type(stack, "AWS::DynamoDB::Table"):
        with pytest.raises(ClientError, match="protected against deletion"):
            emulator.client("dynamodb").delete_table(TableName=stack.physical[name])

    assert kept(stack) == before


def test_the_second_deployment_tells_sign_in_and_bucket_where_the_page_is(emulator: Emulator) -> None:
    first = deploy(emulator, "second-step", parameters=DECK)
    invited(first, ANN)
    assert callbacks(first) == ["https://console.invalid/"]
    assert allowed_origin(first, "https://console.invalid")
    address = first.outputs["ApiUrl"]

    second = deploy(emulator, "second-step", parameters={**DECK, "ConsoleUrl": address})

    assert second.physical == first.physical
    assert callbacks(second) == [f"{address}/"]
    assert allowed_origin(second, address)
    assert not allowed_origin(second, "https://console.invalid")
    ann = Person(second, ANN)  # comes back to the new address
    assert ann.get("/v1/status")["switch"] == "off"
    ann.close()


def lived_in(stack: Stack) -> Person:
    """Somebody signed in, connected a deck, and has two labels and an object."""
    invited(stack, ANN)
    ann = Person(stack, ANN)
    ann.put("/v1/deck", {"deck": "simulator", "token": TOKEN})
    store = store_of(stack)
    (user_id,) = store.user_ids()
    assert all(store.put_label(a_label(f"simulator:{n}", user_id=user_id)) for n in range(2))
    stack.emulator.client("s3").put_object(Bucket=stack.physical["Bucket"], Key="features/7", Body=b"seven")
    return ann


def marked(stack: Stack) -> None:
    """One item in each table, an object and a user, where there is such a thing."""
    for name in of_type(stack, "AWS::DynamoDB::Table"):
        properties = stack.template["Resources"][name]["Properties"]
        kinds = {each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]}
        key = {each["AttributeName"]: {kinds[each["AttributeName"]]: "7"} for each in properties["KeySchema"]}
        stack.emulator.client("dynamodb").put_item(TableName=stack.physical[name], Item=key)
    if "Bucket" in stack.physical:
        stack.emulator.client("s3").put_object(Bucket=stack.physical["Bucket"], Key="features/7", Body=b"seven")
        invited(stack, ANN)


def kept(stack: Stack) -> dict[str, Any]:
    """All items, objects and users, by the logical id of what holds them; whether the key can be used."""
    s3, bucket = stack.emulator.client("s3"), stack.physical["Bucket"]
    objects = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    pool = stack.emulator.client("cognito-idp").list_users(UserPoolId=stack.physical["People"])["Users"]
    key = stack.emulator.client("kms").describe_key(KeyId=stack.physical["Key"])["KeyMetadata"]
    return {
        **{name: items(stack, name) for name in of_type(stack, "AWS::DynamoDB::Table")},
        "Bucket": {each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in objects},
        "People": [(user["Username"], user["UserStatus"], user["UserCreateDate"]) for user in pool],
        "Key": (key["Arn"], key["KeyState"]),
    }


def items(stack: Stack, table: str) -> list[Any]:
    scanned = stack.emulator.client("dynamodb").scan(TableName=stack.physical[table])["Items"]
    return sorted(scanned, key=str)


def of_type(stack: Stack, kind: str) -> list[str]:
    return [name for name, body in stack.template["Resources"].items() if body["Type"] == kind]


def store_of(stack: Stack) -> DynamoStore:
    return DynamoStore(stack.emulator.client("dynamodb"), tables_of(stack))


def tables_of(stack: Stack) -> Tables:
    said = {name.lower(): value for name, value in stack.environment("Api").items()}
    known = {name: value for name, value in said.items() if name in Settings.model_fields}
    return Tables.of(Settings.model_validate(known))


def opened_token(stack: Stack) -> str:
    store, emulator = store_of(stack), stack.emulator
    (user,) = [store.user(user_id) for user_id in store.user_ids()]
    assert user is not None
    assert user.deck_token
    secrets = KmsSecrets(
        emulator.client("kms"),
        emulator.client("dynamodb"),
        key_id=stack.physical["Key"],
        users=tables_of(stack).users,
    )
    return secrets.open(user.deck_token, context={"user": user.user_id, "deck": user.deck}).decode()


def is_deleted(stack: Stack) -> bool:
    try:
        stacks = stack.emulator.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    except ClientError:
        return True
    return bool(stacks[0]["StackStatus"] == "DELETE_COMPLETE")


def callbacks(stack: Stack) -> list[str]:
    client = {"UserPoolId": stack.physical["People"], "ClientId": stack.physical["Console"]}
    said = stack.emulator.client("cognito-idp").describe_user_pool_client(**client)["UserPoolClient"]
    assert said["LogoutURLs"] == said["CallbackURLs"]
    found: list[str] = said["CallbackURLs"]
    return found


def allowed_origin(stack: Stack, origin: str) -> bool:
    """Whether a page from there may send an upload's form to the bucket, as a browser asks it first."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    url = f"{stack.emulator.url}/{stack.physical['Bucket']}"
    answer = requests.options(url, headers=asked, timeout=30)
    return answer.ok and answer.headers.get("Access-Control-Allow-Origin") == origin
