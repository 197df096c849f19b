"""The only reader of the environment. `template.yaml` sets exactly these; a test compares the two."""

import os
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Settings(BaseModel):
    """Names of resources and installation-wide values. Per-user choices live in the users table.

    Each field is read from the variable of its name in capitals, for example `users_table` from `USERS_TABLE`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    swipr_world: str = "swipr.aws"
    users_table: str
    decisions_table: str
    acted_table: str
    labels_table: str
    models_table: str
    matches_table: str
    requests_table: str
    bucket: str
    key_id: str
    sessions_queue_url: str = ""
    refits_queue_url: str = ""
    judge_function: str = ""
    judge_wait_s: float = Field(default=65.0, gt=0)
    """How long one call of the judge is waited for: above its own time-out."""
    aws_wait_s: float = Field(default=20.0, gt=0)
    """The longest that any other call to AWS may be silent, in seconds; most are given up earlier."""
    api_judge_wait_s: float = Field(default=20.0, gt=0)
    api_aws_wait_s: float = Field(default=5.0, gt=0)
    """The same where somebody waits for an answer, names of their own as functions may share a process."""
    tinder_api: str = "https://api.gotinder.com"
    tinder_photo_hosts: str = ".gotinder.com"
    """Comma-separated host suffixes photos may be fetched from."""
    tinder_like_method: Literal["GET", "POST"] = "POST"
    tinder_pass_method: Literal["GET", "POST"] = "GET"  # noqa: S105  an HTTP method
    tinder_platform: str = "web"
    """The header `platform`; empty sends none. Sources disagree about these three."""
    simulator_api: str = ""
    """Where the deck `simulator` is, if there is one."""
    folder_deck: str = ""
    """The folder of photos that is the deck `folder`; the local runner names it, nothing on AWS does."""
    folder_results: str = ""
    """Where the deck `folder` writes its results."""
    folder_moves: bool = False
    """The deck `folder` moves photos into its results, instead of linking to them."""
    trainer: Literal["none", "sagemaker"] = "none"
    """Who trains on a hand-off by itself; with `none` somebody runs `swipr train` or opens the notebook."""
    trainer_role: str = ""
    trainer_image: str = ""
    trainer_instance: str = ""
    """What SageMaker runs as what, on which machine."""
    trainer_jobs: str = "swipr"
    """What the names of training jobs begin with."""
    code_version: str = "unknown"
    """Which code fitted a model; part of its lineage."""
    console_dir: str = "/opt/python/console"
    objects_origin: str = ""
    """Where addresses of objects lead and forms are sent, if not to the page's own origin."""
    sign_in_url: str = ""
    """Origin of the page people sign in on; empty where a one-use token in the page's address does it."""
    sign_in_client: str = ""
    decision_days: int = Field(default=30, ge=1, le=365)
    session_photo_days: int = Field(default=7, ge=1, le=30)


def for_waiting(chosen: Settings) -> Settings:
    """The settings of a function whose answer somebody waits for."""
    return chosen.model_copy(update={"judge_wait_s": chosen.api_judge_wait_s, "aws_wait_s": chosen.api_aws_wait_s})


@cache
def load() -> Settings:
    """Raises ValueError naming each variable that is missing or wrong."""
    present = {name: os.environ[name.upper()] for name in Settings.model_fields if name.upper() in os.environ}
    try:
        return Settings.model_validate(present)
    except ValidationError as error:
        wrong = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise ValueError(f"settings: {wrong}") from None
