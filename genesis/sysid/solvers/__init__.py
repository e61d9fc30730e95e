"""What lowers the cost, one method a class. A new one is added here and in the schema of the command line."""

from typing import Any

from genesis.errors import unknown_name
from genesis.sysid.solvers.general import Lbfgsb, TrustRegion
from genesis.sysid.solvers.global_search import CmaEs
from genesis.sysid.solvers.levenberg_marquardt import LevenbergMarquardt
from genesis.sysid.solvers.solver import After, Ended, LeastSquares, Report, Solver
from genesis.sysid.solvers.stochastic import Adam

#: kind -> class; built as `SOLVERS[kind](**options)`.
SOLVERS: dict[str, Any] = {
    "levenberg_marquardt": LevenbergMarquardt,
    "least_squares": TrustRegion,
    "lbfgsb": Lbfgsb,
    "adam": Adam,
    "cmaes": CmaEs,
}


def make_solver(spec: dict[str, Any], seed: int) -> Solver:
    """From kind and keyword arguments. Raises: UnknownNameError."""
    options = dict(spec)
    kind = options.pop("kind")
    if kind not in SOLVERS:
        raise unknown_name("solver", "kind", kind, SOLVERS)
    if "seed" in SOLVERS[kind].__dataclass_fields__:
        options.setdefault("seed", seed)
    made: Solver = SOLVERS[kind](**options)
    return made


__all__ = ["SOLVERS", "After", "Ended", "LeastSquares", "Report", "Solver", "make_solver"]
