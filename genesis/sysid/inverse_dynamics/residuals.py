"""The equations of torques as residuals of an identification: weighted, and as few rows as there are numbers where they are linear.

½ Σ ((A xi(z) + f(z) - u(z)) / sigma)² + mu Σ D(J_i(z) | J_i0) + priors
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch

from genesis.methods.residuals import ResidualBlock
from genesis.parameters.link_inertia import LinkInertia
from genesis.sysid.inverse_dynamics.base import Compressed
from genesis.sysid.inverse_dynamics.equations import GEOMETRY, Equations, TorqueEquations, TorqueOptions
from genesis.sysid.inverse_dynamics.solution import TorqueSolution, TorqueSolver
from genesis.sysid.linearization import prior_blocks
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals

CHANNEL = "torque"
TURNS = 10  # of Gauss-Newton steps before the first iteration
ENOUGH = 1e-3  # fall of the logarithm of what is left that is worth another one
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
        """Of their least squares around the start."""
        return TorqueSolver(self.equations, self.tell)

    @cached_property
    def solution(self) -> TorqueSolution:
        """The linear least squares, which the weights of all that follows come from, around what is not linear.

        Where something is not, Gauss-Newton steps in all numbers go before, as long as they lower the cost.
        """
        solver = self.solver
        if len(solver.linear) == self.problem.n:
            return solver.solution()
        return TorqueSolver(self.equations, self.tell, at=self._by_turns()).solution()

    def _by_turns(self) -> np.ndarray:
        """z (n,) of Gauss-Newton steps in all numbers, with weights in turns."""
        z = self.problem.z0.numpy()
        lowest = self._relative(z)
        for k in range(TURNS):
            self.tell(f"what is not linear, step {k + 1}")
            point = TorqueSolver(self.equations, at=z).step()
            value = self._relative(point)
            if value < lowest:
                z = point
            if not value < lowest - ENOUGH:
                break
            lowest = value
        return z

    def _relative(self, z: np.ndarray) -> float:
        """Sum over joints of the logarithm of what is left: a cost that does not depend on weights."""
        left = np.concatenate([self.equations.residual(part, torch.as_tensor(z)) for part in self.equations.parts])
        value = float(np.log(np.maximum((left[:, self.equations.dofs] ** 2).mean(0), 1e-300)).sum())
        return value if np.isfinite(value) else np.inf

    def blocks(self, x: np.ndarray, jacobian: bool = True) -> list[ResidualBlock]:
        """At z (n,)."""
        z = torch.as_tensor(x[: self.problem.n])
        made = (
            self._few_rows(z, jacobian) if self._linear else [self._all_rows(part, z, jacobian) for part in self.equations.parts]
        )
        weight = self.options.regularization
        rows = self.solver.chart.divergence(z, weight).detach().numpy()
        if len(rows):
            block = ResidualBlock(DIVERGENCE, rows, window=np.zeros(len(rows), int))
            if jacobian:
                block.z = self._divergence_slope(z, weight)
            made.append(block)
        # the divergence is what holds bodies here: inertia.description_weight, which is for motion, does not count once more
        return made + [block for block in prior_blocks(self.problem, z, jacobian) if block.label == "prior"]

    # ---- where all is linear but xi(z)

    @cached_property
    def _linear(self) -> bool:
        """Whether A stays as it is, and forces that acted are linear in what is learned of them."""
        acting = set(self.solver.acting)
        return not self.equations.touches(GEOMETRY) and acting <= set(self.solver.linear.tolist())

    @cached_property
    def _triangles(self) -> list[np.ndarray]:
        """Of each recording (one of all where they share everything): rows times (xi, x of what acts beside, 1) are the residuals."""
        assert self.solution is not None  # the weights
        solver, equations = self.solver, self.equations
        made = []
        for part in equations.parts:
            rate = equations.beside_slope(part, solver.z, solver.acting)
            rate = rate @ solver.to_free[np.ix_(solver.acting, solver.acting)]
            constant = rate @ solver.x[solver.acting] - equations.beside(part, solver.z)
            table = np.concatenate([part.columns, -rate, constant[:, :, None]], -1)[:, equations.dofs]
            table = table / equations.sigma[equations.dofs][:, None]
            table = table.reshape(-1, table.shape[-1])
            made.append(Compressed.of(table[:, :-1], table[:, -1]))
        return [one.rows for one in made] if self.problem.by_recording else [Compressed.joined(made).rows]

    def _few_rows(self, z: torch.Tensor, jacobian: bool) -> list[ResidualBlock]:
        solver = self.solver
        with torch.no_grad():
            xi, x = self.equations.lifted_at(z).numpy(), solver.chart.of(z).numpy()[solver.acting]
        slope = self.equations.lifted_slope(z) if jacobian else None
        acting = solver.chart.slope(z)[solver.acting] if jacobian else None
        made = []
        for k, rows in enumerate(self._triangles):
            r = rows @ np.concatenate([xi[k], x, [1.0]])
            block = ResidualBlock(CHANNEL, r, window=np.zeros(len(r), int))
            if slope is not None and acting is not None:
                block.z = rows[:, :-1] @ np.concatenate([slope[k], acting])
            made.append(block)
        return made

    # ---- where it is not

    def _all_rows(self, part: Equations, z: torch.Tensor, jacobian: bool) -> ResidualBlock:
        assert self.solution is not None
        dofs, sigma = self.equations.dofs, self.equations.sigma
        r = (self.equations.residual(part, z) / sigma)[:, dofs].reshape(-1)
        block = ResidualBlock(CHANNEL, r, window=np.zeros(len(r), int))
        if jacobian:
            block.z = (self.equations.slope(part, z) / sigma[:, None])[:, dofs].reshape(len(r), -1)
        return block

    def _divergence_slope(self, z: torch.Tensor, weight: float) -> np.ndarray:
        made: np.ndarray = torch.autograd.functional.jacobian(lambda at: self.solver.chart.divergence(at, weight), z).numpy()
        return made

    def bodies(self) -> bool:
        """Whether whole bodies are learned."""
        return any(isinstance(parameter, LinkInertia) for parameter in self.problem.learned)
