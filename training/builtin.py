"""Make the built-in backbone from no data at all: colour, gradient, texture and patch statistics as one ONNX graph.

    python -m training.builtin [FOLDER]     (default: backbones/builtin)

Every weight is computed here: Gabor filters, colour prototypes, and patch filters and scales measured on pictures
that `training.drawings` draws. Needs the package `onnx`. The same code makes the same numbers, rounded so that the
last bits of another machine's arithmetic seldom show.
"""

import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from local import backbone_folder
from swipr import backbone
from training.drawings import draw

SIZE_PX = 128
OPSET = 17
IR_VERSION = 9
DRAWN = 600  # pictures that scales and the reference mean are measured on
BLOCKS = {"colour": 0.7, "gradient": 1.0, "texture": 0.5, "patches": 1.4}  # weights, tuned on train splits only

PATCH_SCALES = ((2, 90, 2), (4, 80, 1))  # the picture made smaller by, centres, stride
PATCH_SAMPLES = 40_000
PATCH_PX = 5
FLAT = 1e-3  # variance below which a patch counts as flat

NOTE = (
    "Made from no photographs. Clearly weaker than a pretrained network, above all where the kind of thing matters "
    "more than colour and texture; choose a pretrained backbone before labelling much, since features of two "
    "backbones cannot be mixed."
)


