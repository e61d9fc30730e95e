"""Free numbers z of an identification as numbers x in which forces are linear: phi of bodies, natural values of all else."""

import numpy as np
import torch
from torch import Tensor

from genesis.parameters.link_inertia import LinkInertia, bodies_of
from genesis.sysid.inverse_dynamics.consistent import BASIS, BodyPrior, divergence_rows
from genesis.sysid.inverse_dynamics.regressor import PER_LINK, UNITS, body_of, phi_of
from genesis.sysid.problem import RecordingProblem

LEAST = 1e-12  # of a value whose logarithm is learned


class LinearChart:
    """x(z) of a problem, slice by slice; both have n numbers.

    names, units (n,): of x. low, high (n,): bounds of x, of bodies none. bodies: where phi of each body is, and as it is described,
    wherever the problem starts.
    """

    def __init__(self, problem: RecordingProblem) -> None:
        self.problem = problem
        self.x0 = self.of(problem.z0).detach().numpy()
        self.names, self.units = problem.names(), [""] * problem.n
        self.low, self.high = np.full(problem.n, -np.inf), np.full(problem.n, np.inf)
        self.bodies: list[BodyPrior] = []
        for parameter, r, part in problem.slices:
            places = np.arange(part.start, part.stop)
            if isinstance(parameter, LinkInertia):
                described = phi_of(*bodies_of(parameter.first.reshape(-1, 10))).numpy()
                own = "" if r is None else f"@{problem.recordings[r].name}"
                for k, name in enumerate(parameter.names):
                    here = places[10 * k : 10 * k + 10]
                    for place, label, unit in zip(here, PER_LINK, UNITS, strict=True):
                        self.names[place], self.units[place] = f"{name}.{label}{own}", unit
                    self.bodies.append(BodyPrior(here, np.einsum("k,kij->ij", described[k], BASIS)))
                continue
            for i, place in enumerate(places):
                self.units[place] = parameter.unit_of(i)
            low, high = parameter.low.numpy(), parameter.high.numpy()
            self.low[part] = np.maximum(low, LEAST) if parameter.log else low
            self.high[part] = high

    def of(self, z: Tensor) -> Tensor:
        """x (n,) of free numbers (n,)."""
        made = []
        for parameter, _, part in self.problem.slices:
            if isinstance(parameter, LinkInertia):
                made.append(phi_of(*bodies_of(z[part].reshape(-1, 10))).reshape(-1))
            else:
                made.append(parameter.values_of(z[part]))
        return torch.cat(made)

    def slope(self, z: Tensor) -> np.ndarray:
        """dx/dz (n, n), block by block of the slices."""
        made: np.ndarray = torch.autograd.functional.jacobian(self.of, z).numpy()
        return made

    def free(self, x: np.ndarray) -> np.ndarray:
        """z (n,) of numbers x whose bodies exist."""
        made = np.zeros(self.problem.n)
        for parameter, _, part in self.problem.slices:
            values = torch.as_tensor(x[part])
            if isinstance(parameter, LinkInertia):
                mass, com, inertia = body_of(values.reshape(-1, 10))
                values = torch.cat([mass.unsqueeze(-1), com, inertia], -1).reshape(-1)
            made[part] = parameter.free_of(values).numpy()
        return made

    def divergence(self, z: Tensor, weight: float) -> Tensor:
        """(10 bodies,) residuals of the entropic divergence of all bodies to their description, see `divergence_rows`."""
        made = []
        for parameter, _, part in self.problem.slices:
            if isinstance(parameter, LinkInertia):
                pairs = zip(z[part].reshape(-1, 10), parameter.first.reshape(-1, 10), strict=True)
                made += [divergence_rows(_factor(now), _factor(then), weight) for now, then in pairs]
        return torch.cat(made) if made else z.new_zeros(0)


def _factor(z: Tensor) -> Tensor:
    """U (4, 4) of log-Cholesky numbers (10,), see `genesis.parameters.link_inertia`."""
    a, d1, d2, d3, s12, s23, s13, t1, t2, t3 = z.unbind()
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    rows = [
        [torch.exp(d1), s12, s13, t1], [zero, torch.exp(d2), s23, t2], [zero, zero, torch.exp(d3), t3], [zero, zero, zero, one],
    ]  # fmt: skip
    return torch.exp(a) * torch.stack([torch.stack(row) for row in rows])
