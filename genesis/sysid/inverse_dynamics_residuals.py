"""The equations of torques as residuals of an identification: weighted, and as few rows as there are numbers where they are linear.

    ½ Σ ((A xi(z) - u(z)) / sigma)² + mu Σ D(J_i(z) | J_i0) + priors
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch

from genesis.methods.residuals import ResidualBlock
from genesis.parameters.link_inertia import LinkInertia
from genesis.sysid.inverse_dynamics import GEOMETRY, Equations, TorqueEquations, TorqueOptions
from genesis.sysid.inverse_dynamics_base import Compressed
from genesis.sysid.inverse_dynamics_solution import TorqueSolution, TorqueSolver
from genesis.sysid.linearization import prior_blocks
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals

CHANNEL = "torque"
DIVERGENCE = "divergence"  # label of the blocks that keep bodies near their description


class TorqueResiduals:
    """Made at the first question: equations, linear least squares, weights. tell: what is going on."""

    def __init__(self, problem: RecordingProblem, options: TorqueOptions, tell: Callable[[str], None]) -> None:
        self.problem, self.options, self.tell = problem, options, tell

    def residuals(self) -> Residuals:
        """As an objective takes them; of z alone."""
        return Residuals(self.problem, self.blocks, 0)

    @cached_property
    def equations(self) -> TorqueEquations:
        """Of the training recordings."""
        return TorqueEquations(self.problem, self.options, self.tell)

    @cached_property
    def solver(self) -> TorqueSolver:
        """Of their least squares."""
        return TorqueSolver(self.equations, self.tell)

    @cached_property
    def solution(self) -> TorqueSolution:
        """The linear least squares, which the weights of all that follows come from."""
        return self.solver.solution()

    def blocks(self, x: np.ndarray, jacobian: bool = True) -> list[ResidualBlock]:
        """At z (n,)."""
        z = torch.as_tensor(x[: self.problem.n])
        made = self._few_rows(z, jacobian) if self._linear else [self._all_rows(part, z, jacobian) for part in self.equations.parts]
        weight = self.options.regularization
        rows = self.solver.chart.divergence(z, weight).detach().numpy()
        if len(rows):
            block = ResidualBlock(DIVERGENCE, rows, window=np.zeros(len(rows), int))
            if jacobian:
                block.z = self._divergence_slope(z, weight)
            made.append(block)
        return made + prior_blocks(self.problem, z, jacobian)

    # ---- where all is linear but xi(z)

    @cached_property
    def _linear(self) -> bool:
        """Whether A stays as it is, and forces that acted are linear in what is learned of them."""
        driving = set(self.solver.driving)
        return not self.equations.touches(GEOMETRY) and driving <= set(self.solver.linear.tolist())

    @cached_property
    def _triangles(self) -> list[np.ndarray]:
        """Of each recording (one of all where they share everything): rows times (xi, x of what drives, 1) are the residuals."""
        assert self.solution is not None  # the weights
        solver, equations = self.solver, self.equations
        made = []
        for part in equations.parts:
            rate = equations.applied_slope(part, solver.z0, solver.driving)
            rate = rate @ solver.to_free[np.ix_(solver.driving, solver.driving)]
            constant = rate @ solver.chart.x0[solver.driving] - equations.applied(part, solver.z0)
            table = np.concatenate([part.columns, -rate, constant[:, :, None]], -1)[:, equations.dofs]
            table = table / equations.sigma[equations.dofs][:, None]
            table = table.reshape(-1, table.shape[-1])
            made.append(Compressed.of(table[:, :-1], table[:, -1]))
        return [one.rows for one in made] if self.problem.by_recording else [Compressed.joined(made).rows]

    def _few_rows(self, z: torch.Tensor, jacobian: bool) -> list[ResidualBlock]:
        solver = self.solver
        with torch.no_grad():
            xi, x = self.equations.lifted_at(z).numpy(), solver.chart.of(z).numpy()[solver.driving]
        slope = self.equations.lifted_slope(z) if jacobian else None
        driving = solver.chart.slope(z)[solver.driving] if jacobian else None
        made = []
        for k, rows in enumerate(self._triangles):
            r = rows @ np.concatenate([xi[k], x, [1.0]])
            block = ResidualBlock(CHANNEL, r, window=np.zeros(len(r), int))
            if slope is not None and driving is not None:
                block.z = rows[:, :-1] @ np.concatenate([slope[k], driving])
            made.append(block)
        return made

    # ---- where it is not

    def _all_rows(self, part: Equations, z: torch.Tensor, jacobian: bool) -> ResidualBlock:
        assert self.solution is not None
        dofs, sigma = self.equations.dofs, self.equations.sigma
        r = (self.equations.residual(part, z) / sigma)[:, dofs].reshape(-1)
        block = ResidualBlock(CHANNEL, r, window=np.zeros(len(r), int))
        if jacobian:
            block.z = (self.slope(part, z) / sigma[:, None])[:, dofs].reshape(len(r), -1)
        return block

    def slope(self, part: Equations, z: torch.Tensor) -> np.ndarray:
        """(rows, nv, n) derivative of what is needed less what acted [N m | N]."""
        equations = self.equations
        turning = self._places(GEOMETRY)
        slope = equations.lifted_slope(z)
        k = self.problem.recordings.index(part.recording)
        columns = part.columns
        if turning:
            theta = self.problem.theta(self.problem.targets(z)).detach()
            theta = theta[k] if theta.dim() == 2 else theta
            with torch.no_grad():
                columns = equations.columns(part.samples, part.motion, theta, lambda done: None)
        made = columns @ slope[k if len(slope) > 1 else 0]
        if turning:
            made[:, :, turning] = equations.needed_slope(part, z, turning)
        made[:, :, self.solver.driving] -= equations.applied_slope(part, z, self.solver.driving)
        return made

    def _places(self, names: Sequence[str]) -> list[int]:
        return [
            k
            for parameter, _, part in self.problem.slices
            if set(parameter.changes.physical) & set(names)
            for k in range(part.start, part.stop)
        ]

    def _divergence_slope(self, z: torch.Tensor, weight: float) -> np.ndarray:
        made: np.ndarray = torch.autograd.functional.jacobian(lambda at: self.solver.chart.divergence(at, weight), z).numpy()
        return made

    def bodies(self) -> bool:
        """Whether whole bodies are learned."""
        return any(isinstance(parameter, LinkInertia) for parameter in self.problem.learned)
