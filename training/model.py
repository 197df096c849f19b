"""The network that is tuned: a backbone in plain PyTorch with one logit on top, begun from a closed-form head."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from local import recommended
from swipr import fitting
from swipr.errors import ModelError
from training import plan as plans
from training.installed import recommended_plan
from training.plan import Plan, Step

#: Of the stage statistics against the embedding, as in the features of the frozen backbone.
GAINS = (1.0, recommended.TAPS_WEIGHT)
_TINY = 1e-6
ASK_FOR = "mobilenetv2, the name of a timm network, or a file of weights (.npz, .tflite)"


class Body(Protocol):
    """A network without its end: float (n, 3, size, size) from -1 to 1 in, one or two (n, dimensions) out."""

    def __call__(self, pixels: Tensor) -> Sequence[Tensor]: ...


class Planned(nn.Module):
    """A `plan.Plan` in PyTorch; gives the mean over the picture and, if it has stages, their statistics."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.weights = nn.ParameterDict(
            {_flat(name): nn.Parameter(torch.from_numpy(values.copy())) for name, values in plan.weights.items()}
        )

    def results(self, pixels: Tensor) -> list[Tensor]:
        """The picture and what each step makes, (n, channels, height, width) each."""
        results = [pixels]
        for step in self.plan.steps:
            inputs = [results[place] for place in step.inputs]
            results.append(inputs[0] + inputs[1] if step.kind == "add" else self._convolved(step, inputs[0]))
        return results

    def forward(self, pixels: Tensor) -> list[Tensor]:
        results = self.results(pixels)
        embedding = results[-1].float().mean((2, 3))  # (n, channels)
        if not self.plan.taps:
            return [embedding]
        return [embedding, torch.cat([_statistics(results[place].float()) for place in self.plan.taps], 1)]

    def hold(self, steps: int) -> None:
        """Let the first steps be as they are: they see lines and colours alike in all tastes, and cost the most."""
        for step in self.plan.steps[:steps]:
            if step.kind == "conv":
                for part in ("weight", "bias"):
                    self.weights[_flat(f"{step.name}.{part}")].requires_grad_(False)

    def weights_now(self) -> dict[str, np.ndarray]:
        """As the plan names them."""
        return {name: self.weights[_flat(name)].detach().cpu().float().numpy() for name in self.plan.weights}

    def _convolved(self, step: Step, picture: Tensor) -> Tensor:
        top, bottom = plans.pads(picture.shape[2], step.kernel, step.stride)
        left, right = plans.pads(picture.shape[3], step.kernel, step.stride)
        even = top == bottom == left == right
        if not even:
            picture = functional.pad(picture, (left, right, top, bottom))
        weight, bias = (self.weights[_flat(f"{step.name}.{part}")] for part in ("weight", "bias"))
        made = functional.conv2d(picture, weight, bias, step.stride, top if even else 0, 1, step.groups)
        return functional.relu6(made, inplace=True) if step.clipped else made


