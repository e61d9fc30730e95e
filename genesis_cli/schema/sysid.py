"""Schema of what `genesis sysid` adds: shooting, solver, statistics."""

from dataclasses import dataclass

from genesis_cli.schema.keys import REQUIRED, key


@dataclass
class Shooting:
    """How recordings are cut into windows that are simulated side by side."""

    window: float | None = key(1.0, "length of a window [s]; null: whole recordings", above=0.0)
    overlap: float = key(0.0, "part of a window that the next one repeats", low=0.0)
    continuity: float = key(0.0, "weight of gaps between windows (free start states only)", low=0.0)
    growth: float = key(10.0, "factor on that weight from round to round", above=0.0)
    rounds: int = key(1, "how often the solver runs, with growing weight of the gaps", low=1)
    position_scale: float = key(0.01, "gap in position that counts as one standard deviation [rad | m]", above=0.0)
    velocity_scale: float = key(0.1, "gap in velocity that counts as one standard deviation [rad/s | m/s]", above=0.0)


@dataclass
class Starts:
    """Where solvers begin, beside the described values."""

    equation_error: bool = key(
        False, "begin with the parameters that explain the measured torques (least squares, no simulation)"
    )
    candidates: int = key(0, "starts spread over the bounds, judged in one batched simulation", low=0)
    keep: int = key(4, "how many of the best of them the solver begins from", low=1)


@dataclass
class Statistics:
    """How certain the estimates are said to be."""

    errors: str = key(
        "residual",
        "noise: as large as the residuals, as sigma says, or correlated within windows (sandwich)",
        choices=("residual", "given", "clustered"),
    )
    profile: list[str] = key([], "parameters, by glob pattern, whose intervals come from the profile likelihood")


@dataclass
class Solver:
    """What every solver has."""

    kind: str = REQUIRED
    iterations: int = key(100, "largest number of iterations", low=0)


@dataclass
class LevenbergMarquardt(Solver):
    """Damped Gauss-Newton steps on the exact Jacobian, within bounds."""

    kind: str = "levenberg_marquardt"
    damping: float = key(1e-3, "damping at the start, relative to the diagonal of the normal equations", above=0.0)
    cost_tolerance: float = key(1e-9, "relative fall of the cost that ends it", above=0.0)
    step_tolerance: float = key(1e-8, "relative step that ends it", above=0.0)
    gradient_tolerance: float = key(1e-9, "scaled gradient that ends it", above=0.0)


@dataclass
class LeastSquares(Solver):
    """scipy.optimize.least_squares, trust region reflective, on the exact Jacobian."""

    kind: str = "least_squares"
    cost_tolerance: float = key(1e-9, "ftol", above=0.0)
    step_tolerance: float = key(1e-8, "xtol", above=0.0)
    gradient_tolerance: float = key(1e-9, "gtol", above=0.0)


@dataclass
class Lbfgsb(Solver):
    """SciPy's L-BFGS-B on the exact gradient."""

    kind: str = "lbfgsb"
    iterations: int = key(500, "largest number of iterations", low=0)
    cost_tolerance: float = key(1e-12, "ftol", above=0.0)
    gradient_tolerance: float = key(1e-10, "gtol, relative to the residuals", above=0.0)


@dataclass
class Adam(Solver):
    """Adam on random windows, for long logs."""

    kind: str = "adam"
    iterations: int = key(500, "steps", low=0)
    windows: int = key(16, "windows of a step", low=1)
    learning_rate: float = key(0.01, "step, as a fraction of the bounds or of the start values", above=0.0)
    every: int = key(20, "steps between evaluations of the whole cost", low=1)


@dataclass
class CmaEs(Solver):
    """CMA-ES of the package cma, a generation in one batched simulation."""

    kind: str = "cmaes"
    population: int | None = key(None, "candidates of a generation; null: the default of cma", low=2)
    spread: float = key(0.2, "standard deviation at the start, as a fraction of the bounds or of the start values", above=0.0)
    cost_tolerance: float = key(1e-9, "relative spread of the costs that ends it", above=0.0)


SOLVERS: dict[str, type] = {
    "levenberg_marquardt": LevenbergMarquardt,
    "least_squares": LeastSquares,
    "lbfgsb": Lbfgsb,
    "adam": Adam,
    "cmaes": CmaEs,
}
SYSID: dict[str, type] = {"shooting": Shooting, "starts": Starts, "statistics": Statistics}
