"""The pupil learns the teacher's features: one loop, seeded, that goes on where it was broken off.

A checkpoint is a file of torch: `step`, the weights `model`, their running average `average`, the optimiser, and the
`projection` (2704, 320) with the mean `offset` (320,) of the projected targets.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from training.distil.lessons import DIMENSIONS, Lessons, aside_of, lessons_of, projection_of
from training.distil.network import Pupil
from training.distil.pool import Pool

BATCH = 96
WARM_UP = 80  # steps
LEAST_RATE = 0.01  # of the rate, at the end of the cosine
DECAY = 0.03  # on convolutions only
LAST_LAYER = 0.01  # of the rate: targets are about 0.05 a number, Adam's usual steps would drown them
GRAM = 0.3  # weight of the likenesses within a batch
CLIP = 2.0
AVERAGE = 0.998  # a step; the average is what is kept
RIDGE_SAMPLES = 4000
SAVE_EVERY, MEASURE_EVERY = 200, 600  # steps
SMALL_PX, SMALL_SHARE = 96, 0.85  # the first steps see the pictures smaller: nearly twice as many in the same time


class Course(NamedTuple):
    """What a run is made of. `rate` is the learning rate at its height; `samples` are seen in all."""

    samples: int
    rate: float = 2.5e-3
    seed: int = 0
    without: frozenset[str] = frozenset()
    start: Path | None = None
    compiled: bool = False

    @property
    def steps(self) -> int:
        return self.samples // BATCH


def learn(pools: list[Pool], course: Course, checkpoint: Path, stop_at: int | None = None) -> Path:
    """Train until the course's end, or step `stop_at`; a checkpoint that is there already is gone on from."""
    torch.manual_seed(course.seed)
    state = _state(pools, course, checkpoint)
    lessons = lessons_of(pools, course.without, state["projection"], state["offset"])
    aside = aside_of(pools, state["projection"], state["offset"])
    run = _begun(state, lessons, course)
    print(f"{len(lessons.places)} samples, {course.steps} steps, variance {run.variance:.2e}", flush=True)
    losses: list[float] = []
    began = time.monotonic()
    end = min(course.steps, stop_at or course.steps)
    for step in range(run.first, end):
        losses.append(_step(run, lessons, course, step))
        _average(run.average, run.model, step)
        last = step + 1 == end
        if last or (step + 1) % SAVE_EVERY == 0:
            _save(state | run.state(step + 1), checkpoint)
            speed = len(losses) * BATCH / (time.monotonic() - began)
            print(f"step {step + 1} loss {np.mean(losses[-SAVE_EVERY:]):.4f} {speed:.0f}/s", flush=True)
        if last or (step + 1) % MEASURE_EVERY == 0:
            print(f"R2 on photos kept aside {explained(run.average, aside):.3f}", flush=True)
    return checkpoint


@dataclass
class _Run:
    model: Pupil
    average: Pupil
    forward: Callable[[Tensor], Tensor]
    optimiser: torch.optim.Optimizer
    variance: float
    first: int

    def state(self, step: int) -> dict[str, Any]:
        kept = {"model": self.model, "average": self.average, "optimiser": self.optimiser}
        return {name: part.state_dict() for name, part in kept.items()} | {"step": step}


def _begun(state: dict[str, Any], lessons: Lessons, course: Course) -> _Run:
    model, average = Pupil(DIMENSIONS).to(memory_format=torch.channels_last), Pupil(DIMENSIONS)
    if "model" in state:
        model.load_state_dict(state["model"])
    else:
        _start_last_layer(model, lessons, course.seed)
    average.load_state_dict(state.get("average", model.state_dict()))
    optimiser = _optimiser(model, course.rate)
    if "optimiser" in state:
        optimiser.load_state_dict(state["optimiser"])
    forward = torch.compile(model) if course.compiled else model
    return _Run(
        model, average, forward, optimiser, float(lessons.targets.var(axis=0).mean()), int(state.get("step", 0))
    )


