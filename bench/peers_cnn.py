"""A peer: the small network people train from scratch for a question like "potato or not", in PyTorch.

Four times convolution (3x3, no padding), ReLU and 2x2 max-pooling, then two dense layers, on 300 px photos: the
layers and first weights are those of Keras' beginners' examples. Adam, photos mirrored at random, a fifth of the
labels kept aside to stop early, and the weights of the best epoch restored.
"""

import numpy as np
import torch
from torch import nn

SIZE_PX = 300
WIDTHS = (16, 32, 64, 64)
DENSE = 128
EPOCHS = 20  # at most
PATIENCE = 4  # epochs without a better loss on the labels kept aside
ASIDE = 0.2
BATCH = 16
RATE = 1e-3
_SIDE_LEFT = 16  # what 300 px are after four rounds


def scores(pixels: np.ndarray, liked: np.ndarray, unseen: np.ndarray, seed: int) -> np.ndarray:
    """float64 (m,): the chance of a like for `unseen`, learned from uint8 (n, 300, 300, 3) and bool (n,)."""
    torch.set_num_threads(1)  # a second one only waits while something else runs
    torch.manual_seed(seed)
    generator = np.random.default_rng([seed, len(liked)])
    network = _network()
    own, aside = _split(liked, generator)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    best, kept, waited = np.inf, _copied(network), 0
    for _ in range(EPOCHS):
        _epoch(network, optimizer, pixels[own], liked[own], generator)
        loss = _loss(_asked(network, pixels[aside]), liked[aside])
        if loss < best - 1e-4:
            best, kept, waited = loss, _copied(network), 0
        else:
            waited += 1
        if waited >= PATIENCE:
            break
    network.load_state_dict(kept)
    return _asked(network, unseen)


def _network() -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels, width in zip((3, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(channels, width, 3), nn.MaxPool2d(2), nn.ReLU()]  # pooled first: the same, and cheaper
    layers += [nn.Flatten(), nn.Linear(WIDTHS[-1] * _SIDE_LEFT**2, DENSE), nn.ReLU(), nn.Linear(DENSE, 1)]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def _split(liked: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices to learn from and kept aside, both kinds in either."""
    aside = []
    for kind in (True, False):
        places = generator.permutation(np.flatnonzero(liked == kind))
        aside.append(places[: max(1, round(ASIDE * len(places)))])
    kept = np.concatenate(aside)
    return np.setdiff1d(np.arange(len(liked)), kept), kept


def _epoch(
    network: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    pixels: np.ndarray,
    liked: np.ndarray,
    generator: np.random.Generator,
) -> None:
    network.train()
    order = generator.permutation(len(liked))
    for at in range(0, len(order), BATCH):
        batch = order[at : at + BATCH]
        mirrored = generator.random(len(batch)) < 0.5
        photos = np.where(mirrored[:, None, None, None], pixels[batch, :, ::-1], pixels[batch])
        target = torch.from_numpy(liked[batch].astype(np.float32))
        loss = nn.functional.binary_cross_entropy_with_logits(_logits(network, photos), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _logits(network: nn.Sequential, pixels: np.ndarray) -> torch.Tensor:
    """float32 (n,) of uint8 (n, 300, 300, 3)."""
    photos = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)  # NHWC in memory: channels last
    with torch.autocast("cpu", torch.bfloat16):
        return network(photos.to(torch.bfloat16) / 255)[:, 0].float()


def _asked(network: nn.Sequential, pixels: np.ndarray) -> np.ndarray:
    network.eval()
    with torch.no_grad():
        parts = [_logits(network, pixels[at : at + 64]) for at in range(0, len(pixels), 64)]
    return torch.sigmoid(torch.cat(parts)).numpy().astype(np.float64)


def _loss(chances: np.ndarray, liked: np.ndarray) -> float:
    right = np.where(liked, chances, 1 - chances)
    return float(-np.log(np.maximum(right, 1e-7)).mean())


def _copied(network: nn.Sequential) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
