"""What is told of parameters that follow others: their values, and the errors that these hand on to them.

Cov(t) = J C J^T,   J = dt/dvalues
"""

import numpy as np
import torch
from torch import Tensor

from genesis.parameters import Tied
from genesis.sysid.problem import RecordingProblem


def tied_values(problem: RecordingProblem, z: np.ndarray, covariance: np.ndarray) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Name -> value at the start, at z (n,), and standard deviation there, (k,) each; covariance (n, n) of the reported values.

    Of those that follow numbers which each recording has of its own: in the first recording.
    """
    made: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    for name, parameter in problem.parameters.items():
        if isinstance(parameter, Tied):
            made[name] = _of(problem, name, torch.as_tensor(z), covariance)
    return made


def _of(problem: RecordingProblem, name: str, z: Tensor, covariance: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    def value(free: Tensor) -> Tensor:
        here = problem.target(free, 0 if problem.parameters[name].each_recording else None)
        parameter = here.taken[name]
        assert isinstance(parameter, Tied)
        return parameter.among(here.taken)

    to_free = torch.autograd.functional.jacobian(value, z)
    slope = torch.autograd.functional.jacobian(problem.natural, z)
    jacobian = (to_free @ torch.linalg.pinv(slope)).numpy()
    used = np.abs(jacobian).max(0) > 0.0  # others may have no covariance
    spread = jacobian[:, used] @ covariance[np.ix_(used, used)] @ jacobian[:, used].T
    return value(problem.z0).detach(), value(z).detach(), torch.as_tensor(np.sqrt(np.diag(spread)))
