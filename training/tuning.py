"""Fine-tuning on one person's labels: plain PyTorch, on a processor or a GPU, the same numbers for the same seed."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from swipr import fitting
from swipr.errors import LabelError
from training.data import folds
from training.model import Planned, Tuned, by_card, dimensions_of, to_float

Told = Callable[[str, float], None]
"""What is going on, and how much of it is done, 0 to 1."""


@dataclass(frozen=True)
class Recipe:
    """How to tune. Measured choices: see the table of runs in training/README.md."""

    size_px: int = 160
    epochs: int = 6
    batch: int = 16
    body_rate: float = 1e-4
    """Of AdamW, for the body: it only has to be bent."""
    head_rate: float = 1e-3
    decay: float = 0.01
    held_steps: int = 10
    """First steps of the body that stay as they are: those at a half and a quarter of the picture's size."""
    held_out: float = 0.15
    """Share of the cards that only say when to stop."""
    zoom: float = 0.25
    """A crop leaves out up to this share of each side."""
    jitter: float = 0.2
    """Brightness, contrast and saturation change by up to this share."""
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Network:
    """A tuned network and how it came about."""

    net: Tuned
    size_px: int
    epoch: int
    """The one it was taken from; 0 is the start, where tuning did not help the cards held out."""
    losses: tuple[float, ...]
    """Log loss of the cards held out, before the first epoch and after each; empty without any."""
    cpu_s: float

    def logits(self, photos: np.ndarray) -> np.ndarray:
        """float64 (n,) of uint8 (n, size_px, size_px, 3)."""
        return logits_of(self.net, photos)


@dataclass(frozen=True)
class OutOfFold:
    """`logits` float64 (n,), one per photo, each by a network that has not seen its card."""

    logits: np.ndarray
    fold: np.ndarray
    networks: tuple[Network, ...]


def fine_tune(
    photos: np.ndarray,
    liked: np.ndarray,
    *,
    body: nn.Module,
    card_of: np.ndarray | None = None,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    features: np.ndarray | None = None,
    told: Told = lambda _, __: None,
) -> Network:
    """Tune a copy of `body` to uint8 (n, size_px, size_px, 3) photos and bool (n,) choices; the body stays as it is.

    It starts from the closed-form head on the body's own features (`features`, from `features_of`, if they are known)
    and stops where the log loss of cards held out was least. `epochs`: hold nothing out and take the network after so
    many of the recipe's epochs. `card_of` int (n,) names each photo's card; left out, each is its own.
    Raises LabelError below two cards of a kind.
    """
    recipe = recipe or Recipe()
    began = time.process_time()
    cards = np.arange(len(liked)) if card_of is None else np.asarray(card_of)
    rows = features_of(body, photos) if features is None else features
    kept = np.zeros(len(liked), bool) if epochs is not None else _held_out(liked, cards, recipe)
    torch.manual_seed(recipe.seed)
    net = Tuned(copy.deepcopy(body), rows.shape[1])
    if isinstance(net.body, Planned):
        net.body.hold(recipe.held_steps)
    net.begin(rows[~kept], liked[~kept], card_of=cards[~kept])
    net.to(_device(), memory_format=torch.channels_last)
    best, taken, losses = _tuned(net, photos, liked, cards, kept, recipe, epochs, told)
    net.load_state_dict(best)
    return Network(net.eval(), photos.shape[1], taken, losses, time.process_time() - began)


