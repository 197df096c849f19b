"""A template of a few resources with handlers that say what they were given: for tests of the runner."""

import json
import time
from pathlib import Path
from textwrap import dedent

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Record: {Type: String, Default: ""}
Globals:
  Function:
    Runtime: python3.13
    Timeout: 2
    Environment:
      Variables:
        RECORD: !Ref Record
        SWIPR_WORLD: swipr.aws
Resources:
  Api:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: api
      Handler: app.lambda_handler
      Events:
        Program: {Type: HttpApi, Properties: {ApiId: !Ref Gateway, Method: ANY, Path: "/v1/{proxy+}"}}
        One: {Type: HttpApi, Properties: {ApiId: !Ref Gateway, Method: GET, Path: "/v1/cards/{card}"}}
        Page: {Type: HttpApi, Properties: {ApiId: !Ref Gateway, Method: GET, Path: /, Auth: {Authorizer: NONE}}}
        Open:
          Type: HttpApi
          Properties: {ApiId: !Ref Gateway, Method: ANY, Path: "/open/{proxy+}", Auth: {Authorizer: NONE}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: worker
      Handler: app.lambda_handler
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt UploadsDead.Arn}}
      Events:
        Job: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 1, ScalingConfig: {MaximumConcurrency: 2}}}
        Upload:
          Type: S3
          Properties:
            Bucket: !Ref Bucket
            Events: s3:ObjectCreated:*
            Filter: {S3Key: {Rules: [{Name: prefix, Value: labels/}]}}
        Tick:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: rate(5 minutes)
            RetryPolicy: {MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0}
  Gateway:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: SignIn
        Authorizers: {SignIn: {AuthorizationScopes: [swipr/use], JwtConfiguration: {issuer: x, audience: [y]}}}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt JobsDead.Arn, maxReceiveCount: 2}
  JobsDead: {Type: AWS::SQS::Queue}
  UploadsDead: {Type: AWS::SQS::Queue}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "${AWS::StackName}-photos"}}
  Key: {Type: AWS::KMS::Key}
"""

API = '''
"""Says what it was asked; some paths misbehave."""
import base64
import time

ANSWERS = {
    "/open/text": {"statusCode": 200, "body": "plain"},
    "/open/bytes": {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png"},
        "cookies": ["a=1", "b=2; HttpOnly"],
        "body": base64.b64encode(b"\\x89PNG").decode(),
        "isBase64Encoded": True,
    },
    "/open/bare": {"hello": "world"},
    "/open/no-status": {"statusCode": "fine"},
    "/open/no-text": {"statusCode": 200, "body": {"not": "text"}},
    "/open/split": {"statusCode": 200, "headers": {"x": "1\\r\\nset-cookie: evil=1"}},
    "/open/large": {"statusCode": 200, "body": "x" * (6 * 1024 * 1024)},
    "/open/not-json": {1, 2},
}

def lambda_handler(event, context):
    path = event["rawPath"]
    if path == "/open/raise":
        raise TimeoutError("a secret token: hunter2")
    if path == "/open/slow":
        time.sleep(context.get_remaining_time_in_millis() / 1000 + 0.5)
    if path in ANSWERS:
        return ANSWERS[path]
    return {"event": event, "context": {"function": context.function_name, "request": context.aws_request_id}}
'''

WORKER = '''
"""Writes down each event; a body of `fail` raises, one of `slow` takes its time."""
import json
import os
import time

def note(kind, event, context):
    line = json.dumps({"kind": kind, "event": event, "request": context.aws_request_id, "at": time.monotonic()})
    with open(os.environ["RECORD"], "a") as file:
        file.write(line + "\\n")

def lambda_handler(event, context):
    note("begun", event, context)
    text = json.dumps(event)
    if "fail" in text:
        raise ValueError("told to fail with hunter2")
    if "slow" in text:
        end = time.monotonic() + 0.4
        while time.monotonic() < end and context.get_remaining_time_in_millis() > 0:
            time.sleep(0.01)
    note("done", event, context)
'''


def write_small_application(folder: Path, template: str = TEMPLATE) -> Path:
    """Template and handlers under `folder`; returns the template's path."""
    for name, code in (("api", API), ("worker", WORKER)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "app.py").write_text(dedent(code), encoding="utf-8")
    path = folder / "template.yaml"
    path.write_text(template, encoding="utf-8")
    return path


class Record:
    """What the worker wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, kind: str = "done") -> list[dict]:
        text = self.path.read_text() if self.path.exists() else ""
        return [line for line in map(json.loads, text.splitlines()) if line["kind"] == kind]

    def of_source(self, source: str, kind: str = "done") -> list[dict]:
        """Events of `aws:sqs`, `aws:s3` or `aws.scheduler`."""
        return [line["event"] for line in self.lines(kind) if source_of(line["event"]) == source]


def source_of(event: dict) -> str:
    return event["source"] if "source" in event else event["Records"][0]["eventSource"]


def wait_for(claim, within_s: float = 8.0):
    """The claim's value once it is true. Fails with what it was last."""
    until = time.monotonic() + within_s
    while not (value := claim()):
        assert time.monotonic() < until, f"still {value!r} after {within_s} s"
        time.sleep(0.02)
    return value