class Graph:
    """Collects nodes and weights; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        array = np.ascontiguousarray(np.asarray(values))
        if array.dtype != np.int64:
            array = np.round(array, 5).astype(np.float32)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def conv(self, x: str, kernels: np.ndarray, bias: np.ndarray | None = None, **attributes: Any) -> str:
        """`kernels` float (out, in, size, size); the picture keeps its size."""
        pad = kernels.shape[-1] // 2
        inputs = [x, self.weight(kernels)] + ([] if bias is None else [self.weight(bias)])
        return self.add("Conv", *inputs, pads=[pad] * 4, **attributes)

    def pool(self, x: str, size: int) -> str:
        return self.add("AveragePool", x, kernel_shape=[size, size], strides=[size, size])

    def flat(self, x: str) -> str:
        return self.add("Flatten", x)

    def roots(self, x: str) -> str:
        """Square roots: histograms compare better by Hellinger's distance than by Euclid's."""
        return self.add("Sqrt", self.add("Add", x, self.weight(np.array(1e-5))))

    def times(self, x: str, factor: float) -> str:
        return self.add("Mul", x, self.weight(np.array(factor)))

    def joined(self, *parts: str) -> str:
        return self.add("Concat", *parts, axis=1)

    def modulus(self, even: str, odd: str) -> str:
        energy = self.add("Add", self.add("Mul", even, even), self.add("Mul", odd, odd))
        return self.roots(energy)


@cache
def drawings(seed: int) -> np.ndarray:
    return draw(DRAWN, SIZE_PX, seed)


def opponent(graph: Graph, x: str) -> str:
    """RGB 0 to 1 -> lightness, red against green, yellow against blue; (n, 3, S, S)."""
    kernels = np.array([[1 / 3, 1 / 3, 1 / 3], [0.7, -0.7, 0.0], [0.4, 0.4, -0.8]])
    return graph.conv(x, kernels[:, :, None, None])


def colour(graph: Graph, x: str) -> str:
    """Soft histogram over prototypes of colour, of the whole picture and of its quarters."""
    prototypes = colour_prototypes()
    sharpness = 60.0
    small = graph.pool(x, 4)  # (n, 3, 32, 32)
    nearness = graph.conv(
        small, 2 * sharpness * prototypes[:, :, None, None], -sharpness * np.square(prototypes).sum(axis=1)
    )
    share = graph.add("Softmax", nearness, axis=1)
    whole = graph.flat(graph.roots(graph.add("GlobalAveragePool", share)))
    grid = graph.add("AveragePool", share, kernel_shape=[16, 16], strides=[16, 16])
    return graph.joined(whole, graph.times(graph.flat(graph.roots(grid)), 0.2))


def colour_prototypes() -> np.ndarray:
    """float (k, 3): four lightnesses of grey, six faint and ten strong hues, in opponent coordinates."""
    rings = [(1, 0.0), (6, 0.12), (10, 0.34)]
    chroma = [
        (radius * np.cos(2 * np.pi * step / count), radius * np.sin(2 * np.pi * step / count))
        for count, radius in rings
        for step in range(count)
    ]
    return np.array([(light, *pair) for light in (0.1, 0.37, 0.63, 0.9) for pair in chroma])


def gradient(graph: Graph, lightness: str) -> str:
    """Histograms of gradient orientation in cells of three scales, each cell set against its surroundings."""
    parts = []
    for shrink, cell, factor in ((2, 8, 1.0), (4, 8, 1.0), (4, 32, 2.0)):
        energy = orientation_energy(graph, graph.pool(lightness, shrink))
        cells = graph.pool(energy, cell)
        around = graph.add("AveragePool", cells, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0)
        total = graph.add("ReduceSum", around, graph.weight(np.array([1])), keepdims=1)
        share = graph.add("Div", cells, graph.add("Add", total, graph.weight(np.array(2e-3))))
        parts.append(graph.times(graph.flat(graph.roots(share)), factor))
    return graph.joined(*parts)


def orientation_energy(graph: Graph, x: str) -> str:
    """(n, 8, s, s): gradient magnitude, split among eight orientations."""
    slope = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    both = graph.conv(x, np.stack([slope, slope.T])[:, None])
    angles = np.arange(8) * np.pi / 8
    along = graph.conv(both, np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, :, None, None])
    fourth = graph.add("Pow", along, graph.weight(np.array(4.0)))
    size = graph.add("ReduceSum", graph.add("Mul", both, both), graph.weight(np.array([1])), keepdims=1)
    soft = graph.add("Pow", graph.add("Add", size, graph.weight(np.array(1e-5))), graph.weight(np.array(-1.5)))
    return graph.add("Mul", fourth, soft)


def texture(graph: Graph, x: str) -> str:
    """Scattering: moduli of Gabor waves at three scales, and of waves over those moduli; log of mean and spread."""
    parts = []
    for scale in (1, 2, 3):
        x = graph.pool(x, 2)
        first = gabor_moduli(graph, x, 3, 8)
        parts.append(logs(graph, graph.add("GlobalAveragePool", first)))
        parts.append(logs(graph, spread(graph, first)))
        if scale < 3:
            second = gabor_moduli_of_each(graph, graph.pool(first, 2), 8, 4)
            parts.append(logs(graph, graph.add("GlobalAveragePool", second)))
    return graph.joined(*parts)


def gabor_moduli(graph: Graph, x: str, channels: int, turns: int) -> str:
    """(n, turns + 2 * 2, s, s): `turns` orientations of lightness, two of each colour channel."""
    even, odd = gabors(turns)
    few_even, few_odd = gabors(2)
    kernels = []
    for waves, few in ((even, few_even), (odd, few_odd)):
        bank = np.zeros((turns + 2 * (channels - 1), channels, *waves.shape[1:]))
        bank[:turns, 0] = waves
        for channel in range(1, channels):
            bank[turns + 2 * (channel - 1) : turns + 2 * channel, channel] = few
        kernels.append(bank)
    return graph.modulus(graph.conv(x, kernels[0]), graph.conv(x, kernels[1]))


def gabor_moduli_of_each(graph: Graph, x: str, turns: int, again: int) -> str:
    """Waves of `again` orientations over each of the first `turns` moduli."""
    maps = graph.add(
        "Slice", x, graph.weight(np.array([0])), graph.weight(np.array([turns])), graph.weight(np.array([1]))
    )
    even, odd = (np.tile(waves, (turns, 1, 1))[:, None] for waves in gabors(again))
    return graph.modulus(graph.conv(maps, even, group=turns), graph.conv(maps, odd, group=turns))


def gabors(turns: int, size: int = 7, wavelength: float = 4.0, width: float = 1.8) -> tuple[np.ndarray, np.ndarray]:
    """Even and odd waves, float (turns, size, size), without response to a flat picture."""
    y, x = np.mgrid[:size, :size] - size // 2
    window = np.exp(-(x**2 + y**2) / (2 * width**2))
    window /= window.sum()
    angles = np.arange(turns)[:, None, None] * np.pi / turns
    phase = 2 * np.pi / wavelength * (x * np.cos(angles) + y * np.sin(angles))
    even = np.cos(phase) * window
    even -= window * even.sum(axis=(1, 2), keepdims=True)
    return even, np.sin(phase) * window


def spread(graph: Graph, x: str) -> str:
    mean = graph.add("GlobalAveragePool", x)
    off = graph.add("Sub", x, mean)
    return graph.roots(graph.add("GlobalAveragePool", graph.add("Mul", off, off)))


def logs(graph: Graph, x: str) -> str:
    return graph.flat(graph.add("Log", graph.add("Add", x, graph.weight(np.array(2e-3)))))


def patches(graph: Graph, x: str) -> str:
    """How often each of many small patches occurs, and where roughly (Coates, Lee and Ng, 2011), at two scales."""
    parts = []
    for shrink, count, stride in PATCH_SCALES:
        small = graph.pool(x, shrink)
        centres, whitener = patch_centres(shrink, count)
        kernels = (centres @ whitener).reshape(count, 3, PATCH_PX, PATCH_PX)
        response = graph.add(
            "Div", graph.conv(small, kernels, strides=[stride, stride]), patch_contrast(graph, small, stride)
        )
        # triangle: only what is nearer than the average patch counts
        nearer = graph.add("Sub", response, graph.add("ReduceMean", response, axes=[1], keepdims=1))
        active = graph.add("Relu", graph.add("Sub", nearer, graph.weight(np.array(0.5))))
        whole = graph.flat(graph.roots(graph.add("GlobalAveragePool", active)))
        quarter = graph.flat(graph.roots(graph.pool(active, SIZE_PX // shrink // stride // 2)))
        parts += [whole, graph.times(quarter, 0.5)]
    return graph.joined(*parts)


def patch_contrast(graph: Graph, x: str, stride: int) -> str:
    """Standard deviation of each patch, (n, 1, s, s)."""
    box = np.full((1, 3, PATCH_PX, PATCH_PX), 1 / (3 * PATCH_PX**2))
    mean = graph.conv(x, box, strides=[stride, stride])
    square = graph.conv(graph.add("Mul", x, x), box, strides=[stride, stride])
    variance = graph.add("Sub", square, graph.add("Mul", mean, mean))
    floor = graph.weight(np.array(FLAT))
    return graph.add("Sqrt", graph.add("Add", graph.add("Relu", variance), floor))


def patch_centres(shrink: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Whitened unit centres (count, d) by spherical k-means over drawn patches, and the whitening matrix (d, d)."""
    random = np.random.default_rng(7)
    drawn = drawings(1).astype(np.float64).transpose(0, 3, 1, 2) / 255
    small = drawn.reshape(DRAWN, 3, SIZE_PX // shrink, shrink, -1, shrink).mean(axis=(3, 5))
    cut = np.lib.stride_tricks.sliding_window_view(small, (PATCH_PX, PATCH_PX), axis=(2, 3))
    places = (random.integers(0, size, PATCH_SAMPLES) for size in (len(cut), *cut.shape[2:4]))
    picture, row, column = places
    rows = cut[picture, :, row, column].reshape(PATCH_SAMPLES, -1)
    centring = np.eye(rows.shape[1]) - 1 / rows.shape[1]
    rows = rows @ centring
    rows /= np.sqrt(rows.var(axis=1, keepdims=True) + FLAT)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    whitening = vectors / np.sqrt(values + 0.05) @ vectors.T
    return spherical_means(rows @ whitening, count, random), whitening @ centring


def spherical_means(rows: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    rows = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)
    centres = rows[random.choice(len(rows), count, replace=False)]
    for _ in range(12):
        nearest = np.argmax(rows @ centres.T, axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, rows)
        size = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(size > 1e-6, sums / np.maximum(size, 1e-9), centres)
    return centres


def raw_graph() -> tuple[Graph, dict[str, str]]:
    """The graph up to the blocks: {name: node}."""
    graph = Graph()
    floats = graph.add("Transpose", graph.add("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    rgb = graph.times(floats, 1 / 255)
    axes = opponent(graph, rgb)
    lightness = graph.add(
        "Slice", axes, graph.weight(np.array([0])), graph.weight(np.array([1])), graph.weight(np.array([1]))
    )
    return graph, {
        "colour": colour(graph, axes),
        "gradient": gradient(graph, lightness),
        "texture": texture(graph, axes),
        "patches": patches(graph, rgb),
    }


def built() -> tuple[onnx.ModelProto, dict[str, int]]:
    """The model, each block set against what drawings give (mean 0, spread about 1), and its outputs."""
    graph, blocks = raw_graph()
    raw = model(graph, dict.fromkeys(blocks.values()))
    measured = run(raw, list(blocks.values()), drawings(0))
    for (name, node), values in zip(blocks.items(), measured, strict=True):
        spreads = values.std(axis=0)
        gain = 1 / (spreads + 0.3 * spreads.mean())  # no dimension may shout because drawings lack it
        centred = graph.add("Sub", node, graph.weight(values.mean(axis=0)))
        graph.nodes.append(helper.make_node("Mul", [centred, graph.weight(gain)], [name]))
    sizes = {name: values.shape[1] for name, values in zip(blocks, measured, strict=True)}
    return model(graph, dict(sizes)), sizes


def model(graph: Graph, outputs: dict[str, int | None]) -> onnx.ModelProto:
    """A checked model whose outputs are nodes of the graph: {name: dimensions, None where not known yet}."""
    port = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIZE_PX, SIZE_PX, 3])
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in outputs.items()]
    whole = helper.make_model(
        helper.make_graph(graph.nodes, "swipr-builtin", [port], made, graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="swipr",
    )
    onnx.checker.check_model(whole)
    return whole


def run(whole: onnx.ModelProto, names: list[str], pixels: np.ndarray) -> list[np.ndarray]:
    """Outputs of uint8 (n, SIZE_PX, SIZE_PX, 3), float32 (n, dimensions) each."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])
    batches = [session.run(names, {"image": pixels[at : at + 16]}) for at in range(0, len(pixels), 16)]
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def reference(whole: onnx.ModelProto, names: list[str]) -> np.ndarray:
    """float32 (dimensions,): the mean of the unit outputs over drawings, rounded."""
    parts = run(whole, names, drawings(0))
    units = [values / np.linalg.norm(values, axis=1, keepdims=True) for values in parts]
    return np.concatenate([unit.mean(axis=0) for unit in units]).round(4).astype("<f4")


def write(folder: Path) -> None:
    """Write the backbone folder: graph, reference, card."""
    whole, sizes = built()
    files = {
        backbone.GRAPH: whole.SerializeToString(deterministic=True),
        backbone.REFERENCE: reference(whole, list(sizes)).tobytes(),
    }
    card: dict[str, object] = {
        "name": "swipr-builtin-1",
        "source": "computed by training/builtin.py from no photographs",
        "licence": "MIT",
        "made_by": "python -m training.builtin",
        "note": NOTE,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "input": {"name": "image", "size_px": SIZE_PX},
        "outputs": [{"name": name, "dimensions": size, "weight": BLOCKS[name]} for name, size in sizes.items()],
        "opset": OPSET,
    }
    card["sha256"] = backbone.identity(card)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    backbone_folder.write_card(folder, card)
    network = backbone.load(folder)
    card["golden"] = backbone_folder.golden_of(network.features(backbone_folder.golden_picture(SIZE_PX)[None])[0])
    backbone_folder.write_card(folder, card)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "backbones" / "builtin")
    write(folder)
    made = backbone.load(folder)
    print(f"{made.name} {made.sha256[:12]}: {made.dimensions} dimensions, written to {folder}")


if __name__ == "__main__":
    main()