def out_of_fold(
    photos: np.ndarray,
    liked: np.ndarray,
    *,
    body: nn.Module,
    fold_of: np.ndarray,
    card_of: np.ndarray | None = None,
    recipe: Recipe | None = None,
    told: Told = lambda _, __: None,
) -> OutOfFold:
    """Tune once without each fold and let that network judge it. `fold_of` int (n,): of each photo; cards stay whole.

    Raises LabelError when a card lies in two folds, or where a fold's rest holds too few of a kind.
    """
    cards = np.arange(len(liked)) if card_of is None else np.asarray(card_of)
    _refuse_torn(cards, fold_of)
    rows = features_of(body, photos)
    logits, networks = np.zeros(len(liked)), []
    numbers = np.unique(fold_of)
    for place, number in enumerate(numbers):
        own = fold_of == number

        def one_fold(what: str, done: float, place: int = place) -> None:
            told(f"fold {place + 1} of {len(numbers)}: {what}", (place + done) / len(numbers))

        network = fine_tune(
            photos[~own], liked[~own], body=body, card_of=cards[~own], recipe=recipe, features=rows[~own], told=one_fold
        )
        logits[own] = network.logits(photos[own])
        networks.append(network)
    return OutOfFold(logits, fold_of, tuple(networks))


def epochs_of(networks: tuple[Network, ...]) -> int:
    """For the network of all labels: what the folds took, in the middle."""
    return int(np.median([network.epoch for network in networks]))


def features_of(body: nn.Module, photos: np.ndarray) -> np.ndarray:
    """float32 (n, dimensions) of uint8 (n, size_px, size_px, 3): what the head begins from."""
    net = Tuned(copy.deepcopy(body), dimensions_of(body)).to(_device(), memory_format=torch.channels_last)
    return np.concatenate([net.features(batch).cpu().numpy() for batch in _calm(net, photos)]).astype(np.float32)


def logits_of(net: Tuned, photos: np.ndarray) -> np.ndarray:
    """float64 (n,), in floats, nothing drawn."""
    if not len(photos):
        return np.zeros(0)
    return np.concatenate([net(batch).cpu().numpy() for batch in _calm(net, photos)]).astype(np.float64)


# --- the loop --------------------------------------------------------------------------------------------------


def _tuned(
    net: Tuned,
    photos: np.ndarray,
    liked: np.ndarray,
    cards: np.ndarray,
    kept: np.ndarray,
    recipe: Recipe,
    epochs: int | None,
    told: Told,
) -> tuple[dict[str, Tensor], int, tuple[float, ...]]:
    """The best state, the epoch it is of, and the losses held out."""
    learned = np.flatnonzero(~kept)
    steps = recipe.epochs * math.ceil(len(learned) / recipe.batch)
    optimiser = torch.optim.AdamW(_groups(net, recipe), weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _cosine(step / steps))
    random = np.random.default_rng(recipe.seed)
    losses = [_loss_held_out(net, photos, liked, cards, kept)] if kept.any() else []
    best, taken = _state(net), 0
    for epoch in range(1, (recipe.epochs if epochs is None else epochs) + 1):
        net.train()
        order = random.permutation(learned)
        for at in range(0, len(order), recipe.batch):
            _step(net, photos, liked, order[at : at + recipe.batch], optimiser, recipe, random)
            schedule.step()
            told(f"epoch {epoch}", (epoch - 1 + at / len(order)) / recipe.epochs)
        if kept.any():
            losses.append(_loss_held_out(net, photos, liked, cards, kept))
        if not kept.any() or losses[-1] <= min(losses):
            best, taken = _state(net), epoch
    return best, taken, tuple(losses)


def _step(
    net: Tuned,
    photos: np.ndarray,
    liked: np.ndarray,
    chosen: np.ndarray,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    random: np.random.Generator,
) -> None:
    device = _device()
    pixels = torch.from_numpy(photos[np.sort(chosen)]).to(device)  # (batch, size, size, 3)
    target = torch.from_numpy(liked[np.sort(chosen)].astype(np.float32)).to(device)
    varied = vary(to_float(pixels), recipe, random)
    with _mixed(device):
        loss = functional.binary_cross_entropy_with_logits(net(varied).float(), target)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 5.0)
    optimiser.step()


