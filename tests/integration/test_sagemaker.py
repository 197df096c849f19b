"""A training job per hand-off, however often it is asked for."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

import swipr.aws
from swipr.aws import clients
from swipr.aws.errors import AwsError
from swipr.aws.sagemaker import SageMakerTrainer
from swipr.models import Handoff, RefitRequest
from tests.aws_stack import AwsStack
from tests.moto_world import moto_world
from tests.trained import USER, Trained, trained_home

ROLE = "arn:aws:iam::123456789012:role/training"


@pytest.fixture
def aws() -> Iterator[AwsStack]:
    with moto_world() as world:
        yield world


@pytest.fixture
def handoff(tmp_path: Any) -> Iterator[Handoff]:
    with trained_home(tmp_path / "home", labels=12) as trained:
        yield trained.handoff


class Refusing:
    """SageMaker that answers every request with this error."""

    meta = SimpleNamespace(service_model=SimpleNamespace(service_name="sagemaker"))

    def __init__(self, code: str, message: str = "") -> None:
        self.error = {"Error": {"Code": code, "Message": message}}
        self.calls = 0

    def create_training_job(self, **_: Any) -> None:
        self.calls += 1
        raise ClientError(self.error, "CreateTrainingJob")  # type: ignore[arg-type]


def trainer(client: Any) -> SageMakerTrainer:
    return SageMakerTrainer(client, bucket="b", role=ROLE, image="image", instance="ml.m5.xlarge", jobs="swipr")


def test_a_stack_without_a_trainer_has_none(aws: AwsStack) -> None:
    assert aws.settings.trainer == "none"
    assert swipr.aws.trainer(aws.settings) is None


def test_the_job_is_named_after_the_hand_off_and_runs_the_same_command(aws: AwsStack, handoff: Handoff) -> None:
    chosen = {"trainer": "sagemaker", "trainer_role": ROLE, "trainer_image": "image", "trainer_instance": "ml.m5.large"}
    built = swipr.aws.trainer(aws.settings.model_copy(update=chosen))
    assert built is not None

    said = built.start(handoff)

    name = f"swipr-{handoff.handoff_id}"
    assert said == f"SageMaker training job {name}"
    job = clients.sagemaker().describe_training_job(TrainingJobName=name)
    assert job["RoleArn"] == ROLE
    assert job["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    source = job["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert source["S3Uri"] == f"s3://{aws.settings.bucket}/training/code.zip"
    command = job["AlgorithmSpecification"]["ContainerEntrypoint"][-1]
    assert 'python -m training.train --bucket "$BUCKET" --handoff "$HANDOFF"' in command


def test_a_name_that_is_taken_is_the_job_that_was_asked_for(handoff: Handoff) -> None:
    client = Refusing("ResourceInUse", "Training job names must be unique within an AWS account and region")
    asked = trainer(client)

    assert asked.start(handoff) is None
    assert asked.start(handoff) is None
    assert client.calls == 1


@pytest.mark.parametrize("code", ["ResourceLimitExceeded", "AccessDeniedException", "ValidationException"])
def test_what_sagemaker_refuses_is_told_and_tried_again(handoff: Handoff, code: str) -> None:
    client = Refusing(code)
    asked = trainer(client)

    for _ in range(2):
        with pytest.raises(AwsError, match=f"sagemaker create_training_job: {code}"):
            asked.start(handoff)
    assert client.calls == 2


def test_a_long_stack_name_still_gives_a_name(handoff: Handoff) -> None:
    client = Refusing("ResourceInUse")
    seen: list[str] = []
    client.create_training_job = lambda **job: seen.append(job["TrainingJobName"])  # type: ignore[method-assign]

    SageMakerTrainer(client, bucket="b", role=ROLE, image="i", instance="m", jobs="s" * 37).start(handoff)

    assert len(seen[0]) == 63


class Asked:
    def __init__(self, error: Exception | None = None) -> None:
        self.handoffs: list[str] = []
        self.error = error

    def start(self, handoff: Handoff) -> str | None:
        self.handoffs.append(handoff.handoff_id)
        if self.error:
            raise self.error
        return "started"


@pytest.fixture
def trained(tmp_path: Any) -> Iterator[Trained]:
    with trained_home(tmp_path / "trained", labels=12) as trained:
        yield trained


def test_training_is_asked_for_after_each_refit_of_a_day_as_the_first_time_may_have_got_lost(trained: Trained) -> None:
    lost, asked = Asked(OSError("away")), Asked()
    with pytest.raises(OSError, match="away"):
        trained.feedback(trainer=lost).refit(RefitRequest(user_id=USER))

    learned = trained.feedback(trainer=asked).refit(RefitRequest(user_id=USER))
    trained.home.clock.sleep(timedelta(days=1).total_seconds())
    later = trained.feedback(trainer=asked).refit(RefitRequest(user_id=USER))

    assert (learned.training, later.training) == ("started", None)
    assert asked.handoffs == [trained.handoff.handoff_id]


def test_without_a_trainer_nothing_is_started(trained: Trained) -> None:
    assert trained.feedback().refit(RefitRequest(user_id=USER)).training is None
