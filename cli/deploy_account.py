"""The AWS account that is deployed to: clients with time-outs, who asks, and the first user."""

from collections.abc import Callable
from typing import Any, Final

from cli.deploy_stack import DeployError
from swipr.aws.errors import AwsError, call

#: Of a service, in the region of the stack.
Clients = Callable[[str], Any]
CONNECT_S: Final = 5.0
READ_S: Final = 60.0
_NO_CREDENTIALS = (
    "no credentials of AWS are found, or not whole. Sign in with the AWS command line (`aws configure sso`), name a "
    "profile in AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; then deploy again"
)
_REFUSED = (
    "AWS takes these credentials no more, or never did ({code}): sign in again, then deploy again. Or this account has "
    "not switched the region on, as newer ones must be"
)
_SAID = {
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "CredentialRetrievalError": _NO_CREDENTIALS,
    "TokenRetrievalError": _NO_CREDENTIALS,
    "UnauthorizedSSOTokenError": _NO_CREDENTIALS,
    "SSOTokenLoadError": _NO_CREDENTIALS,
    "EndpointConnectionError": "AWS cannot be reached; is there a network, and does the region exist?",
    "ConnectTimeoutError": "AWS does not answer; is there a network, and does the region exist?",
}


def default_region() -> str:
    """Of the environment or the profile; empty if neither names one. Raises DeployError."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.session.Session().region_name or ""
    except BotoCoreError as error:  # a profile that is not there
        raise DeployError(f"{error}; correct AWS_PROFILE, then deploy again") from None


def clients_of(region: str) -> Clients:
    """They ask AWS_ENDPOINT_URL instead of AWS, where it is set."""
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard"})
    return lambda service: boto3.client(service, region_name=region, config=limits)


def account_of(clients: Clients) -> str:
    """Whose credentials these are. Raises DeployError with the next step."""
    try:
        account: str = call(clients("sts"), "get_caller_identity")["Account"]
    except AwsError as error:
        raise DeployError(_SAID.get(error.code, _REFUSED.format(code=error.code))) from None
    return account


def check_bucket_is_free(s3: Any, bucket: str) -> None:
    """A stack that was deleted leaves its bucket, which a new one of its name could not make. Raises DeployError."""
    try:
        call(s3, "head_bucket", Bucket=bucket)
    except AwsError as error:
        if error.code in ("404", "NoSuchBucket"):
            return
        raise
    raise DeployError(
        f"there is no such stack, but its bucket {bucket} is there, with what a deleted one kept. Choose another "
        "--stack, or empty and delete the bucket; then deploy again"
    )


def in_words(error: AwsError) -> str:
    """For whoever deploys, who may read what their own account says."""
    said = error.answer.get("Error", {}).get("Message", "")
    return f"{error}: {said}" if said else str(error)


def add_first_user(cognito: Any, pool: str, email: str) -> bool:
    """Whether they are new; Cognito then mails them a password, good for a week.

    Idempotent. Raises AwsError.
    """
    try:
        call(
            cognito,
            "admin_create_user",
            UserPoolId=pool,
            Username=email,
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
            DesiredDeliveryMediums=["EMAIL"],
        )
    except AwsError as error:
        if error.code == "UsernameExistsException":
            return False
        raise
    return True
