"""Objects in S3: one bucket, and addresses that serve or take one object for a while."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from swipr.aws.errors import AwsError, call, read_body
from swipr.blob_keys import check_key, check_listed, check_prefix
from swipr.errors import InputError, NotFoundError
from swipr.models import BlobRange

#: 403 is what S3 says of an absent object to whoever may not list the bucket, and our functions may list little of it.
_ABSENT = frozenset({"NoSuchKey", "404", "AccessDenied", "403", "InvalidRange", "416"})
_DELETES = 1000  # of one request, as S3 has it
_TRIES = 3


class S3Blobs:
    """`ports.Blobs` in one bucket. Raises AwsError."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def put(self, key: str, body: bytes, *, content_type: str = "application/octet-stream") -> None:
        place = {"Bucket": self._bucket, "Key": check_key(key)}
        call(self._client, "put_object", **place, Body=body, ContentType=content_type)

    def get(self, key: str) -> bytes:
        return self._get(check_key(key))

    def get_range(self, part: BlobRange) -> bytes:
        length = part.last - part.first + 1
        if length < 1:
            raise InputError("last", f"{part.last} is below first, {part.first}")
        body = self._get(check_key(part.key), Range=f"bytes={part.first}-{part.last}")
        if len(body) != length:
            raise NotFoundError(f"{part.key} ends before byte {part.last}")
        return body

    def keys(self, prefix: str) -> Sequence[str]:
        arguments = {"Bucket": self._bucket, "Prefix": check_prefix(prefix)}
        found: list[str] = []
        while True:
            page = call(self._client, "list_objects_v2", **arguments)
            found += [entry["Key"] for entry in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return sorted(found)
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, keys: Iterable[str]) -> None:
        left = iter(dict.fromkeys([check_listed(key) for key in keys]))
        while batch := list(islice(left, _DELETES)):
            self._delete(batch)

    def presign_get(self, key: str, *, expires_s: int) -> str:
        place = {"Bucket": self._bucket, "Key": check_key(key)}
        address: str = call(
            self._client, "generate_presigned_url", ClientMethod="get_object", Params=place, ExpiresIn=expires_s
        )
        return address

    def presign_post(self, key: str, *, max_bytes: int, expires_s: int) -> tuple[str, dict[str, str]]:
        form = call(
            self._client,
            "generate_presigned_post",
            Bucket=self._bucket,
            Key=check_key(key),
            Conditions=[["content-length-range", 1, max_bytes]],
            ExpiresIn=expires_s,
        )
        return form["url"], form["fields"]

    def _get(self, key: str, **part: str) -> bytes:
        try:
            answer = call(self._client, "get_object", Bucket=self._bucket, Key=key, **part)
        except AwsError as error:
            if error.code in _ABSENT:
                raise NotFoundError(key) from None
            raise
        return read_body(self._client, "get_object", answer["Body"])

    def _delete(self, keys: Sequence[str]) -> None:
        """All of them, or AwsError: what S3 names as not deleted is asked for again."""
        codes: list[str] = []
        for _ in range(_TRIES):
            objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
            answer = call(self._client, "delete_objects", Bucket=self._bucket, Delete=objects)
            errors: Sequence[Mapping[str, str]] = answer.get("Errors", [])
            keys, codes = [error["Key"] for error in errors], [error.get("Code", "unknown") for error in errors]
            if not keys:
                return
        raise AwsError("s3", "delete_objects", codes[0])
