"""A training job per hand-off, of the very modules that `swipr train` runs.

The job gets one input, the object `training/code.zip` of the bucket: `training/`, `local/`, `backbones/` and
`layers/common/` of the repository as they are, and a folder `weights/` with what there is to begin with. Everything
else it reads and writes by itself, with its own role: the hand-off, kept photos, and the candidate in the inbox.
"""

from typing import Any, Final

from swipr.aws.errors import AwsError, call
from swipr.models import Handoff

CODE: Final = "training/code.zip"
#: SageMaker wants a place for what a job leaves in its model folder; ours leaves nothing there.
OUTPUT: Final = "training/jobs/"
HOURS: Final = 6
VOLUME_GB: Final = 30
NAME_CHARACTERS: Final = 63
#: The zip, then the same command as anywhere else.
COMMAND: Final = (
    "cd /tmp && python -m zipfile -e /opt/ml/input/data/code/code.zip swipr && cd swipr && "
    'PYTHONPATH=.:layers/common exec python -m training.train --bucket "$BUCKET" --handoff "$HANDOFF"'
)


class SageMakerTrainer:
    """`ports.Trainer`. The job is named after the hand-off, and a name is given once. Raises AwsError."""

    def __init__(self, client: Any, *, bucket: str, role: str, image: str, instance: str, jobs: str) -> None:
        self._client, self._bucket, self._role = client, bucket, role
        self._image, self._instance, self._jobs = image, instance, jobs
        self._started: dict[str, str] = {}

    def start(self, handoff: Handoff) -> str | None:
        """One call a process and hand-off: what was started here is not asked for again."""
        name = f"{self._jobs}-{handoff.handoff_id}"[:NAME_CHARACTERS]
        if name in self._started:
            return None
        try:
            call(self._client, "create_training_job", **self._job(name, handoff.handoff_id))
        except AwsError as error:
            if not _is_taken(error):
                raise
            self._started[name] = name
            return None
        self._started[name] = name
        return f"SageMaker training job {name}"

    def _job(self, name: str, handoff_id: str) -> dict[str, Any]:
        return {
            "TrainingJobName": name,
            "RoleArn": self._role,
            "AlgorithmSpecification": {
                "TrainingImage": self._image,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["sh", "-c", COMMAND],
            },
            "Environment": {"BUCKET": self._bucket, "HANDOFF": handoff_id, "SWIPR_WEIGHTS": "weights"},
            "InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": self._source()}}],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self._bucket}/{OUTPUT}"},
            "ResourceConfig": {"InstanceType": self._instance, "InstanceCount": 1, "VolumeSizeInGB": VOLUME_GB},
            "StoppingCondition": {"MaxRuntimeInSeconds": HOURS * 3600},
        }

    def _source(self) -> dict[str, str]:
        return {
            "S3DataType": "S3Prefix",
            "S3Uri": f"s3://{self._bucket}/{CODE}",
            "S3DataDistributionType": "FullyReplicated",
        }


def _is_taken(error: AwsError) -> bool:
    """SageMaker keeps names for good, also of jobs that have ended."""
    words = str(error.answer.get("Error", {}).get("Message", "")).lower()
    return error.code == "ResourceInUse" or (error.code == "ValidationException" and "already exists" in words)
