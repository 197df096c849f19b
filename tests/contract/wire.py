"""Requests to signed addresses: over HTTP, or straight to the door of the local runtime."""

from collections.abc import Callable

import requests
from werkzeug.test import Client
from werkzeug.wrappers import Request

from local.blob_door import BlobDoor
from local.blobs import FileBlobs

Answer = tuple[int, bytes]
"""Status and body."""
Send = Callable[[requests.Request], Answer]


def over_http(asked: requests.Request) -> Answer:
    with requests.Session() as session:
        session.trust_env = False  # no proxy of this machine's
        answer = session.send(asked.prepare(), timeout=10)
        return answer.status_code, answer.content


def to_door(blobs: FileBlobs) -> Send:
    client = Client(Request.application(BlobDoor(blobs).handle))

    def send(asked: requests.Request) -> Answer:
        ready = asked.prepare()
        address = ready.path_url.partition("?")
        answer = client.open(
            address[0], method=ready.method, query_string=address[2], data=ready.body, headers=dict(ready.headers)
        )
        return answer.status_code, answer.data

    return send
