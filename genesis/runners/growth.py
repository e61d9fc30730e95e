"""How much small changes grow along the motion of a task, and what that means for those who simulate it from its start alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genesis.errors import SIMULATION_FAILURES, InputError
from genesis.grad.growth import largest_singular_values
from genesis.scene.linear import deviations
from genesis.tasks import Task

#: log10 of the growth beyond which a gradient is noise: motions are exact to 1e-10 or so, in 32 bits to 1e-6, and a hundredth is left.
NOISE, NOISE_32 = 8.0, 4.0
DIRECTIONS = 6  # of starts nearby


def noise_limit(dtype: torch.dtype) -> float:
    """`NOISE` of motions of that type."""
    return NOISE if dtype == torch.float64 else NOISE_32


@dataclass(frozen=True)
class Growth:
    """logs: log10 of the largest singular value of the derivative of the states to the first one (T+1,), up to `limit` or so.
    dt: of a step [s]. limit: from which on gradients are noise."""

    logs: np.ndarray
    dt: float
    limit: float = NOISE

    @property
    def largest(self) -> float:
        """log10 of the largest over the motion."""
        return float(self.logs.max())

    @property
    def noise_step(self) -> int | None:
        """The first step beyond which a gradient with respect to the start is noise; None where there is none."""
        beyond = np.flatnonzero(self.logs > self.limit)
        return int(beyond[0]) if len(beyond) else None

    def content(self) -> dict[str, Any]:
        """For result.json: the largest, that of the end, from which on gradients are noise, and where that is [step, s]."""
        step = self.noise_step
        return {
            "log10_largest": round(self.largest, 3),
            "log10_end": round(float(self.logs[-1]), 3),
            "log10_noise": self.limit,
            "noise_step": step,
            "noise_time": None if step is None else step * self.dt,
        }

    def line(self) -> str:
        """The same as a clause."""
        text = f"small changes grow by up to {10.0 ** min(self.largest, 300.0):.1e}"
        step = self.noise_step
        return text if step is None else f"{text}, gradients are noise from step {step} ({step * self.dt:g} s) on"


def growth_along(task: Task, trajectory: Any) -> Growth | None:
    """Of a `genesis.scene.Trajectory`; of a batch the largest. None where it is not finite.

    Motions from starts nearby show it, by the kernel that made the trajectory: no other has to be compiled. Of more than `DIRECTIONS` numbers
    of a state some random directions stand for all, and what they show is scaled up to the Frobenius norm: right within a factor of two.
    """
    n = 2 * trajectory.qvel.shape[-1]
    count = min(n, DIRECTIONS)
    draws = np.random.default_rng(0).standard_normal((n, n))
    directions = torch.from_numpy(np.linalg.qr(draws)[0][:, :count].T.copy() if count < n else np.eye(n))
    found = deviations(trajectory, directions).double().cpu().numpy()
    if count < n:
        sizes = (n / count) ** 0.5 * np.linalg.norm(found, axis=(2, 3))
        sizes[0] = 1.0
    else:
        sizes = largest_singular_values(found.swapaxes(2, 3))
    logs = np.log10(np.maximum(sizes.max(1), 1e-300))
    return Growth(logs, task.setting.dt, noise_limit(trajectory.qpos.dtype)) if np.isfinite(logs).all() else None


def growth_of(task: Task) -> Growth | None:
    """Along the motion of the present parameters; None where they have none, or a policy, which is part of its steps, makes it."""
    try:
        with torch.no_grad():
            trajectory, inputs = task.simulate()
            return None if inputs.policies else growth_along(task, trajectory.trajectory)
    except (*SIMULATION_FAILURES, InputError):  # the first evaluation says it
        return None
