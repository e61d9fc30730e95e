"""All ten inertial parameters of links by the log-Cholesky factors of their pseudo-inertia: every value is physically consistent.

    P = U U^T = [[S, h], [h^T, m]],  S = tr(I_o) / 2 - I_o about the link origin, h = m c
    U = e^a [[e^d1, s12, s13, t1], [0, e^d2, s23, t2], [0, 0, e^d3, t3], [0, 0, 0, 1]]

P is positive definite exactly for masses that some density distribution has. Free numbers: (a, d1, d2, d3, s12, s23, s13, t1, t2, t3);
reported: mass, centre of mass, inertia about it in link axes.
Source: Rucker, Wensing, Smooth parameterization of rigid-body inertia, IEEE RA-L 7(2), 2022, eqs. (5), (9).
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
NUMBERS = ("mass", "com.x", "com.y", "com.z", "ixx", "iyy", "izz", "ixy", "ixz", "iyz")


class LinkInertia(Numbers):
    """Mass, centre of mass and inertia of chosen links."""

    coupled = True

    def __init__(self, setting: Setting, where: str, *, names: Any = ("*",), **common: Any) -> None:
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


def bodies_of(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """mass (n,), com (n, 3), inertia (n, 6: xx yy zz xy xz yz about the centre of mass) of free numbers (n, 10)."""
    scale, d1, d2, d3 = torch.exp(z[:, :4]).unbind(-1)
    s12, s23, s13, t1, t2, t3 = z[:, 4:].unbind(-1)
    zero = torch.zeros_like(s12)
    rows = (torch.stack([d1, s12, s13], -1), torch.stack([zero, d2, s23], -1), torch.stack([zero, zero, d3], -1))
    u = torch.stack(rows, -2)  # (n, 3, 3); the last column of U is (t, 1), and S - m c c^T = e^2a u u^T
    mass, com = scale * scale, torch.stack([t1, t2, t3], -1)
    second = mass[:, None, None] * (u @ u.transpose(-1, -2))
    xx, yy, zz = second.diagonal(dim1=-2, dim2=-1).unbind(-1)
    inertia = torch.stack([yy + zz, xx + zz, xx + yy, -second[:, 0, 1], -second[:, 0, 2], -second[:, 1, 2]], -1)
    return mass, com, inertia
