"""What a gradient says of itself, cheaply: whether environments agree about it, and how much it grows on its way back through time."""

import math

import torch
from torch import Tensor

from genesis.log import logger
from genesis.parameters import Inputs

GROWN = 6.0  # log10 by which a gradient has grown from the last steps to the first, beyond which it is told


def health_of(inputs: Inputs, by_step: Tensor | None, environments: int, diverged: int) -> dict[str, float]:
    """After a backward pass: sign_agreement, weighted share of environments whose gradient in a control has the sign of most (0.5 to 1);
    finite, share of environments; gradient_growth, log10 of the largest gradient in the controls of a step over that of the last step."""
    made: dict[str, float] = {}
    if environments > 1:
        made["finite"] = 1.0 - diverged / environments
        gradients = [x.grad for x in inputs.watched if x.grad is not None]
        if gradients:
            series = gradients[0] if gradients[0].ndim == 3 else torch.stack(gradients)  # (T, B, nv)
            made["sign_agreement"] = agreement(series)
    if by_step is not None and len(by_step) > 1:
        largest, last = float(by_step.max()), float(by_step[-1])
        if largest > 0.0 and last > 0.0 and math.isfinite(largest):
            made["gradient_growth"] = math.log10(largest / last)
    return made


def agreement(series: Tensor) -> float:
    """Of gradients (T, B, n): how many of those of the B that are not zero have the sign of most (0.5 to 1), mean over T and n weighted by
    their mean size; 1 where all are zero."""
    up, down = ((series > 0.0).double().sum(1), (series < 0.0).double().sum(1))
    weight = series.abs().double().mean(1)
    total = float(weight.sum())
    return float((torch.maximum(up, down) / (up + down).clamp(min=1.0) * weight).sum()) / total if total > 0.0 else 1.0


class Doctor:
    """Says once what looks ill, and what may help. Environments disagree about a gradient near every minimum, so that this is logged alone."""

    def __init__(self) -> None:
        self.told = False

    def look(self, health: dict[str, float]) -> None:
        """After each gradient."""
        if health.get("gradient_growth", 0.0) > GROWN and not self.told:
            self.told = True
            logger.warning(
                "the gradient grows by 1e%.0f on its way back to the first steps: gradient.clip or gradient.truncate bound it, "
                "multiple_shooting.segments or optimizer=ddp avoid it.", health["gradient_growth"],
            )  # fmt: skip