def explained(model: Pupil, aside: Lessons) -> float:
    """R2: the share of the targets' variance that the outputs explain."""
    model.eval()
    error = 0.0
    with torch.inference_mode():
        for at in range(0, len(aside.places), BATCH):
            pixels, targets = aside.batch(np.arange(at, min(at + BATCH, len(aside.places))))
            error += float(torch.square(model(pixels) - targets).sum())
    return 1 - error / float(np.square(aside.targets - aside.targets.mean(axis=0)).sum())


def _state(pools: list[Pool], course: Course, checkpoint: Path) -> dict[str, Any]:
    if checkpoint.exists():
        return load(checkpoint)
    if course.start:
        begun = load(course.start)
        return {key: begun[key] for key in ("projection", "offset", "average")} | {"model": begun["average"]}
    projection, offset = projection_of(pools[0], course.without)
    return {"projection": projection, "offset": offset}


def load(checkpoint: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return state | {key: state[key].numpy() for key in ("projection", "offset")}


def _save(state: dict[str, Any], checkpoint: Path) -> None:
    draft = checkpoint.with_suffix(".draft")
    torch.save(state | {key: torch.from_numpy(state[key]) for key in ("projection", "offset")}, draft)
    draft.replace(checkpoint)


def _start_last_layer(model: Pupil, lessons: Lessons, seed: int) -> None:
    """Ridge regression on what the untrained network gives."""
    chosen = np.random.default_rng([seed, 1]).permutation(len(lessons.places))[:RIDGE_SAMPLES]
    model.train()
    with torch.no_grad():
        batches = [lessons.batch(np.sort(part)) for part in np.array_split(chosen, max(1, len(chosen) // 200))]
        rows = torch.cat([model.statistics(pixels) for pixels, _ in batches])
        targets = torch.cat([targets for _, targets in batches])
        system = rows.T @ rows + 0.1 * len(rows) * torch.eye(rows.shape[1])
        model.last.weight.copy_(torch.linalg.solve(system, rows.T @ targets).T)
        model.last.bias.zero_()


def _optimiser(model: Pupil, rate: float) -> torch.optim.Optimizer:
    last = list(model.last.parameters())
    kernels = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d)]
    taken = {id(parameter) for parameter in [*last, *kernels]}
    others = [parameter for parameter in model.parameters() if id(parameter) not in taken]
    groups = [
        {"params": kernels, "full": rate, "weight_decay": DECAY},
        {"params": others, "full": rate, "weight_decay": 0.0},
        {"params": last, "full": LAST_LAYER * rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate)


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP)
    return float(warm * (LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + np.cos(np.pi * step / steps))))


def _chosen(count: int, step: int, seed: int) -> np.ndarray:
    """Samples of a step: each is seen once before any is seen again."""
    a_round = max(1, count // BATCH)
    order = np.random.default_rng([seed, 2, step // a_round]).permutation(count)
    at = step % a_round * BATCH
    return np.sort(order[at : at + BATCH])


def _step(run: _Run, lessons: Lessons, course: Course, step: int) -> float:
    pixels, targets = lessons.batch(_chosen(len(lessons.places), step, course.seed))
    if step < SMALL_SHARE * course.steps:
        pixels = nn.functional.interpolate(pixels, (SMALL_PX, SMALL_PX), mode="bilinear", antialias=True)
    if step % 2:  # the whole batch, as cheap as can be
        pixels = pixels.flip(3)
    for group in run.optimiser.param_groups:
        group["lr"] = group["full"] * _rate(step, course.steps)
    run.model.train()
    loss = _loss(run.forward(pixels), targets, run.variance)
    run.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(run.model.parameters(), CLIP)
    run.optimiser.step()
    return float(loss.detach())


def _loss(outputs: Tensor, targets: Tensor, variance: float) -> Tensor:
    """Squared error over the targets' variance, and of the Gram matrices (n, n), which are what a kernel sees."""
    gram = targets @ targets.T
    likeness = torch.square(outputs @ outputs.T - gram).mean() / torch.square(gram).mean()
    return torch.square(outputs - targets).mean() / variance + GRAM * likeness


def _average(average: Pupil, model: Pupil, step: int) -> None:
    keep = min(AVERAGE, (step + 1) / (step + 10))
    with torch.no_grad():
        for kept, now in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(now, 1 - keep)
            else:
                kept.copy_(now)