def vary(pixels: Tensor, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Flip, crop and colour float (n, 3, size, size) from -1 to 1 anew, each picture by itself."""
    count = len(pixels)

    def drawn(low: float, high: float) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, count).astype(np.float32)).to(pixels.device)

    scale_x, scale_y = 1 - drawn(0, recipe.zoom), 1 - drawn(0, recipe.zoom)
    shift_x, shift_y = drawn(-1, 1) * (1 - scale_x), drawn(-1, 1) * (1 - scale_y)
    side = torch.where(drawn(0, 1) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(side)
    moves = torch.stack([side * scale_x, zero, shift_x, zero, scale_y, shift_y], 1).view(count, 2, 3)
    grid = functional.affine_grid(moves, list(pixels.shape), align_corners=False)
    cut = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    bright, contrast, colour = (1 + drawn(-recipe.jitter, recipe.jitter).view(-1, 1, 1, 1) for _ in range(3))
    grey = cut.mean(1, keepdim=True)
    cut = grey + (cut - grey) * colour
    middle = cut.mean((1, 2, 3), keepdim=True)
    made = middle + (cut - middle) * contrast + (bright - 1)
    return made.clamp(-1, 1).contiguous(memory_format=torch.channels_last)


def _groups(net: Tuned, recipe: Recipe) -> list[dict[str, object]]:
    body = [parameter for parameter in net.body.parameters() if parameter.requires_grad]
    head = [net.weight, net.bias]
    return [{"params": body, "lr": recipe.body_rate}, {"params": head, "lr": recipe.head_rate, "weight_decay": 0.0}]


def _cosine(share: float) -> float:
    """A tenth of the steps up, then down along half a cosine."""
    return min(1.0, share / 0.1 + 0.02) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, share)))


def _loss_held_out(net: Tuned, photos: np.ndarray, liked: np.ndarray, cards: np.ndarray, kept: np.ndarray) -> float:
    """Log loss of cards, each the mean of its photos' logits, at the slope that suits them best.

    Sureness is set right afterwards for all labels, so a network is not stopped for being too sure.
    """
    net.eval()
    logits, target = by_card(logits_of(net, photos[kept]), liked[kept], cards[kept])
    slope, intercept = fitting.platt(logits.astype(np.float64), target.astype(np.float64))
    scaled = slope * logits + intercept
    return float((np.logaddexp(0, scaled) - target * scaled).mean())


def _held_out(liked: np.ndarray, cards: np.ndarray, recipe: Recipe) -> np.ndarray:
    """bool (n,): photos of the cards that only say when to stop; none where labels are few."""
    count = round(1 / recipe.held_out) if recipe.held_out else 0
    if not count or min(_cards_of(liked, cards)) < 2 * count:
        return np.zeros(len(liked), bool)
    return folds(cards, liked, count, recipe.seed + 1) == 0


def _cards_of(liked: np.ndarray, cards: np.ndarray) -> tuple[int, int]:
    return len(np.unique(cards[liked])), len(np.unique(cards[~liked]))


def _refuse_torn(cards: np.ndarray, fold_of: np.ndarray) -> None:
    pairs = np.unique(np.stack([cards, fold_of], 1), axis=0)
    if len(pairs) != len(np.unique(cards)):
        raise LabelError("a card's photos lie in two folds: it would be judged by a network that has seen it")


def _calm(net: Tuned, photos: np.ndarray) -> Iterator[Tensor]:
    """Batches of all photos as they are, with no gradients kept."""
    net.eval()
    with torch.inference_mode():
        for at in range(0, len(photos), 32):
            yield to_float(torch.from_numpy(photos[at : at + 32]).to(_device()))


def _state(net: Tuned) -> dict[str, Tensor]:
    return {name: values.detach().clone() for name, values in net.state_dict().items()}


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _mixed(device: torch.device) -> AbstractContextManager[object]:
    """Half precision where the machine computes it faster; a bfloat16 needs no scaling of the loss."""
    if device.type == "cuda" or torch.cpu._is_avx512_bf16_supported():
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
