"""Information about unknowns in measurements, from the Jacobian of the measurements: Fisher's matrix F = Sᵀ Σ⁻¹ S and what follows from it.

F itself is never formed. Everything works on a square root R, F = RᵀR upper triangular, found by QR of the whitened Jacobian
Σ^-½ S, which keeps twice the digits. Unknowns are in units of their scale.

Source: Atkinson, Donev, Optimum Experimental Designs (1992), chapters 9 and 10.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.errors import InputError

# Jacobians by differences have relative errors of about 1e-8: a direction below this part of the others is none.
RANK = 1e-6
# Share of the information about a direction that comes from the prior, above which the prior decides it.
DECIDED = 0.5


def square_root(jacobian: Tensor, nuisance: int = 0, prior: Tensor | None = None) -> Tensor:
    """R (n, n) with RᵀR the information about the last n unknowns, the first `nuisance` of them being estimated too.

    In the R of all columns the lower right block is the root of the Schur complement F_θθ − F_θx F_xx⁻¹ F_xθ.

    Args:
        jacobian: (N, nuisance + n) whitened: derivative of each measurement over its noise, by each unknown over its scale.
        prior: (n,) what is known beforehand: one over the standard deviation, zero for nothing.
    """
    if prior is not None:
        rows = torch.diag(prior)
        jacobian = torch.cat([jacobian, torch.cat([rows.new_zeros(len(prior), nuisance), rows], 1)])
    return torch.linalg.qr(jacobian).R[nuisance:, nuisance:]


def d_criterion(root: Tensor, sharpness: float = 0.0) -> Tensor:
    """−(log det F) / n: the logarithm of the geometric mean of the variances of the principal directions."""
    return -2.0 * torch.log(root.diagonal().abs()).mean()


def a_criterion(root: Tensor, sharpness: float = 0.0) -> Tensor:
    """log (tr F⁻¹ / n): the logarithm of the mean variance of the unknowns."""
    return torch.log(torch.square(inverse(root)).sum() / len(root))


def e_criterion(root: Tensor, sharpness: float = 8.0) -> Tensor:
    """−log of the smallest eigenvalue λ of F: the logarithm of the largest variance of any direction.

    min is replaced by (Σ λ_i^−p)^(−1/p) with p = sharpness, which is smooth where eigenvalues meet; it is smaller than the minimum by a
    factor of n^(1/p) at most.
    """
    return torch.logsumexp(-2.0 * sharpness * torch.log(torch.linalg.svdvals(root)), 0) / sharpness


#: D, A or E -> function(R, sharpness).
CRITERIA: dict[str, Callable[[Tensor, float], Tensor]] = {"D": d_criterion, "A": a_criterion, "E": e_criterion}


def inverse(root: Tensor) -> Tensor:
    """R⁻¹ (n, n)."""
    made: Tensor = torch.linalg.solve_triangular(root, torch.eye(len(root), dtype=root.dtype, device=root.device), upper=True)
    return made


def standard_deviations(root: Tensor) -> Tensor:
    """(n,) of each unknown, the others being estimated too, in units of its scale."""
    return inverse(root).norm(dim=1)


@dataclass(frozen=True)
class Summary:
    """What an experiment says. std: (n,) in units of the scales. correlation: (n, n). eigenvalues: (n,) of F, rising.

    decided: directions that the prior tells more about than the measurements.
    """

    std: Tensor
    correlation: Tensor
    eigenvalues: Tensor
    decided: int

    @property
    def log_det(self) -> float:
        return float(torch.log(self.eigenvalues).sum())

    @property
    def condition(self) -> float:
        """Of F: largest over smallest eigenvalue."""
        return float(self.eigenvalues[-1] / self.eigenvalues[0])


def summary(root: Tensor, prior: Tensor) -> Summary:
    """Numbers of R (n, n); prior (n,) as in `square_root`."""
    root = root.detach()
    inverted = inverse(root)
    std = inverted.norm(dim=1)
    covariance = inverted @ inverted.T
    shares = torch.linalg.svdvals(torch.diag(prior) @ inverted) ** 2
    return Summary(
        std=std,
        correlation=covariance / torch.outer(std, std),
        eigenvalues=torch.linalg.svdvals(root).flip(0) ** 2,
        decided=int((shares > DECIDED).sum()),
    )


def check_identifiable(where: str, jacobian: Tensor, names: Sequence[str], prior: Tensor, remedy: str) -> None:
    """Nothing, if every combination of the unknowns changes the measurements or is known beforehand.

    Args:
        jacobian: (N, k) whitened; names: (k,); prior: (k,) one over the standard deviation known beforehand.
    Raises: InputError naming the first unknown, or combination, that nothing is said about.
    """
    rows = torch.cat([jacobian.detach(), torch.diag(prior)])
    length = rows.norm(dim=0)
    silent = (length <= 1e-12 * length.max()).nonzero()
    if len(silent) or float(length.max()) == 0.0:
        name = names[int(silent[0]) if len(silent) else 0]
        raise InputError(f"{where}: {name} changes no measurement of the start trajectory; {remedy}.")
    _, values, directions = torch.linalg.svd(rows / length, full_matrices=False)
    if len(values) < len(names) or float(values[-1]) < RANK * float(values[0]):
        count = len(names) - int((values >= RANK * values[0]).sum())
        combination = directions[-1] / length
        raise InputError(
            f"{where}: the measurements of the start trajectory say nothing about {described(combination, names)} "
            f"({count} such combination{'s' if count > 1 else ''}, log det = -inf); {remedy}."
        )


def described(combination: Tensor, names: Sequence[str], most: int = 5) -> str:
    """0.71 a − 0.70 b: the larger entries of a direction, scaled to length one."""
    direction = combination / combination.norm()
    order = direction.abs().argsort(descending=True).tolist()
    told = [i for i in order if abs(float(direction[i])) > 0.05][:most]
    sign = math.copysign(1.0, float(direction[told[0]]))
    parts: list[str] = []
    for i in told:
        value = sign * float(direction[i])
        lead = ("" if value > 0 else "−") if not parts else (" + " if value > 0 else " − ")
        parts.append(f"{lead}{abs(value):.2f} {names[i]}")
    return "".join(parts) + (" + …" if len(told) == most and len(names) > most else "")
