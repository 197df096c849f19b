"""A histogram of colours beside what the network learned: its teacher knows kinds of things and cares less for colour.

Soft histogram over prototypes in opponent colours (van de Sande, Gevers and Snoek, "Evaluating color descriptors for
object and scene recognition", PAMI 2010), of the whole picture and of its quarters; square roots, so that histograms
compare by Hellinger's distance. Nothing of it is learned.
"""

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

if TYPE_CHECKING:
    from training.distil.graph import Writer

OUTPUT = "colour"
#: Beside 1 for the network; tuned on drawn portraits and these sets. More costs potato at 20 labels.
WEIGHT = 0.35
CELL_PX = 8  # colours are told apart by cells of so many pixels
SHARPNESS = 60.0
QUARTERS = 0.2  # weight of each quarter's histogram beside the whole picture's
_OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [0.7, -0.7, 0.0], [0.4, 0.4, -0.8]])


def prototypes() -> np.ndarray:
    """float64 (k, 3): four lightnesses of grey, six faint and ten strong hues, in opponent coordinates."""
    rings = [(1, 0.0), (6, 0.12), (10, 0.34)]
    chroma = [
        (radius * np.cos(2 * np.pi * step / count), radius * np.sin(2 * np.pi * step / count))
        for count, radius in rings
        for step in range(count)
    ]
    return np.array([(light, *pair) for light in (0.1, 0.37, 0.63, 0.9) for pair in chroma])


DIMENSIONS = 5 * len(prototypes())


def add(writer: "Writer", photo: str, size_px: int) -> None:
    """From the uint8 photo (n, size_px, size_px, 3) to the output (n, DIMENSIONS), in float."""
    points = prototypes()
    pixels = writer.add("Cast", writer.add("Transpose", photo, perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    cells = writer.add("AveragePool", pixels, kernel_shape=[CELL_PX] * 2, strides=[CELL_PX] * 2)
    kernel = (2 * SHARPNESS / 255 * points @ _OPPONENT)[:, :, None, None].astype(np.float32)
    offset = (-SHARPNESS * np.square(points).sum(axis=1)).astype(np.float32)
    shares = writer.add("Softmax", writer.add("Conv", cells, writer.weight(kernel), writer.weight(offset)), axis=1)
    half = size_px // CELL_PX // 2
    quarters = writer.add("AveragePool", shares, kernel_shape=[half] * 2, strides=[half] * 2)
    parts = [_roots(writer, writer.add("GlobalAveragePool", shares)), _roots(writer, quarters)]
    parts[1] = writer.add("Mul", parts[1], writer.weight(np.float32(QUARTERS)))
    writer.nodes.append(helper.make_node("Concat", parts, [OUTPUT], axis=1))


def _roots(writer: "Writer", shares: str) -> str:
    return writer.add("Flatten", writer.add("Sqrt", writer.add("Add", shares, writer.weight(np.float32(1e-5)))))
