"""Signed addresses of objects over HTTP: reading with ranges, and uploading by form as S3's presigned POST."""

from collections.abc import Iterator
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData
from werkzeug.wrappers import Request, Response

from local.blobs import FileBlobs
from swipr.api import console_files
from swipr.errors import InputError, NotFoundError
from swipr.models import BlobRange

PREFIX = "/blobs"
CHUNK_BYTES = 64 * 1024
#: S3 allows 20 kB of fields before the file.
FIELDS_BYTES = 20_480


class UploadError(Exception):
    """A form that is not accepted; `code` is S3's word for why."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class BlobDoor:
    def __init__(self, blobs: FileBlobs) -> None:
        self._blobs = blobs

    def handle(self, request: Request) -> Response:
        try:
            if request.path == PREFIX and request.method == "POST":
                return self._store(request)
            if request.path.startswith(f"{PREFIX}/") and request.method in ("GET", "HEAD"):
                return self._serve(request, request.path.removeprefix(f"{PREFIX}/"))
        except UploadError as refused:
            return _error(refused.status, refused.code)
        except (PermissionError, InputError, ValueError):
            return _error(403, "AccessDenied")
        except NotFoundError:
            return _error(404, "NoSuchKey")
        return _error(405, "MethodNotAllowed")

    # --- reading

    def _serve(self, request: Request, key: str) -> Response:
        expires, signature = request.args.get("expires", ""), request.args.get("signature", "")
        self._blobs.verify_get(key, expires=expires, signature=signature)
        size = self._blobs.size(key)
        headers = Headers({"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"})
        if key.startswith(f"{console_files.FOLDER}/"):
            headers["Cache-Control"] = console_files.KEEP
        wanted = request.range
        if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
            return self._part(request, key, 0, size, headers, status=200)
        inside = wanted.range_for_length(size)
        if inside is None:
            headers["Content-Range"] = f"bytes */{size}"
            return _error(416, "InvalidRange", headers)
        headers["Content-Range"] = f"bytes {inside[0]}-{inside[1] - 1}/{size}"
        return self._part(request, key, *inside, headers, status=206)

    def _part(self, request: Request, key: str, start: int, stop: int, headers: Headers, *, status: int) -> Response:
        kind = self._blobs.content_type(key)
        headers["Content-Length"] = str(stop - start)
        # HEAD has the length of the body that GET would send
        body: Any = [] if request.method == "HEAD" else self._pieces(key, start, stop)
        return Response(body, status, headers, content_type=kind, direct_passthrough=True)

    def _pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, CHUNK_BYTES * 16):
            last = min(first + CHUNK_BYTES * 16, stop) - 1
            yield self._blobs.get_range(BlobRange(key=key, first=first, last=last))

    # --- uploading

    def _store(self, request: Request) -> Response:
        kind, options = parse_options_header(request.content_type)
        if kind != "multipart/form-data" or "boundary" not in options:
            raise UploadError(400, "MalformedPOSTRequest")
        form = _Form(options["boundary"].encode(), request)
        fields = form.fields_before_file()
        grant = self._blobs.verify_post(fields)
        content_type = fields.get("Content-Type", "application/octet-stream")
        self._blobs.put_pieces(grant.key, _within(form.file_pieces(), grant.max_bytes), content_type=content_type)
        return Response(status=204)


def _within(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """The one file's bytes; what follows it is ignored, as S3 does. Raises UploadError outside of the size range."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise UploadError(400, "EntityTooLarge")
        yield piece
    if size == 0:
        raise UploadError(400, "EntityTooSmall")


class _Form:
    """A multipart form read piece by piece."""

    def __init__(self, boundary: bytes, request: Request) -> None:
        self._decoder = MultipartDecoder(boundary)
        self._stream = request.stream

    def fields_before_file(self) -> dict[str, str]:
        """Raises UploadError if no file follows or the fields are too long."""
        fields: dict[str, str] = {}
        name, length = "", 0
        for event in self._events():
            if isinstance(event, File):
                return fields
            if isinstance(event, Field):
                name = event.name
                fields[name] = ""
            elif isinstance(event, Data):
                length += len(event.data)
                if length > FIELDS_BYTES:
                    raise UploadError(400, "MaxPostPreDataLengthExceededError")
                fields[name] += event.data.decode(errors="replace")
        raise UploadError(400, "IncorrectNumberOfFilesInPostRequest")

    def file_pieces(self) -> Iterator[bytes]:
        for event in self._events():
            if not isinstance(event, Data):
                break
            yield event.data
            if not event.more_data:
                return
        raise UploadError(400, "MalformedPOSTRequest")

    def _events(self) -> Iterator[object]:
        while True:
            try:
                event = self._decoder.next_event()
                if isinstance(event, NeedData):
                    self._decoder.receive_data(self._stream.read(CHUNK_BYTES) or None)
                    continue
            except ValueError:
                raise UploadError(400, "MalformedPOSTRequest") from None
            if isinstance(event, Epilogue):
                return
            yield event


def _error(status: int, code: str, headers: Headers | None = None) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return Response(body, status, headers, content_type="application/xml")
