"""All ten inertial parameters of links by the log-Cholesky factors of their pseudo-inertia: every value is physically consistent.

    P = U U^T = [[S, h], [h^T, m]],  S = tr(I_o) / 2 - I_o about the link origin, h = m c
    U = e^a [[e^d1, s12, s13, t1], [0, e^d2, s23, t2], [0, 0, e^d3, t3], [0, 0, 0, 1]]

and by the log-det divergence from the described body, which no change of axes changes,

    D(P | P0) = tr(P P0^-1) - log det(P P0^-1) - 4 = sum_i (v_ii^2 - 1 - 2 log v_ii) + sum_(i<j) v_ij^2,    V = U0^-1 U

the sum of ten squares. With a weight far below what any measurement says, a body that the measurements do not tell stays where it is
described.

P is positive definite exactly for masses that some density distribution has. Free numbers: (a, d1, d2, d3, s12, s23, s13, t1, t2, t3);
reported: mass, centre of mass, inertia about it in link axes.
Source: Rucker, Wensing, Smooth parameterization of rigid-body inertia, IEEE RA-L 7(2), 2022, eqs. (5), (9); Lee, Wensing, Park, Geometric robot
dynamic identification: a convex programming approach, IEEE T-RO 36(2), 2020, eq. (22) (entropic divergence).
"""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.rows import rows_of
from genesis.selection import indices
from genesis.setting import Setting

FIELDS = ("link_mass", "link_com", "link_inertia")
NEAR = 1e-2  # of an exponent whose function is a series
WEIGHT = 3e-5  # in units of a residual of one sigma: far below what any measurement says
NUMBERS = ("mass", "com.x", "com.y", "com.z", "ixx", "iyy", "izz", "ixy", "ixz", "iyz")


class LinkInertia(Numbers):
    """Mass, centre of mass and inertia of chosen links; description_weight: of the divergence from where they start."""

    coupled = True

    def __init__(
        self, setting: Setting, where: str, *, names: Any = ("*",), description_weight: float = WEIGHT, **common: Any
    ) -> None:
        options = NumberOptions(**common)
        if options.bounds is not None or options.transform is not None or options.log or options.tie:
            raise InputError(
                f"{where}: bounds, transform, log and tie do not apply to inertia; it is consistent by itself. Use prior."
            )
        places, self.names = rows_of(f"{where}.names", setting, "link_mass", names)
        self.places = indices(places or range(len(self.names)))
        mass, com, inertia = (setting.described[name][self.places] for name in FIELDS)
        labels = [f"{name}.{number}" for name in self.names for number in NUMBERS]
        described = DescribedNumbers(labels, "kg, m, kg m²", torch.cat([mass[:, None], com, inertia], -1))
        super().__init__(setting, where, described, options, Changes(physical=FIELDS))
        if not 0.0 <= description_weight < float("inf"):
            raise InputError(
                f"{where}.description_weight: {description_weight:g}; allowed: 0 (nothing holds what the data do not tell), or more."
            )
        self.description_weight, self.first = description_weight, self.free.detach().clone()

    def values_of(self, free: Tensor) -> Tensor:
        return torch.cat([x.reshape(len(self.places), -1) for x in bodies_of(free.reshape(-1, 10))], -1).reshape(-1)

    def free_of(self, values: Tensor) -> Tensor:
        """Raises: InputError for a body that no density distribution has."""
        rows = values.detach().reshape(-1, 10)
        return log_cholesky(self.where, self.names, rows[:, 0], rows[:, 1:4], rows[:, 4:]).reshape(-1)

    def sizes(self, values: Tensor) -> Tensor:
        """Of masses themselves; of lengths and inertias those that a body of such a mass and radius of gyration has."""
        rows = values.reshape(-1, 10)
        mass, moment = rows[:, :1], rows[:, 4:7].sum(1, keepdim=True)
        size = torch.cat([mass, (moment / mass).sqrt().expand(-1, 3), moment.expand(-1, 6)], 1).reshape(-1)
        return size if self.prior is None else self.prior[1]

    def free_sizes(self) -> Tensor | None:
        """Logarithms by one, the others by the principal lengths of the body: then every number changes the divergence alike."""
        logs = self.first.reshape(-1, 10)[:, 1:4]
        lengths = logs.exp()[:, [0, 1, 0, 0, 1, 2]]
        return torch.cat([torch.ones(len(logs), 4).to(logs), lengths], 1).reshape(-1)

    def described_residuals(self) -> Tensor | None:
        """(10 links,) whose squares sum up to the weight times the divergence."""
        if not self.description_weight:
            return None
        return self.description_weight**0.5 * divergence_residuals(self.free.reshape(-1, 10), self.first.reshape(-1, 10)).reshape(
            -1
        )

    def unit_of(self, k: int) -> str:
        return ("kg", "m", "m", "m")[k % 10] if k % 10 < 4 else "kg m²"

    def apply(self, inputs: Inputs) -> None:
        for name, value in zip(FIELDS, bodies_of(self.free.reshape(-1, 10)), strict=True):
            inputs.physical[name] = inputs.value(name).index_copy(0, self.places, value)


