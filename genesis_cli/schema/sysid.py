"""Schema of what `genesis sysid` adds: shooting, starts, statistics."""

from dataclasses import dataclass

from genesis_cli.schema.keys import key


@dataclass
class Shooting:
    """How recordings are cut into windows that are simulated side by side."""

    window: float | None = key(1.0, "length of a window [s]; null: whole recordings", above=0.0)
    overlap: float = key(0.0, "part of a window that the next one repeats", low=0.0)
    continuity: float = key(0.0, "weight of gaps between windows (free start states only)", low=0.0)
    growth: float = key(10.0, "factor on that weight from round to round", above=0.0)
    rounds: int = key(1, "how many descents there are, with growing weight of the gaps", low=1)
    position_scale: float = key(0.01, "gap in position that counts as one standard deviation [rad | m]", above=0.0)
    velocity_scale: float = key(0.1, "gap in velocity that counts as one standard deviation [rad/s | m/s]", above=0.0)
    mini_batch: int | None = key(
        None, "windows, by chance, whose gradient a step of a first-order optimizer takes; null: all", low=1
    )
    curriculum: list[float] | None = key(
        None, "lengths of windows [s] in stages that grow, each from the answer before; the last one is in place of window"
    )
    whole_every: int = key(20, "iterations between evaluations of the whole objective, with mini_batch", low=1)


@dataclass
class Starts:
    """Where methods begin, beside the described values."""

    equation_error: bool = key(
        False, "begin with the parameters that explain the measured torques (least squares, no simulation)"
    )
    force: bool = key(False, "begin with them also where the described values cost less in simulation")
    run: str | None = key(
        None, "begin at the estimates of another run (its folder), of parameters of the same name; --from sets it"
    )
    candidates: int = key(0, "starts spread over the bounds, judged in one batched simulation", low=0)
    keep: int = key(4, "how many of the best of them a descent begins from", low=1)


@dataclass
class Statistics:
    """How certain the estimates are said to be."""

    errors: str = key(
        "auto",
        "noise: white and as large as the residuals, as sigma says, correlated in time as the residuals are, or correlated within windows "
        "(sandwich); auto: what the residuals look like",
        choices=("auto", "residual", "given", "autocorrelated", "clustered"),
    )
    profile: list[str] = key([], "parameters, by glob pattern, whose intervals come from the profile likelihood")
    chi2: float | None = key(
        64.0,
        "reduced chi-square beyond which a run does not fit, if it explains too little besides; null: any is well",
        above=0.0,
    )
    explained: float | None = key(
        0.9, "share of the motion that is enough all the same, against a start state that holds or goes on; null: no share is"
    )
    held_out: float | None = key(
        5.0,
        "residual of held-out recordings over that of fitted ones beyond which a run does not fit; null: any is well",
        above=1.0,
    )
    absurd: float | None = key(
        1000.0,
        "factor from the described mass or inertia of a link beyond which a run does not fit, placeholders aside; null: any is well",
        above=1.0,
    )


@dataclass
class Torque:
    """How torques identify (residual=torque): filters of motion and equations, and how near bodies stay to their description."""

    cutoff: float | None = key(
        None, "low-pass of positions, without phase [Hz]; null: where their spectrum ends in noise", above=0.0
    )
    order: int = key(4, "order of the low-passes, which act forwards and backwards", low=1)
    equations: float | None = key(
        None, "low-pass of torques and of every column of the regressor [Hz]; null: half of the other", above=0.0
    )
    slip: float = key(0.01, "speed at which dry friction has turned over [rad/s | m/s]", above=0.0)
    regularization: float = key(
        1.0, "weight of the entropic divergence of bodies from their description; 1: known to within a factor of e", above=0.0
    )
    folds: int = key(5, "parts of the recordings that are held out in turns to judge the torques; 0: none", low=0)


@dataclass
class Residual:
    """What an identification squares."""

    residual: str = key(
        "motion",
        "motion: simulated channels against measured ones; torque: forces that the motion needs against those that acted (inverse dynamics)",
        choices=("motion", "torque"),
    )


SYSID: dict[str, type] = {"shooting": Shooting, "starts": Starts, "statistics": Statistics, "torque": Torque}
#: Keys of an identification that stand alone, beside the nodes.
ALONE: dict[str, type] = {"residual": Residual}
