"""The pupil: plain 3x3 convolutions, which train fastest on a CPU and quantise without loss.

Batch norm and ReLU after each; residual blocks after He, Zhang, Ren and Sun, "Deep residual learning" (2016). The
feature is the mean and the spread over the picture of every stage, as the teacher's stage statistics are.
"""

import torch
from torch import Tensor, nn

WIDTHS = (16, 32, 64, 128, 224)
BLOCKS = (0, 1, 1, 2, 0)
TOP = 512
MEAN, SCALE = 118.0, 1 / 64  # of uint8, about what photos have
FLAT = 1e-4  # variance added before its root


class Convolution(nn.Sequential):
    """3x3 or 1x1 convolution and batch norm; the picture keeps its size divided by the stride."""

    def __init__(self, inside: int, outside: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inside, outside, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outside),
        )


class Block(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Convolution(width, width)
        self.second = Convolution(width, width)
        nn.init.zeros_(self.second[1].weight)  # begins as the identity

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Stage(nn.Module):
    def __init__(self, inside: int, outside: int, blocks: int) -> None:
        super().__init__()
        self.down = Convolution(inside, outside, stride=2)
        self.blocks = nn.Sequential(*(Block(outside) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(torch.relu(self.down(x)))
        assert isinstance(x, Tensor)  # noqa: S101
        return x


class Pupil(nn.Module):
    """uint8 (n, 3, 128, 128) to float (n, dimensions): the target less its mean, about."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            Stage(inside, outside, blocks)
            for inside, outside, blocks in zip((3, *WIDTHS), WIDTHS, BLOCKS, strict=False)
        )
        self.top = Convolution(WIDTHS[-1], TOP, size=1)
        self.norm = nn.BatchNorm1d(2 * sum(WIDTHS[1:]) + TOP)
        self.last = nn.Linear(self.norm.num_features, dimensions)

    def forward(self, pixels: Tensor) -> Tensor:
        outputs = self.last(self.statistics(pixels))
        assert isinstance(outputs, Tensor)  # noqa: S101
        return outputs

    def statistics(self, pixels: Tensor) -> Tensor:
        """float (n, 1408), normalised over the batch: spreads and means of stages 2 to 5, means of the top."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            x = (pixels.float() - MEAN) * SCALE
            x = x.contiguous(memory_format=torch.channels_last)
            parts = []
            for number, stage in enumerate(self.stages):
                x = stage(x)  # (n, width, 64 / 2^number, ...)
                if number:
                    parts += spread_and_mean(x)
            top = torch.relu(self.top(x))  # (n, 512, 4, 4)
            parts.append(top.float().mean((2, 3)))
        normed = self.norm(torch.cat(parts, 1))
        assert isinstance(normed, Tensor)  # noqa: S101
        return normed


def spread_and_mean(x: Tensor) -> list[Tensor]:
    """Standard deviation and mean over the picture, float (n, width) each."""
    x = x.float()
    mean = x.mean((2, 3))
    variance = (x * x).mean((2, 3)) - mean * mean
    return [torch.sqrt(torch.relu(variance) + FLAT), mean]
