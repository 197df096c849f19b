"""What an ONNX file declares, read from its bytes before any session may see them.

A reader of the protobuf wire format for the few fields that decide whether a file is safe to run; field numbers
are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from swipr.errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOATS = {1: "<f4", 10: "<f2", 11: "<f8"}  # TensorProto.DataType, as raw data has it
_MAX_DEPTH = 8  # graphs within nodes within graphs


class Declared(NamedTuple):
    """`domains` of the operators used; `external`: weights lie outside; `finite`: every float weight is.

    `opset`: of the standard operators, 0 if it states none. `nested`: graphs within nodes, so it may loop.
    """

    domains: frozenset[str]
    external: bool
    finite: bool
    opset: int = 0
    nested: bool = False


def declared(model: bytes, name: str = "the backbone") -> Declared:
    """Raises ModelError for bytes that are not an ONNX model; `name` is what it calls them."""
    found = _Found(name)
    try:
        _model(memoryview(model), found)
    except (IndexError, ValueError) as error:
        raise ModelError(f"{name} is not an ONNX file") from error
    if not found.graphs:
        raise ModelError(f"{name} is not an ONNX file")
    return Declared(frozenset(found.domains), found.external, found.finite, found.opset, found.nested)


class _Found:
    def __init__(self, name: str) -> None:
        self.name = name
        self.opset = 0
        self.nested = False
        self.domains: set[str] = set()
        self.external = False
        self.finite = True
        self.graphs = 0


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """(field number, varint value, bytes) of one message; raises ValueError where it does not add up."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        value = 0
        body = data[:0]
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        elif kind == _BYTES:
            length, at = _varint(data, at)
            body = data[at : at + length]
            at += length
        else:
            raise ValueError("unknown wire type")
        if at > len(data):
            raise ValueError("cut short")
        yield key >> 3, value, body


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")


def _model(data: memoryview, found: _Found) -> None:
    for field, _, body in _fields(data):
        if field == 7:
            _graph(body, found, 0)
        elif field == 8:  # opset_import
            _opset(body, found)
        elif field in (20, 25):  # training_info, functions
            raise ModelError(f"{found.name} holds training information or functions of its own")


def _opset(data: memoryview, found: _Found) -> None:
    domain, version = "", 0
    for field, value, body in _fields(data):
        if field == 1:
            domain = str(body, "utf-8")
        elif field == 2:
            version = value
    found.domains.add(domain)
    if domain in ("", "ai.onnx"):
        found.opset = max(found.opset, version)


def _graph(data: memoryview, found: _Found, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError("graphs too deep")
    found.nested |= depth > 0
    found.graphs += 1
    for field, _, body in _fields(data):
        if field == 1:
            _node(body, found, depth)
        elif field == 5:
            _tensor(body, found)
        elif field == 15:  # sparse_initializer
            raise ModelError(f"{found.name} holds sparse weights")


def _node(data: memoryview, found: _Found, depth: int) -> None:
    for field, _, body in _fields(data):
        if field == 7:
            found.domains.add(str(body, "utf-8"))
        elif field == 5:
            _attribute(body, found, depth)


def _attribute(data: memoryview, found: _Found, depth: int) -> None:
    for field, _, body in _fields(data):
        if field in (5, 10):
            _tensor(body, found)
        elif field in (6, 11):
            _graph(body, found, depth + 1)
        elif field in (22, 23):
            raise ModelError(f"{found.name} holds sparse weights")


def _tensor(data: memoryview, found: _Found) -> None:
    kind, bodies = 0, []
    for field, value, body in _fields(data):
        if field == 2:
            kind = value
        elif field == 13 or (field == 14 and value == 1):
            found.external = True
        elif field in (4, 9):  # float_data, raw_data
            bodies.append(body)
    layout = _FLOATS.get(kind)
    for body in bodies:
        if layout is not None and len(body) % np.dtype(layout).itemsize == 0:
            found.finite &= bool(np.isfinite(np.frombuffer(body, layout)).all())
