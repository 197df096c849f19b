"""The template as CloudFormation gets it: with the roles, permissions and schedules that SAM makes of it."""

import os
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from local.intrinsics import TagLoader

_CODE = ("CodeUri", "ContentUri")
_SOMEWHERE = "s3://code/archive.zip"


class _NoManagedPolicies:
    """SAM may attach none: each role is written out in the template."""

    def load(self) -> dict[str, str]:
        return {}


def translated(template: Path, region: str = "eu-central-1") -> dict[str, Any]:
    """Plain CloudFormation, code anywhere. Only where what the checks need is installed."""
    with warnings.catch_warnings(), mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": region}):
        warnings.simplefilter("ignore")  # the translator's own imports warn of pydantic's v1 models
        from samtranslator.translator.transform import transform

        made: dict[str, Any] = transform(_packaged(source(template)), {}, _NoManagedPolicies())
    return made


def source(template: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(template.read_text("utf-8"), Loader=TagLoader)  # noqa: S506 - a SafeLoader
    return read


def _packaged(document: dict[str, Any]) -> dict[str, Any]:
    """With addresses in a bucket for local folders, as packaging makes them."""
    for body in document["Resources"].values():
        for key in _CODE:
            if key in body.get("Properties", {}):
                body["Properties"][key] = _SOMEWHERE
    return document
