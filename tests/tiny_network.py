"""A TensorFlow Lite file of a very small int8 network, and what it computes by plain integer arithmetic."""

from typing import Any

import flatbuffers
import numpy as np

SIZE = 32
CONV, DEPTHWISE, ADD, MEAN = 3, 4, 0, 40
NONE, RELU6 = 0, 3
INT8, INT32 = 9, 2


class Tiny:
    """Picture (32, 32, 3) -> conv to 8, halved -> deep -> 1x1 to 4 -> 1x1 to 4 -> sum of both -> 1x1 to 6 -> mean."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: list[dict[str, Any]] = []
        self.operations: list[dict[str, Any]] = []
        self.input = self.tensor((1, SIZE, SIZE, 3), 2 / 255, -1)
        x = self.conv(self.input, 16, 8, kernel=3, stride=2, activation=RELU6)
        x = self.deep(x, 16, 8)
        narrow = self.conv(x, 16, 4)
        again = self.conv(narrow, 16, 4)
        self.sum = self.tensor((1, 16, 16, 4), 0.04, 5)
        self.operation(ADD, [narrow, again], self.sum, activation=NONE)
        x = self.conv(self.sum, 16, 6, activation=RELU6)
        self.operation(MEAN, [x], self.tensor((1, 6), 6 / 255, -128))

    # --- the network

    def tensor(self, shape, scales, zeros, kind=INT8, data=None, axis=0) -> int:
        scales, zeros = np.atleast_1d(scales).astype(np.float32), np.atleast_1d(zeros).astype(np.int64)
        self.tensors.append(
            {"shape": shape, "scales": scales, "zeros": zeros, "kind": kind, "data": data, "axis": axis}
        )
        return len(self.tensors) - 1

    def operation(self, code, inputs, output, **options) -> None:
        self.operations.append({"code": code, "inputs": inputs, "output": output, "options": options})

    def conv(self, x, size, out, *, kernel=1, stride=1, activation=NONE) -> int:
        into = self.tensors[x]["shape"][3]
        weights = self.random.integers(-127, 128, (out, kernel, kernel, into)).astype(np.int8)
        return self._convolution(CONV, x, weights, 0, (1, size, size, out), stride, activation)

    def deep(self, x, size, channels) -> int:
        weights = self.random.integers(-127, 128, (1, 3, 3, channels)).astype(np.int8)
        return self._convolution(DEPTHWISE, x, weights, 3, (1, size, size, channels), 1, RELU6)

    def _convolution(self, code, x, weights, axis, shape, stride, activation) -> int:
        count = weights.shape[axis]
        scales = self.random.uniform(0.002, 0.006, count).astype(np.float32)
        kernel = self.tensor(weights.shape, scales, np.zeros(count), data=weights, axis=axis)
        bias = self.random.integers(-2000, 2000, count).astype(np.int32)
        biases = self.tensor((count,), scales * self.tensors[x]["scales"], np.zeros(count), INT32, bias)
        ends = (6 / 255, -128) if activation == RELU6 else (0.03, -3)
        output = self.tensor(shape, *ends)
        self.operation(code, [x, kernel, biases], output, stride=stride, activation=activation)
        return output

    # --- as a file

    def file(self) -> bytes:
        builder = flatbuffers.Builder(4096)
        codes = sorted({operation["code"] for operation in self.operations})
        buffers = [self._table(builder, {}, 1)]
        tensors = [self._tensor(builder, tensor, buffers) for tensor in self.tensors]
        operations = [self._operation(builder, operation, codes) for operation in self.operations]
        lists = {
            0: self._offsets(builder, tensors),
            1: self._numbers(builder, np.array([self.input], np.int32)),
            3: self._offsets(builder, operations),
        }
        graph = self._offsets(builder, [self._table(builder, lists, 5)])
        kinds = [self._table(builder, {3: ("i", code), 0: ("b", min(code, 127))}, 4) for code in codes]
        parts = {1: self._offsets(builder, kinds), 2: graph, 4: self._offsets(builder, buffers)}
        builder.Finish(self._table(builder, parts, 5), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, builder, tensor, buffers) -> int:
        if tensor["data"] is not None:
            body = self._numbers(builder, np.frombuffer(tensor["data"].tobytes(), np.uint8))
            buffers.append(self._table(builder, {0: body}, 1))
        scale = {
            2: self._numbers(builder, tensor["scales"]),
            3: self._numbers(builder, tensor["zeros"]),
            6: ("i", tensor["axis"]),
        }
        fields = {
            0: self._numbers(builder, np.array(tensor["shape"], np.int32)),
            1: ("b", tensor["kind"]),
            2: ("I", len(buffers) - 1 if tensor["data"] is not None else 0),
            4: self._table(builder, scale, 7),
        }
        return self._table(builder, fields, 5)

    def _operation(self, builder, operation, codes) -> int:
        chosen = operation["options"]
        if operation["code"] in (CONV, DEPTHWISE):
            deep = operation["code"] == DEPTHWISE
            fields = {
                1: ("i", chosen["stride"]),
                2: ("i", chosen["stride"]),
                4 if deep else 3: ("b", chosen["activation"]),
            }
            options = self._table(builder, fields | ({3: ("i", 1)} if deep else {}), 7)
        else:
            options = self._table(builder, {0: ("b", chosen.get("activation", NONE))}, 1)
        return self._table(
            builder,
            {
                0: ("I", codes.index(operation["code"])),
                1: self._numbers(builder, np.array(operation["inputs"], np.int32)),
                2: self._numbers(builder, np.array([operation["output"]], np.int32)),
                4: options,
            },
            5,
        )

    @staticmethod
    def _table(builder, fields, size) -> int:
        builder.StartObject(size)
        for field, value in fields.items():
            if isinstance(value, tuple):
                add = {"b": builder.PrependInt8Slot, "i": builder.PrependInt32Slot, "I": builder.PrependUint32Slot}
                add[value[0]](field, int(value[1]), 0)
            else:
                builder.PrependUOffsetTRelativeSlot(field, value, 0)
        return builder.EndObject()

    @staticmethod
    def _numbers(builder, values) -> int:
        return builder.CreateNumpyVector(values)

    @staticmethod
    def _offsets(builder, offsets) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    # --- what it computes

    def outputs(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Embedding (6,) and taps (8,) of uint8 (32, 32, 3), by integers as the file states them."""
        first = self.tensors[self.input]
        real = picture.astype(np.float32) * np.float32(1 / 127.5) - 1
        values = {self.input: self._quantised(real[None], first)}
        for operation in self.operations[:-1]:
            values[operation["output"]] = self._run(operation, values)
        last = self._real(values[self.operations[-1]["inputs"][0]], self.tensors[self.operations[-1]["inputs"][0]])
        stage = self._real(values[self.sum], self.tensors[self.sum])
        return last.mean(axis=(0, 1, 2)), np.concatenate([stage.mean(axis=(0, 1, 2)), stage.std(axis=(0, 1, 2))])

    def _run(self, operation, values) -> np.ndarray:
        output = self.tensors[operation["output"]]
        places = operation["inputs"]
        if operation["code"] == ADD:
            return self._quantised(sum(self._real(values[place], self.tensors[place]) for place in places), output)
        picture, weights, bias = (self.tensors[place] for place in places)
        x = values[places[0]].astype(np.int64) - picture["zeros"][0]
        kernel = weights["data"].astype(np.int64)
        stride, size = operation["options"]["stride"], kernel.shape[1]
        around = (size - 1) // 2
        before = 0 if stride == 2 else around
        x = np.pad(x, ((0, 0), (before, around), (before, around), (0, 0)))
        sums = np.zeros(output["shape"], np.int64) + bias["data"]
        high, wide = output["shape"][1:3]
        for row in range(size):
            for column in range(size):
                part = x[:, row : row + stride * high : stride, column : column + stride * wide : stride]
                if operation["code"] == DEPTHWISE:
                    sums += part * kernel[0, row, column]
                else:
                    sums += part @ kernel[:, row, column].T
        return self._quantised(sums * (picture["scales"][0] * weights["scales"]).astype(np.float64), output)

    @staticmethod
    def _quantised(real, tensor) -> np.ndarray:
        return np.clip(np.rint(real / tensor["scales"][0]) + tensor["zeros"][0], -128, 127).astype(np.int8)

    @staticmethod
    def _real(values, tensor) -> np.ndarray:
        return (values.astype(np.float64) - tensor["zeros"][0]) * tensor["scales"][0]
