"""A motion cut into segments, each from a start of its own: all of them in one launch, seen as one trajectory."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from genesis.errors import DivergenceError
from genesis.grad.controllers import parameter
from genesis.grad.tangent import state_minus
from genesis.scene.linear import GAINS
from genesis.scene.physical import Loops
from genesis.scene.solver import RigidSolver
from genesis.scene.trajectory import Trajectory


@dataclass(frozen=True)
class Segments:
    """`horizon` steps in `count` segments, whose lengths differ by at most one step."""

    horizon: int
    count: int

    @property
    def starts(self) -> np.ndarray:
        """(S,) first step of each."""
        made: np.ndarray = np.arange(self.count) * self.horizon // self.count
        return made

    @property
    def length(self) -> int:
        """Steps of the longest."""
        return -(-self.horizon // self.count)

    def steps(self) -> torch.Tensor:
        """(L, S): which step of the motion is the k-th of each segment. Shorter ones end with a step of the next, which nobody sees."""
        found = self.starts + np.arange(self.length)[:, None]
        return torch.from_numpy(np.minimum(found, self.horizon - 1))

    def seen(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Where each state of the whole motion lies (T+1,): after how many steps of which segment. At a node it is the node."""
        states = np.arange(self.horizon + 1)
        which = np.minimum(np.searchsorted(self.starts, states, side="right") - 1, self.count - 1)
        return torch.from_numpy(states - self.starts[which]), torch.from_numpy(which)

    def ends(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Where the states lie that the nodes should be (S-1,)."""
        return torch.from_numpy(np.diff(self.starts)), torch.arange(self.count - 1)


@dataclass(frozen=True)
class Pieces:
    """trajectory: the whole motion with jumps at the nodes; its states at a node are the node. ends (S-1, nq), (S-1, nv): where the
    segments before the nodes end. gaps (S-1, 2nv): tangents from the nodes to these."""

    trajectory: Trajectory
    ends: tuple[torch.Tensor, torch.Tensor]
    gaps: torch.Tensor


def roll_out_segments(
    solver: RigidSolver,
    segments: Segments,
    kind: str,
    qpos: torch.Tensor,
    qvel: torch.Tensor,
    controls: torch.Tensor,
    physical: Mapping[str, torch.Tensor],
) -> Pieces:
    """Every segment as an environment of one launch, whatever number of them the scene has; differentiable.

    Args:
        kind: of the controls (T, nv). qpos (S, nq), qvel (S, nv): where the segments start, the start of the motion first.
        physical: core name -> value, as `params` of `Scene.rollout`.
    Raises: DivergenceError naming the step; ContactOverflowError; InputError.
    """
    solver.alive()
    physics, parameters, loops = solver.physics, solver.parameters, Loops.of(kind, solver.model.nv)
    theta = parameters.theta_with(loops, physical, "multiple shooting")
    theta = theta if theta.dim() == 1 else theta[0]
    dof_ctrl = parameter(physics, theta, GAINS[kind]) * controls if kind in GAINS else controls
    series = physics.rollout(theta, qpos.contiguous(), qvel.contiguous(), dof_ctrl[segments.steps()].contiguous())
    after, which = segments.seen()
    q, v = (x[after, which] for x in series[:2])
    a = series[2][after[:-1], which[:-1]]
    ends = series[0][segments.ends()], series[1][segments.ends()]
    expect_finite((q, v, *ends), segments)
    gaps = state_minus(solver.model, ends, (qpos[1:], qvel[1:]))
    return Pieces(Trajectory(solver, theta, (q, v, a), controls, solver.scene.dt, 0, kind), ends, gaps)


def expect_finite(states: tuple[torch.Tensor, ...], segments: Segments) -> None:
    """Of the whole motion and of the ends. Raises: DivergenceError naming the step."""
    *motion, q, v = (x.detach() for x in states)
    bad = [int(i) for x in motion for i in (~torch.isfinite(x)).any(-1).nonzero()[:1, 0]]
    bad += [int(segments.starts[int(i) + 1]) for x in (q, v) for i in (~torch.isfinite(x)).any(-1).nonzero()[:1, 0]]
    if bad:
        step = min(bad)
        segment = int(np.searchsorted(segments.starts, step, side="right"))
        raise DivergenceError(
            f"the simulation diverged: the state is not finite at step {step}, in segment {segment} of {segments.count}; a smaller "
            "scene.dt, smaller controls or more multiple_shooting.segments may help.",
            step=step, quantity="state",
        )  # fmt: skip
