"""What tables, the bucket, the key, queues and topics say of themselves, in CloudFormation's words."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tests.aws.emulator import Emulator

Properties = dict[str, Any]
Reader = Callable[[Emulator, str, Mapping[str, Any]], Properties]


def table(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    dynamodb = emulator.client("dynamodb")
    said = dynamodb.describe_table(TableName=name)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    lives = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return {
        "AttributeDefinitions": said["AttributeDefinitions"],
        "BillingMode": said.get("BillingModeSummary", {}).get("BillingMode"),
        "DeletionProtectionEnabled": said.get("DeletionProtectionEnabled"),
        "GlobalSecondaryIndexes": [
            {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
            for index in said.get("GlobalSecondaryIndexes", [])
        ],
        "KeySchema": said["KeySchema"],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
        "SSESpecification": {"SSEEnabled": said.get("SSEDescription", {}).get("Status") == "ENABLED"},
        "TimeToLiveSpecification": {
            "AttributeName": lives.get("AttributeName"),
            "Enabled": lives["TimeToLiveStatus"] == "ENABLED",
        },
    }


def bucket(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    s3 = emulator.client("s3")
    told = s3.get_bucket_notification_configuration(Bucket=name).get("LambdaFunctionConfigurations", [])
    rules = _said(lambda: s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"])
    return {
        "BucketName": name if s3.head_bucket(Bucket=name) else None,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": _said(lambda: _encryption(s3, name)) or []},
        "CorsConfiguration": {
            "CorsRules": [
                _cors_rule(rule) for rule in _said(lambda: s3.get_bucket_cors(Bucket=name)["CORSRules"]) or []
            ]
        },
        "LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in rules or []]},
        "NotificationConfiguration": {
            "LambdaConfigurations": [one for each in told for one in _notifications(each)],
        },
        "OwnershipControls": _said(lambda: s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]),
        "PublicAccessBlockConfiguration": _said(
            lambda: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        ),
    }


def _encryption(s3: Any, name: str) -> Any:
    said = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    return [{"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]} for rule in said]


def _cors_rule(said: Mapping[str, Any]) -> Properties:
    return {**said, "MaxAge": said.get("MaxAgeSeconds")}


def _lifecycle_rule(said: Mapping[str, Any]) -> Properties:
    rule = {"Id": said["ID"], "Status": said["Status"]}
    if prefix := said.get("Prefix") or said.get("Filter", {}).get("Prefix"):
        rule["Prefix"] = prefix
    if "Expiration" in said:
        rule["ExpirationInDays"] = said["Expiration"]["Days"]
    if "AbortIncompleteMultipartUpload" in said:
        rule["AbortIncompleteMultipartUpload"] = said["AbortIncompleteMultipartUpload"]
    return rule


def _notifications(said: Mapping[str, Any]) -> list[Properties]:
    rules = [
        {"Name": rule["Name"].lower(), "Value": rule["Value"]}
        for rule in said.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    ]
    return [
        {"Event": event, "Filter": {"S3Key": {"Rules": rules}}, "Function": said["LambdaFunctionArn"]}
        for event in said["Events"]
    ]


def bucket_policy(emulator: Emulator, _: str, declared: Mapping[str, Any]) -> Properties:
    said = _said(lambda: emulator.client("s3").get_bucket_policy(Bucket=declared["Bucket"])["Policy"])
    return {"Bucket": declared["Bucket"] if said else None, "PolicyDocument": said and json.loads(said)}


def key(emulator: Emulator, identity: str, _: Mapping[str, Any]) -> Properties:
    kms = emulator.client("kms")
    said = kms.describe_key(KeyId=identity)["KeyMetadata"]
    return {
        "Description": said["Description"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=identity)["KeyRotationEnabled"],
    }


def queue(emulator: Emulator, url: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {**said, "RedrivePolicy": json.loads(said.get("RedrivePolicy", "null"))}


def topic(emulator: Emulator, arn: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    return {"Subscription": [{key: each[key] for key in ("Protocol", "Endpoint")} for each in said]}


def _said(ask: Callable[[], Any]) -> Any:
    """None where the service holds no such thing, which it says by an error."""
    try:
        return ask()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return None


READERS: dict[str, Reader] = {
    "AWS::DynamoDB::Table": table,
    "AWS::KMS::Key": key,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SNS::Topic": topic,
    "AWS::SQS::Queue": queue,
}
