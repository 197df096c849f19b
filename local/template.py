"""Read `template.yaml` into an Application; refuse whatever would silently mean something else here."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from local.application import (
    Application,
    BlobTrigger,
    Bucket,
    Function,
    QueueSpec,
    QueueTrigger,
    Route,
    Schedule,
)
from local.intrinsics import Resolver, TagLoader, TemplateError

#: Types that mean nothing on one machine: who may do what, watching, the bill, encryption by the cloud, packaging.
WITHOUT_LOCAL_MEANING = frozenset(
    {
        "AWS::Budgets::Budget",
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
        "AWS::Cognito::UserPoolResourceServer",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::Serverless::LayerVersion",
    }
)
PLAYED = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::Serverless::Function",
        "AWS::Serverless::HttpApi",
    }
)

PLAYED_PROPERTIES = {"CodeUri", "Handler", "Runtime", "MemorySize", "Timeout", "Environment", "Events"} | {
    "EventInvokeConfig"
}
#: Of a function: packaging, rights, logs, traces and caps, which this machine does not need.
PROPERTIES_WITHOUT_LOCAL_MEANING = {
    "Architectures",
    "Description",
    "Layers",
    "LoggingConfig",
    "Policies",
    "ReservedConcurrentExecutions",
    "Role",
    "Tracing",
}
EVENT_PROPERTIES = {
    "HttpApi": {"ApiId", "Auth", "Method", "Path"},
    "S3": {"Bucket", "Events", "Filter"},
    "SQS": {"BatchSize", "Queue", "ScalingConfig"},
    "ScheduleV2": {"DeadLetterConfig", "OmitName", "RetryPolicy", "ScheduleExpression"},
}
GLOBALS = {"Function"}
UNIT_S = {"minute": 60, "hour": 3600, "day": 86_400}


def read_application(
    path: Path, parameters: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Application:
    """Read the template with these parameters; `environment` replaces variables that functions declare.

    Raises TemplateError naming the resource, what is not played here, and the next step.
    """
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=TagLoader)  # noqa: S506 - a SafeLoader
    return _Reader(document, path.parent, parameters or {}, environment or {}).application()


def environment_of(functions: Iterable[Function]) -> dict[str, str]:
    """The variables of functions that share one process. Raises TemplateError if two disagree."""
    merged: dict[str, str] = {}
    owner: dict[str, str] = {}
    for function in functions:
        for name, value in function.environment.items():
            if merged.setdefault(name, value) != value:
                raise TemplateError(
                    f"{function.name} and {owner[name]} give {name} different values, but share one process here; "
                    "give the two values two names"
                )
            owner.setdefault(name, function.name)
    return merged


class _Reader:
    def __init__(
        self,
        document: Mapping[str, Any],
        folder: Path,
        parameters: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._globals: dict[str, Any] = document.get("Globals", {})
        self._raw: dict[str, Any] = document.get("Resources", {})
        self._replaced = environment
        self._plain = Resolver(
            _parameter_values(document.get("Parameters", {}), parameters),
            document.get("Conditions", {}),
            self._reference,
        )

    def application(self) -> Application:
        _refuse_unknown("Globals", set(self._globals) - GLOBALS, "section", "set the value at each resource")
        present = {name: body for name, body in self._raw.items() if self._exists(body)}
        self._refuse_unplayed_types(present)
        functions = {name: self._function(name) for name in _of_type(present, "AWS::Serverless::Function")}
        self._refuse_unused_overrides(functions)
        queues = {name: self._queue(name) for name in _of_type(present, "AWS::SQS::Queue")}
        events = [(name, *event) for name in functions for event in self._events(name)]
        return Application(
            functions=functions,
            routes=tuple(self._route(f, n, e) for f, n, kind, e in events if kind == "HttpApi"),
            queues=queues,
            queue_triggers=tuple(self._queue_trigger(f, n, e) for f, n, kind, e in events if kind == "SQS"),
            schedules=tuple(_schedule(f, n, e) for f, n, kind, e in events if kind == "ScheduleV2"),
            blob_triggers=tuple(_blob_trigger(f, n, e) for f, n, kind, e in events if kind == "S3"),
            tables=tuple(_of_type(present, "AWS::DynamoDB::Table")),
            bucket=self._bucket(_of_type(present, "AWS::S3::Bucket")),
        )

    # --- what may stand in the template

    def _exists(self, body: Mapping[str, Any]) -> bool:
        return "Condition" not in body or self._plain.holds(body["Condition"])

    def _refuse_unplayed_types(self, present: Mapping[str, Any]) -> None:
        for name, body in present.items():
            if body.get("Type") not in PLAYED | WITHOUT_LOCAL_MEANING:
                raise TemplateError(
                    f"{name}: {body.get('Type')} is not played here; teach local/template.py to play it, or list it "
                    "under WITHOUT_LOCAL_MEANING if one machine does not need it"
                )

    def _refuse_unused_overrides(self, functions: Mapping[str, Function]) -> None:
        declared = {variable for function in functions.values() for variable in function.environment}
        for variable in set(self._replaced) - declared:
            raise TemplateError(f"{variable} is replaced, but no function declares it; add it to the template")

    def _reference(self, name: str, attribute: str | None) -> str:
        """Ref is the logical id, also of a queue and a function; the bucket has its written name."""
        if name not in self._raw:
            raise TemplateError(f"{name} is referred to, but is neither a parameter nor a resource; correct the name")
        body = self._raw[name]
        kind = body["Type"]
        own = self._plain(body["Properties"]["BucketName"]) if kind == "AWS::S3::Bucket" else name
        if attribute is None or (kind, attribute) == ("AWS::SQS::Queue", "QueueName"):
            return str(own)
        if attribute == "Arn":
            return f"arn:local:{kind.split('::')[1].lower()}:::{own}"
        raise TemplateError(f"{name}: its attribute {attribute} is not played here; use Ref or Arn")

    def _properties(self, name: str) -> dict[str, Any]:
        return dict(self._raw[name].get("Properties", {}))

    # --- functions

    def _function(self, name: str) -> Function:
        shared, own = self._globals.get("Function", {}), self._properties(name)
        unknown = (set(shared) | set(own)) - PLAYED_PROPERTIES - PROPERTIES_WITHOUT_LOCAL_MEANING
        _refuse_unknown(name, unknown, "property", "teach local/template.py what it means here")
        merged = self._plain({k: v for k, v in {**shared, **own}.items() if k in PLAYED_PROPERTIES - {"Events"}})
        if not str(merged.get("Runtime", "")).startswith("python3."):
            raise TemplateError(f"{name}: Runtime {merged.get('Runtime')!r} is not played here; use python3.x")
        invoke = merged.get("EventInvokeConfig", {})
        return Function(
            name=name,
            code=self._folder / merged["CodeUri"],
            handler=merged["Handler"],
            environment=self._environment(shared, own),
            memory_mb=int(merged.get("MemorySize", 128)),
            timeout_s=int(merged.get("Timeout", 3)),
            async_retries=int(invoke.get("MaximumRetryAttempts", 2)),
            async_max_age_s=int(invoke.get("MaximumEventAgeInSeconds", 21_600)),
            failures_to=_queue_of_arn(invoke.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")),
        )

    def _environment(self, shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, str]:
        variables = {
            variable: str(self._plain(value))
            for properties in (shared, own)
            for variable, value in properties.get("Environment", {}).get("Variables", {}).items()
        }
        return {name: self._replaced.get(name, value) for name, value in variables.items()}

    # --- events

    def _events(self, function: str) -> Iterable[tuple[str, str, dict[str, Any]]]:
        for name, event in self._properties(function).get("Events", {}).items():
            kind, where = event["Type"], f"{function}.{name}"
            if kind not in EVENT_PROPERTIES:
                raise TemplateError(
                    f"{where}: events of type {kind} are not played here; use {', '.join(EVENT_PROPERTIES)}, or "
                    "teach local/template.py"
                )
            unknown = set(event.get("Properties", {})) - EVENT_PROPERTIES[kind]
            _refuse_unknown(where, unknown, "event property", "teach local/template.py what it means here")
            yield name, kind, self._plain(event.get("Properties", {}))

    def _route(self, function: str, name: str, event: Mapping[str, Any]) -> Route:
        api = self._properties(event["ApiId"]).get("Auth", {})
        auth = event.get("Auth", {})
        unknown = set(auth) - {"Authorizer", "AuthorizationScopes"}
        _refuse_unknown(f"{function}.{name}", unknown, "Auth property", "use Authorizer")
        authorizer = auth.get("Authorizer", api.get("DefaultAuthorizer", "NONE"))
        scopes: tuple[str, ...] | None = None
        if authorizer != "NONE":
            known = api.get("Authorizers", {})
            if authorizer not in known or "JwtConfiguration" not in known[authorizer]:
                raise TemplateError(f"{function}.{name}: {authorizer} is no JWT authorizer of {event['ApiId']}")
            scopes = tuple(auth.get("AuthorizationScopes", known[authorizer].get("AuthorizationScopes", ())))
        return Route(event["Method"].upper(), event["Path"], function, scopes)

    def _queue_trigger(self, function: str, name: str, event: Mapping[str, Any]) -> QueueTrigger:
        queue = _queue_of_arn(event["Queue"])
        if queue not in self._raw:
            raise TemplateError(f"{function}.{name}: {event['Queue']} is no queue of this template; add it")
        concurrency = event.get("ScalingConfig", {}).get("MaximumConcurrency", 2)
        return QueueTrigger(queue, function, int(event.get("BatchSize", 10)), int(concurrency))

    # --- data

    def _queue(self, name: str) -> QueueSpec:
        body = self._plain(self._properties(name))
        redrive = body.get("RedrivePolicy", {})
        return QueueSpec(
            name=name,
            visibility_s=int(body.get("VisibilityTimeout", 30)),
            retention_s=int(body.get("MessageRetentionPeriod", 345_600)),
            dead_letters=_queue_of_arn(redrive.get("deadLetterTargetArn")),
            max_receives=int(redrive["maxReceiveCount"]) if redrive else None,
        )

    def _bucket(self, names: list[str]) -> Bucket | None:
        if len(names) > 1:
            raise TemplateError(f"{', '.join(names)}: one bucket is played here; use prefixes of one")
        if not names:
            return None
        body = self._plain(self._properties(names[0]))
        rules = body.get("LifecycleConfiguration", {}).get("Rules", [])
        expiry = tuple((r.get("Prefix", ""), int(r["ExpirationInDays"])) for r in rules if "ExpirationInDays" in r)
        return Bucket(name=body["BucketName"], expiry=expiry)


def _parameter_values(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    for name in set(given) - set(declared):
        raise TemplateError(f"parameter {name} is given, but the template has {', '.join(declared) or 'none'}")
    values: dict[str, str] = {}
    for name, body in declared.items():
        if name not in given and "Default" not in body:
            raise TemplateError(f"parameter {name} has no default; give it a value")
        values[name] = str(given.get(name, body.get("Default")))
        _check_parameter(name, body, values[name])
    return values


def _check_parameter(name: str, body: Mapping[str, Any], value: str) -> None:
    allowed = [str(choice) for choice in body.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise TemplateError(f"parameter {name}: {value!r} is none of {', '.join(allowed)}")
    if not re.fullmatch(body.get("AllowedPattern", ".*"), value):
        raise TemplateError(f"parameter {name}: {value!r} does not fit {body['AllowedPattern']}")
    if body.get("Type") == "Number" and not (
        float(body.get("MinValue", "-inf")) <= float(value) <= float(body.get("MaxValue", "inf"))
    ):
        raise TemplateError(f"parameter {name}: {value} is outside its MinValue and MaxValue")


def _schedule(function: str, name: str, event: Mapping[str, Any]) -> Schedule:
    expression = event["ScheduleExpression"]
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate is None:
        raise TemplateError(f"{function}.{name}: {expression!r} is not played here; use rate(N minutes)")
    policy = event.get("RetryPolicy", {})
    return Schedule(
        name=f"{function}{name}",
        function=function,
        every_s=int(rate[1]) * UNIT_S[rate[2]],
        max_age_s=int(policy.get("MaximumEventAgeInSeconds", 86_400)),
        retries=int(policy.get("MaximumRetryAttempts", 185)),
    )


def _blob_trigger(function: str, name: str, event: Mapping[str, Any]) -> BlobTrigger:
    where = f"{function}.{name}"
    kinds = [event["Events"]] if isinstance(event["Events"], str) else event["Events"]
    if kinds != ["s3:ObjectCreated:*"]:
        raise TemplateError(f"{where}: {', '.join(kinds)} is not played here; use s3:ObjectCreated:*")
    rules = event.get("Filter", {}).get("S3Key", {}).get("Rules", [])
    wanted = {rule["Name"].lower(): rule["Value"] for rule in rules}
    _refuse_unknown(where, set(wanted) - {"prefix", "suffix"}, "key filter", "use prefix and suffix")
    return BlobTrigger(f"{function}{name}", function, wanted.get("prefix", ""), wanted.get("suffix", ""))


def _queue_of_arn(arn: str | None) -> str | None:
    return arn.rsplit(":", 1)[1] if arn else None


def _of_type(resources: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, body in resources.items() if body["Type"] == kind]


def _refuse_unknown(where: str, unknown: Iterable[str], what: str, next_step: str) -> None:
    for name in sorted(unknown):
        raise TemplateError(f"{where}: {what} {name} is not played here; {next_step}")