def log_cholesky(where: str, names: list[str], mass: Tensor, com: Tensor, inertia: Tensor) -> Tensor:
    """(n, 10) log-Cholesky numbers. Raises: InputError for a body that no density distribution has."""
    xx, yy, zz, xy, xz, yz = inertia.unbind(-1)
    about_com = torch.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], -1).unflatten(-1, (3, 3))
    trace = about_com.diagonal(dim1=-2, dim2=-1).sum(-1)
    eye = torch.eye(3, dtype=mass.dtype, device=mass.device)
    second = 0.5 * trace[:, None, None] * eye - about_com + mass[:, None, None] * com.unsqueeze(-1) * com.unsqueeze(-2)
    pseudo = mass.new_zeros(len(mass), 4, 4)
    pseudo[:, :3, :3], pseudo[:, 3, 3] = second, mass
    pseudo[:, :3, 3] = pseudo[:, 3, :3] = mass[:, None] * com
    # U U^T with U upper triangular: the lower Cholesky factor of the matrix read backwards.
    lower, wrong = torch.linalg.cholesky_ex(pseudo.flip(-1, -2))
    if bool((wrong != 0).any()):
        k = int((wrong != 0).nonzero()[0])
        raise InputError(
            f'{where}: link "{names[k]}" has mass {mass[k].item():g} kg and an inertia that no body has (moments that violate the '
            "triangle inequality, or none); leave it out of names, give init, or learn mass and centre_of_mass only."
        )
    u = lower.flip(-1, -2)
    scale = u[:, 3, 3]
    u = u / scale[:, None, None]
    logs = torch.log(torch.stack([scale, u[:, 0, 0], u[:, 1, 1], u[:, 2, 2]], -1))
    return torch.cat([logs, torch.stack([u[:, 0, 1], u[:, 1, 2], u[:, 0, 2], u[:, 0, 3], u[:, 1, 3], u[:, 2, 3]], -1)], -1)


def upper(z: Tensor) -> Tensor:
    """(n, 4, 4) U / e^a of free numbers (n, 10)."""
    d1, d2, d3 = torch.exp(z[:, 1:4]).unbind(-1)
    s12, s23, s13, t1, t2, t3 = z[:, 4:].unbind(-1)
    zero, one = torch.zeros_like(s12), torch.ones_like(s12)
    rows = ([d1, s12, s13, t1], [zero, d2, s23, t2], [zero, zero, d3, t3], [zero, zero, zero, one])
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def divergence_residuals(z: Tensor, first: Tensor) -> Tensor:
    """(n, 10) whose squares sum up to the log-det divergence of each body from another, both by their free numbers (n, 10).

    Of a diagonal entry v = e^l of V they are sqrt(e^2l - 1 - 2l) with the sign of l, which is smooth: sqrt(2) l near zero.
    """
    v = (z[:, 0] - first[:, 0]).exp()[:, None, None] * torch.linalg.solve_triangular(upper(first), upper(z), upper=True)
    logs = (z[:, :4] - first[:, :4]).clone()
    logs = torch.cat([logs[:, 1:] + logs[:, :1], logs[:, :1]], -1)  # of the diagonal of V
    x = 2.0 * logs
    near = x.abs() < NEAR
    far = torch.where(near, torch.ones_like(x), x)
    ratio = torch.where(near, 1.0 + x / 3.0 + x**2 / 12.0 + x**3 / 60.0 + x**4 / 360.0, 2.0 * (torch.expm1(far) - far) / far**2)
    diagonal = logs * (2.0 * ratio).sqrt()
    above = torch.triu_indices(4, 4, 1)
    return torch.cat([diagonal, v[:, above[0], above[1]]], -1)


def bodies_of(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """mass (n,), com (n, 3), inertia (n, 6: xx yy zz xy xz yz about the centre of mass) of free numbers (n, 10)."""
    factor = upper(z)
    u, com = factor[:, :3, :3], factor[:, :3, 3]  # S - m c c^T = e^2a u u^T
    scale = torch.exp(z[:, 0])
    mass = scale * scale
    second = mass[:, None, None] * (u @ u.transpose(-1, -2))
    xx, yy, zz = second.diagonal(dim1=-2, dim2=-1).unbind(-1)
    inertia = torch.stack([yy + zz, xx + zz, xx + yy, -second[:, 0, 1], -second[:, 0, 2], -second[:, 1, 2]], -1)
    return mass, com, inertia
