"""What a TensorFlow Lite file holds, read from its bytes with every offset checked.

A reader of the flatbuffer format for the few fields a quantised image network needs; field numbers are those of
schema.fbs (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

import math
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from swipr.errors import ModelError

IDENTIFIER = b"TFL3"
MAX_TENSORS = 10_000
_OPERATIONS = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 6: "DEQUANTIZE", 9: "FULLY_CONNECTED",
    22: "RESHAPE", 25: "SOFTMAX", 40: "MEAN", 114: "QUANTIZE",
}  # fmt: skip
_KINDS = {0: "float32", 2: "int32", 3: "uint8", 4: "int64", 9: "int8"}
#: Field and format of each option that means something, by operation.
_OPTIONS: Mapping[str, Mapping[str, tuple[int, str, int]]] = {
    "CONV_2D": {
        "padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0), "activation": (3, "b", 0),
        "dilation_w": (4, "i", 1), "dilation_h": (5, "i", 1),
    },
    "DEPTHWISE_CONV_2D": {
        "padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0), "multiplier": (3, "i", 0),
        "activation": (4, "b", 0), "dilation_w": (5, "i", 1), "dilation_h": (6, "i", 1),
    },
    "ADD": {"activation": (0, "b", 0)},
}  # fmt: skip


class Tensor(NamedTuple):
    """`scales` float32 and `zero_points` int64: empty, one, or one for each place along `axis`."""

    shape: tuple[int, ...]
    kind: str
    scales: np.ndarray
    zero_points: np.ndarray
    axis: int
    data: np.ndarray | None
    """Of `kind` and `shape`, read-only; None for what is computed."""


class Operation(NamedTuple):
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int]


class Network(NamedTuple):
    """Operations in the order they run; numbers are places in `tensors`."""

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]


def read(data: bytes) -> Network:
    """Raises ModelError for bytes that are not a whole network of known operations."""
    if data[4:8] != IDENTIFIER:
        raise ModelError("the network is not a TensorFlow Lite file")
    try:
        return _network(data)
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise ModelError(f"the network is a damaged TensorFlow Lite file ({error})") from error


class _Table:
    """One flatbuffer table; every read stays inside the file or raises ValueError."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        vtable = at - _number(data, at, "i")
        size = _number(data, vtable, "H")
        if size < 4 or size % 2:
            raise ValueError("a table without fields")
        self._fields = struct.unpack(f"<{size // 2 - 2}H", _part(data, vtable + 4, size - 4))

    def number(self, field: int, form: str, default: int = 0) -> int:
        at = self._place(field)
        return default if at is None else _number(self._data, at, form)

    def table(self, field: int) -> "_Table | None":
        at = self._place(field)
        return None if at is None else _Table(self._data, at + _number(self._data, at, "I"))

    def tables(self, field: int) -> "Iterator[_Table]":
        start, length = self._vector(field, 4)
        if length > MAX_TENSORS:
            raise ValueError(f"{length} parts in one list")
        for at in range(start, start + 4 * length, 4):
            yield _Table(self._data, at + _number(self._data, at, "I"))

    def array(self, field: int, kind: str) -> np.ndarray:
        """The vector of numbers, empty where there is none."""
        form = np.dtype(kind).newbyteorder("<")
        start, length = self._vector(field, form.itemsize)
        return np.frombuffer(_part(self._data, start, length * form.itemsize), form)

    def _vector(self, field: int, item_bytes: int) -> tuple[int, int]:
        at = self._place(field)
        if at is None:
            return 0, 0
        start = at + _number(self._data, at, "I")
        length = _number(self._data, start, "I")
        _part(self._data, start + 4, length * item_bytes)
        return start + 4, length

    def _place(self, field: int) -> int | None:
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._at + offset if offset else None


def _part(data: bytes, at: int, size: int) -> bytes:
    if at < 0 or size < 0 or at + size > len(data):
        raise ValueError("it points outside itself")
    return data[at : at + size]


def _number(data: bytes, at: int, form: str) -> int:
    (value,) = struct.unpack(f"<{form}", _part(data, at, struct.calcsize(f"<{form}")))
    return int(value)


def _network(data: bytes) -> Network:
    model = _Table(data, _number(data, 0, "I"))
    graphs = list(model.tables(2))
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} graphs, not one")
    codes = [_operation_name(code) for code in model.tables(1)]
    buffers = [buffer.array(0, "uint8") for buffer in model.tables(4)]
    tensors = tuple(_tensor(tensor, buffers) for tensor in graphs[0].tables(0))
    operations = tuple(_operation(operation, codes, len(tensors)) for operation in graphs[0].tables(3))
    return Network(tensors, operations, _places(graphs[0], 1, len(tensors)))


def _operation_name(code: _Table) -> str:
    number = max(code.number(0, "b"), code.number(3, "i"))
    name = _OPERATIONS.get(number)
    if name is None:
        raise ModelError(f"the network uses TensorFlow Lite's operation {number}, which is not known here")
    return name


def _operation(table: _Table, codes: list[str], tensors: int) -> Operation:
    kind = codes[table.number(0, "I")]
    options = table.table(4)
    named = {
        name: options.number(field, form, default) if options else default
        for name, (field, form, default) in _OPTIONS.get(kind, {}).items()
    }
    return Operation(kind, _places(table, 1, tensors), _places(table, 2, tensors), named)


def _places(table: _Table, field: int, tensors: int) -> tuple[int, ...]:
    places = tuple(int(place) for place in table.array(field, "int32"))
    if any(not 0 <= place < tensors for place in places):
        raise ValueError("it names a tensor that is not there")
    return places


def _tensor(table: _Table, buffers: list[np.ndarray]) -> Tensor:
    shape = tuple(int(size) for size in table.array(0, "int32"))
    kind = _KINDS.get(table.number(1, "b"))
    if kind is None:
        raise ModelError("the network holds numbers of a kind that is not known here")
    scale = table.table(4)
    scales = scale.array(2, "float32") if scale else np.zeros(0, np.float32)
    zero_points = scale.array(3, "int64") if scale else np.zeros(0, np.int64)
    axis = scale.number(6, "i") if scale else 0
    if len(scales) != len(zero_points) or not (np.isfinite(scales).all() and (scales > 0).all()):
        raise ValueError("a scale that is none")
    return Tensor(shape, kind, scales, zero_points, axis, _data(buffers[table.number(2, "I")], shape, kind))


def _data(buffer: np.ndarray, shape: tuple[int, ...], kind: str) -> np.ndarray | None:
    if not len(buffer):
        return None
    form = np.dtype(kind).newbyteorder("<")
    if any(size < 0 for size in shape) or math.prod(shape) * form.itemsize != len(buffer):
        raise ValueError("a tensor whose numbers do not fill its shape")
    return buffer.view(form).reshape(shape)
