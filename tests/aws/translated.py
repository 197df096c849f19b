"""The built template as CloudFormation sees it, and the HTTP API's document taken apart into resources."""

import copy
import json
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the translator's own imports warn of pydantic's v1 models
    from samtranslator.translator.transform import transform
import yaml

from local.intrinsics import TagLoader

_CODE = ("CodeUri", "ContentUri")
_METHODS = {"x-amazon-apigateway-any-method": "ANY"}


class _NoManagedPolicies:
    """SAM may attach none: each role is written out in the template."""

    def load(self) -> dict[str, str]:
        return {}


def code_folders(template: Path) -> dict[str, Path]:
    """What `sam build` left of each function and layer, by logical id."""
    resources = _read(template)["Resources"]
    return {
        name: template.parent / body["Properties"][key]
        for name, body in resources.items()
        for key in _CODE
        if key in body.get("Properties", {})
    }


def translate(template: Path, code: Mapping[str, str], region: str) -> dict[str, Any]:
    """Plain CloudFormation; `code` holds the S3 address of each function and layer."""
    source = _read(template)
    for name, address in code.items():
        properties = source["Resources"][name]["Properties"]
        properties[next(key for key in _CODE if key in properties)] = address
    with warnings.catch_warnings(), mock.patch.dict("os.environ", {"AWS_DEFAULT_REGION": region}):
        warnings.simplefilter("ignore")
        translated: dict[str, Any] = transform(source, {}, _NoManagedPolicies())
    return translated


def _read(template: Path) -> dict[str, Any]:
    return copy.deepcopy(_parsed(template))


@cache
def _parsed(template: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(template.read_text(encoding="utf-8"), Loader=TagLoader)
    return read


def expand_http_api(translated: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The template with the OpenAPI document of this API written as routes, integrations and authorizers.

    API Gateway reads that document when a stack is made; the emulator does not, and would serve nothing.
    """
    expanded = copy.deepcopy(dict(translated))
    resources = expanded["Resources"]
    document = resources[name]["Properties"].pop("Body")
    properties = resources[name]["Properties"]
    properties |= {"ProtocolType": "HTTP", "Name": document["info"]["title"]}
    if cors := document.get("x-amazon-apigateway-cors"):
        properties["CorsConfiguration"] = {key[0].upper() + key[1:]: value for key, value in cors.items()}
    resources |= _authorizers(name, document)
    resources |= _routes(name, document)
    return expanded


def _authorizers(api: str, document: Mapping[str, Any]) -> dict[str, Any]:
    made = {}
    for scheme, body in document["components"]["securitySchemes"].items():
        declared = body["x-amazon-apigateway-authorizer"]
        jwt = declared["jwtConfiguration"]
        made[f"{api}{scheme}Authorizer"] = {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                "ApiId": {"Ref": api},
                "AuthorizerType": declared["type"].upper(),
                "IdentitySource": [declared["identitySource"]],
                "JwtConfiguration": {"Audience": jwt["audience"], "Issuer": jwt["issuer"]},
                "Name": scheme,
            },
        }
    return made


def _routes(api: str, document: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, operation in _operations(document):
        declared = operation["x-amazon-apigateway-integration"]
        integration = f"{api}{_word(json.dumps(declared['uri'], sort_keys=True))}"
        made[integration] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationMethod": declared["httpMethod"],
                "IntegrationType": declared["type"].upper(),
                "IntegrationUri": declared["uri"],
                "PayloadFormatVersion": declared["payloadFormatVersion"],
            },
        }
        made[f"{api}{_word(key)}Route"] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": api},
                "RouteKey": key,
                "Target": {"Fn::Sub": f"integrations/${{{integration}}}"},
                **_authorization(api, operation),
            },
        }
    return made


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{_METHODS.get(method, method.upper())} {path}", operation


def _authorization(api: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    (asked,) = operation["security"]
    ((scheme, scopes),) = asked.items()
    if scheme == "NONE":
        return {"AuthorizationType": "NONE"}
    return {
        "AuthorizationType": "JWT",
        "AuthorizationScopes": scopes,
        "AuthorizerId": {"Ref": f"{api}{scheme}Authorizer"},
    }


def _word(text: str) -> str:
    """Letters and digits only, one for one: `/` and `-` must not make two of these the same."""
    return "".join(sign if sign.isalnum() else f"x{ord(sign):02x}" for sign in text)
