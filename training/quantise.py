"""Static int8 for a network whose inside is not known here: onnxruntime's own tool, by calibration photos."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class _Photos(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime states no types
    def __init__(self, photos: np.ndarray) -> None:
        self._left = iter(photos[number : number + 1] for number in range(len(photos)))

    def get_next(self) -> dict[str, Any] | None:
        photo = next(self._left, None)
        return None if photo is None else {"image": photo}


def quantised(body: bytes, photos: np.ndarray) -> bytes:
    """Convolutions and products in integers, weights int8 per channel, activations uint8; all else as it is."""
    with tempfile.TemporaryDirectory() as made:
        source, target = Path(made, "float.onnx"), Path(made, "int8.onnx")
        source.write_bytes(body)
        quantize_static(
            source,
            target,
            _Photos(photos),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "Relu", "Clip"],
        )
        return target.read_bytes()