class Foreign(nn.Module):
    """Another network that gives (n, dimensions) for pictures normalised in its own way."""

    def __init__(self, network: nn.Module, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        made: Tensor = self.network(((pixels + 1) / 2 - self.mean) / self.deviation)
        return [made.float()]


class Tuned(nn.Module):
    """Pictures to logits: `weight @ (gain * unit(output), ...) + bias` over a body's outputs."""

    def __init__(self, body: nn.Module, dimensions: int) -> None:
        super().__init__()
        self.body = body
        self.weight = nn.Parameter(torch.zeros(dimensions))
        self.bias = nn.Parameter(torch.zeros(()))

    def features(self, pixels: Tensor) -> Tensor:
        """float (n, dimensions) of float (n, 3, size, size) from -1 to 1; units without the fixed mean."""
        outputs = self.body(pixels)
        return torch.cat(
            [gain * functional.normalize(made, dim=1) for gain, made in zip(GAINS, outputs, strict=False)], 1
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return self.features(pixels) @ self.weight + self.bias  # (n,)

    def begin(self, features: np.ndarray, liked: np.ndarray, *, card_of: np.ndarray | None = None) -> None:
        """Take the closed-form head of float32 (n, dimensions) features: from there tuning goes on.

        The features are centred on their mean for the fit, which goes into the bias. `card_of` int (n,) names each
        photo's card: the head then learns from cards, the mean of their photos, as the deployed one does.
        """
        rows, target = (features, liked) if card_of is None else by_card(features, liked, card_of)
        mean = rows.mean(axis=0)
        fitted = fitting.fit(rows - mean, target)
        weights = fitted.weights.astype(np.float64)
        # Uncalibrated: of few labels the slope is a matter of luck, and networks of several folds must be comparable.
        bias = fitted.bias - float(mean @ weights)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(weights.astype(np.float32)))
            self.bias.fill_(bias)


def body_of(backbone: str, weights: Path | None = None, data: Path | None = None) -> nn.Module:
    """A body by name: `mobilenetv2` from `weights` (a folder or a file) or as it is installed in the folder `data`;
    another by timm, its state from the file `weights` if given; or a file of weights itself.

    Raises ModelError saying what is missing and what to do.
    """
    if Path(backbone).suffix in (".npz", ".tflite"):
        return Planned(plans.read(_there(Path(backbone))))
    if backbone == recommended.NAME:
        return Planned(recommended_plan(weights, data))
    return _timm_body(backbone, weights)


def dimensions_of(body: nn.Module, size_px: int = 64) -> int:
    with torch.inference_mode():
        return sum(made.shape[1] for made in body(torch.zeros(1, 3, size_px, size_px)))


def to_float(pixels: Tensor) -> Tensor:
    """float (n, 3, size, size) from -1 to 1, channels last in memory, of uint8 (n, size, size, 3)."""
    return pixels.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)


def by_card(values: np.ndarray, liked: np.ndarray, card_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the photos' values and the choice of each card, cards in ascending order of their number."""
    _, inverse, counts = np.unique(card_of, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), *values.shape[1:]), np.float64)
    np.add.at(sums, inverse, values)
    likes = np.zeros(len(counts), bool)
    likes[inverse] = liked
    return np.asarray(sums / counts.reshape(-1, *[1] * (values.ndim - 1)), np.float32), likes


def _statistics(picture: Tensor) -> Tensor:
    """Mean, then standard deviation over the picture: (n, 2 x channels)."""
    mean = picture.mean((2, 3), keepdim=True)
    variance = (picture - mean).square().mean((2, 3))
    return torch.cat([mean.flatten(1), (variance + _TINY).sqrt()], 1)


def _timm_body(name: str, weights: Path | None) -> nn.Module:
    try:
        timm: Any = __import__("timm")
    except ImportError:
        raise ModelError(
            f"--backbone {name}: is not {ASK_FOR}; for timm's networks install it in the training environment: "
            "`.venv-train/bin/python -m pip install timm`"
        ) from None
    try:
        network = timm.create_model(name, pretrained=weights is None, num_classes=0)
    except Exception as error:  # timm's, the hub's and the network's errors have no common class
        raise ModelError(
            f"--backbone {name}: timm cannot make it ({type(error).__name__}); where no hub can be reached, give its "
            "state by --weights FILE (.pt)"
        ) from None
    if weights is not None:
        load_state(network, weights)
    usual = network.pretrained_cfg
    return Foreign(network, usual["mean"], usual["std"])


def load_state(network: nn.Module, path: Path) -> None:
    """Fill a network from a file of its state. Raises ModelError unless the file fits it but for a classifier."""
    state = torch.load(_there(path), map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    own = network.state_dict()
    missing = sorted(set(own) - set(state))
    wrong = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or wrong:
        named = ", ".join(itertools.islice([*missing, *wrong], 3))
        raise ModelError(f"{path.name} does not fit the network: {len(missing)} missing, {len(wrong)} other ({named})")
    network.load_state_dict({name: state[name] for name in own})


def _there(path: Path) -> Path:
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file of weights")
    return path


def _flat(name: str) -> str:
    """A ParameterDict takes no dots."""
    return name.replace(".", "_")
