"""Schema of the nodes that say how a run goes: stop, multiple_shooting, runtime, logging, gradcheck."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.control import Control
from genesis_cli.schema.keys import key


@dataclass
class Stop:
    """When an optimisation ends."""

    iterations: int = key(300, "largest number of iterations", low=1)
    seconds: float | None = key(None, "largest wall time of the loop [s]; null: no limit", above=0.0)
    when_converged: bool = key(True, "end as soon as every tolerance of the task is met")
    patience: int | None = key(None, "end after this many iterations without a better objective; null: never", low=1)
    min_delta: float = key(0.0, "relative fall of the objective that counts as better", low=0.0)


@dataclass
class Restarts:
    """Further descents of an optimisation from other starts; the best point of all is kept."""

    count: int = key(0, "how many, each with the iterations of stop; cmaes doubles its population in each", low=0, high=100_000)
    spread: float | None = key(
        None,
        "standard deviation of the starts around what is drawn there with other seeds (parameter.*.noise, policies): of half the range of "
        "numbers with bounds, else absolute; null: 0.5 where nothing is drawn, else 0",
        low=0.0,
    )


@dataclass
class MultipleShooting:
    """How the motion of a task is cut into segments whose starts are free, so that small changes do not grow over the whole of it."""

    segments: Any = key(
        "auto",
        "number of segments, 1: none; auto: none where small changes grow by less than 1e8 (in 32 bits 1e4) over the horizon, else as `growth` "
        "says; never with restarts, polish, launcher=batched, and optimizers of values alone (cmaes, mppi)",
    )
    growth: float = key(100.0, "segments=auto: largest growth of small changes within a segment", above=1.0)
    guess: Any = key(
        "rollout",
        "where the segments start at first: rollout (the first motion), interpolation (the straight way to the goal, where it is a state), "
        "or waypoints of the robot's qpos [[…], …], evenly spaced in time, or a file of them (.csv, .npy, .npz)",
    )
    weight: float = key(0.1, "weight of the squared gaps at first, in objectives of the start, without the gaps", above=0.0)
    rounds: int = key(10, "how often the weight and the multipliers of the gaps are updated, at most", low=1)
    iterations: int | None = key(
        None,
        "largest number of iterations of a round; null: 50 of methods for residuals, 300 of others. stop.iterations and stop.patience "
        "are those of a round too, and the smallest counts",
        low=1,
    )
    tolerance: float = key(1e-6, "largest gap that counts as none [rad | m, rad/s | m/s]", above=0.0)


@dataclass
class AugmentedLagrangian:
    """How hard constraints are made to hold: rounds that lower the objective and the price of violations, which grows from one to the next."""

    rounds: int = key(20, "how many, at most", low=1)
    weight: float = key(
        1e-3,
        "price of violations at first, in objectives of the start: small, so that the first round finds where to go, and later ones how",
        above=0.0,
    )
    iterations: int | None = key(
        None,
        "largest number of iterations of a round; null: 50 of ddp and methods for residuals, 300 of others. stop.iterations and "
        "stop.patience are those of a round too, and the smallest counts",
        low=1,
    )


@dataclass
class Gradient:
    """How the gradient of a task is found."""

    estimator: str = key(
        "analytic",
        "analytic: exact, of the point itself; or over samples around it: bundled, the mean of exact ones; zeroth, of values alone; mixed, of "
        "both, by their variances",
        choices=("analytic", "bundled", "zeroth", "mixed"),
    )
    samples: int = key(64, "samples of an estimate, in pairs: an even number", low=4, high=1_000_000)
    sigma: float = key(
        0.02,
        "standard deviation of the samples, in half the range of numbers with bounds, else in their own size or 1",
        above=0.0,
    )
    truncate: int | None = key(
        None,
        "steps after which the adjoint of the state is cut (truncated backpropagation through time): no exact gradient; null: never",
        low=1,
    )
    clip: float | None = key(
        None,
        "longest adjoint of the state, of each environment and step; longer ones are shortened: no exact gradient; null: none",
        above=0.0,
    )


@dataclass
class Memory:
    """How much memory gradients may take."""

    budget_mb: float | None = key(
        None, "of the gradient of a batch [MB]: its environments are taken in chunks that keep it; null: all at once", above=0.0
    )


@dataclass
class Runtime:
    """Where and how exactly numbers are computed."""

    backend: str = key("cpu", "device of the physics", choices=("cpu", "gpu", "cuda"))
    precision: str = key("64", "floating point bits", choices=("32", "64"))
    seed: int = key(0, "seed of every random number", low=0, high=2**63 - 1)
    threads: int | None = key(
        1, "threads of torch (small tensors run fastest on one); null: torch's own choice", low=1, high=1024
    )
    kernel_threads: int | None = key(None, "threads of the physics kernels on the CPU; null: all cores", low=1, high=1024)


@dataclass
class Logging:
    """What is written to the run folder, and how often."""

    tensorboard: bool = key(True, "write TensorBoard events")
    every: int = key(5, "iterations between two TensorBoard points", low=1)
    checkpoint_every: int = key(50, "iterations between two checkpoints", low=1)
    progress: bool = key(True, "show progress in the terminal")
    replay: bool | None = key(
        None, "write the replay of the motion, replay.html and replay.npz; null: of single runs, not of the jobs of a sweep"
    )
    report: bool | None = key(
        None,
        "write report.html; null: of single runs and identifications, not of other jobs of a sweep, which has an overview of them all",
    )


@dataclass
class Gradcheck:
    """How gradients are compared with differences over many step lengths."""

    directions: int = key(3, "random directions in each parameter group, beside the steepest", low=1)
    longest_step: float = key(1e-2, "longest step of the differences, relative to the size of the parameters", above=0.0)
    shortest_step: float = key(1e-7, "shortest step; between them there are two to a decade", above=0.0)
    tolerance: float = key(1e-6, "largest relative error that counts as exact", above=0.0)


RUN: dict[str, type] = {
    "stop": Stop, "restarts": Restarts, "multiple_shooting": MultipleShooting,
    "augmented_lagrangian": AugmentedLagrangian, "control": Control, "gradient": Gradient, "memory": Memory,
    "runtime": Runtime, "logging": Logging,
    "gradcheck": Gradcheck,
}  # fmt: skip
