"""The world on AWS: `bootstrap` imports this module by default.

The builders take the Settings and return the adapters. The SDK is imported when the first of them is called: what a
function does not use, it does not load. No module of this package has a builder's name: it would take its place.
"""

from typing import TYPE_CHECKING

from swipr.settings import Settings

if TYPE_CHECKING:
    from swipr.judging import Judge
    from swipr.ports import Blobs, Queue, Secrets, Store, Trainer


def store(settings: Settings) -> "Store":
    from swipr.aws import clients
    from swipr.aws.dynamo import DynamoStore
    from swipr.aws.tables import Tables

    return DynamoStore(clients.dynamodb(settings.aws_wait_s), Tables.of(settings))


def blobs(settings: Settings) -> "Blobs":
    from swipr.aws import clients
    from swipr.aws.s3 import S3Blobs

    return S3Blobs(clients.s3(settings.aws_wait_s), settings.bucket)


def queue(settings: Settings) -> "Queue":
    from swipr.aws import clients
    from swipr.aws.sqs import SqsQueue

    return SqsQueue(
        clients.sqs(settings.aws_wait_s), sessions_url=settings.sessions_queue_url, refits_url=settings.refits_queue_url
    )


def secrets(settings: Settings) -> "Secrets":
    from swipr.aws import clients
    from swipr.aws.kms import KmsSecrets
    from swipr.aws.tables import Tables

    return KmsSecrets(
        clients.kms(settings.aws_wait_s),
        clients.dynamodb(settings.aws_wait_s),
        key_id=settings.key_id,
        users=Tables.of(settings).users,
    )


def judge(settings: Settings) -> "Judge":
    from swipr.aws import clients
    from swipr.aws.lambda_judge import LambdaJudge

    return LambdaJudge(clients.judge(settings.judge_wait_s), settings.judge_function)


def trainer(settings: Settings) -> "Trainer | None":
    if settings.trainer != "sagemaker":
        return None
    from swipr.aws import clients
    from swipr.aws.sagemaker import SageMakerTrainer

    return SageMakerTrainer(
        clients.sagemaker(settings.aws_wait_s),
        bucket=settings.bucket,
        role=settings.trainer_role,
        image=settings.trainer_image,
        instance=settings.trainer_instance,
        jobs=settings.trainer_jobs,
    )
