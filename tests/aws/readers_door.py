"""What the gateway and the sign-in say of themselves, in CloudFormation's words."""

from collections.abc import Mapping
from typing import Any

from tests.aws.emulator import Emulator
from tests.aws.readers_data import Properties, Reader


def api(emulator: Emulator, identity: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("apigatewayv2").get_api(ApiId=identity)
    return {key: said.get(key) for key in ("CorsConfiguration", "Name", "ProtocolType")}


def stage(emulator: Emulator, name: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("apigatewayv2").get_stage(ApiId=declared["ApiId"], StageName=name)
    return {"ApiId": declared["ApiId"], **said}


def route(emulator: Emulator, identity: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("apigatewayv2").get_route(ApiId=declared["ApiId"], RouteId=identity.rpartition("/")[2])
    return {"ApiId": declared["ApiId"], **said}


def integration(emulator: Emulator, identity: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("apigatewayv2").get_integration(ApiId=declared["ApiId"], IntegrationId=identity)
    return {"ApiId": declared["ApiId"], **said}


def authorizer(emulator: Emulator, identity: str, declared: Mapping[str, Any]) -> Properties:
    said = emulator.client("apigatewayv2").get_authorizer(ApiId=declared["ApiId"], AuthorizerId=identity)
    return {"ApiId": declared["ApiId"], **said}


def pool(emulator: Emulator, identity: str, _: Mapping[str, Any]) -> Properties:
    cognito = emulator.client("cognito-idp")
    said = cognito.describe_user_pool(UserPoolId=identity)["UserPool"]
    factors = cognito.get_user_pool_mfa_config(UserPoolId=identity)
    by_program = factors.get("SoftwareTokenMfaConfiguration", {}).get("Enabled")
    return {
        **said,
        "EnabledMfas": ["SOFTWARE_TOKEN_MFA"] if by_program else [],
        "MfaConfiguration": factors["MfaConfiguration"],
    }


def client(emulator: Emulator, identity: str, declared: Mapping[str, Any]) -> Properties:
    cognito = emulator.client("cognito-idp")
    said = cognito.describe_user_pool_client(UserPoolId=declared["UserPoolId"], ClientId=identity)["UserPoolClient"]
    return {**said, "GenerateSecret": "ClientSecret" in said}


def scopes(emulator: Emulator, identity: str, declared: Mapping[str, Any]) -> Properties:
    cognito = emulator.client("cognito-idp")
    said = cognito.describe_resource_server(UserPoolId=declared["UserPoolId"], Identifier=identity)
    return dict(said["ResourceServer"])


def domain(emulator: Emulator, name: str, _: Mapping[str, Any]) -> Properties:
    said = emulator.client("cognito-idp").describe_user_pool_domain(Domain=name)
    return dict(said["DomainDescription"])


READERS: dict[str, Reader] = {
    "AWS::ApiGatewayV2::Api": api,
    "AWS::ApiGatewayV2::Authorizer": authorizer,
    "AWS::ApiGatewayV2::Integration": integration,
    "AWS::ApiGatewayV2::Route": route,
    "AWS::ApiGatewayV2::Stage": stage,
    "AWS::Cognito::UserPool": pool,
    "AWS::Cognito::UserPoolClient": client,
    "AWS::Cognito::UserPoolDomain": domain,
    "AWS::Cognito::UserPoolResourceServer": scopes,
}
