"""Learned parameters as curves show them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genesis.sysid.problem import RecordingProblem


@dataclass
class Curve:
    """A group at the present point; see `genesis.problems.problem.Shown`."""

    values: Tensor
    limits: tuple[Tensor, Tensor]
    names: list[str]

    def value(self) -> Tensor:
        """(k,) natural values."""
        return self.values

    def bounds(self) -> tuple[Tensor, Tensor]:
        """(k,), (k,)"""
        return self.limits

    def labels(self) -> list[str]:
        """(k,)"""
        return self.names


def shown_of(problem: RecordingProblem, x: np.ndarray) -> dict[str, Curve]:
    """Group -> its values at a flat point, those of all recordings one after the other."""
    natural = problem.natural(torch.as_tensor(problem.split(x)[0])).detach()
    made: dict[str, Curve] = {}
    for parameter, recording, part in problem.slices:
        own = "" if recording is None else f"@{problem.recordings[recording].name}"
        names = [f"{label}{own}" for label in parameter.labels()]
        limits = parameter.low, parameter.high
        before = made.get(parameter.name)
        if before is None:
            made[parameter.name] = Curve(natural[part], limits, names)
        else:
            both = tuple(torch.cat([old, new]) for old, new in zip(before.limits, limits, strict=True))
            joined = torch.cat([before.values, natural[part]])
            made[parameter.name] = Curve(joined, both, before.names + names)  # type: ignore[arg-type]
    return made
