"""Small made-up identifications for tests of the report: every number is chosen, nothing is simulated."""

import math

import numpy as np

from genesis.sysid.result import Estimate, Identification, Trace, Whiteness

NAN = math.nan
WARNINGS = ['run.csv: column "elbow" spans 171 while its unit is rad; degrees?', "a < b & c is <b>not</b> markup"]


def trace(
    recording: str, split: str, label: str, after: float, before: float, samples: int = 60, starts: tuple = (0, 30)
) -> Trace:
    """A sine of which the simulation is off by a constant: RMSE after and before are those constants."""
    time = np.linspace(0.0, 3.0, samples)
    measured = np.sin(2.0 * time)
    return Trace(recording, split, "angle", label, "rad", time, measured, measured + before, measured - after, np.array(starts))


def pendulum() -> Identification:
    """Three parameters, one channel, one recording held out; damping is unsure."""
    covariance = np.diag([1.2e-2**2, 4e-7**2, 0.2**2])
    return Identification(
        status="converged",
        reason="the relative change of the cost fell below 1e-9",
        objective_first=1234.5,
        objective_best=61.7,
        iterations=3,
        simulations=17,
        seconds={"build": 0.5, "loop": 1.5, "answer": 0.25},
        estimates=[
            Estimate("mass/rod", "mass", "kg", 1.0, 1.23456, 0.012, 1.21104, 1.25808, (0.0, 20.0)),
            Estimate("armature/pivot", "armature", "kg m²", 2e-5, 3.14159e-5, 4e-7, 3.06e-5, 3.22e-5, prior=(3e-5, 1e-5)),
            Estimate("damping/pivot", "damping", "Nms/rad", 0.5, 0.5, 0.2, 0.108, 0.892, (0.0, np.inf)),
        ],
        names=["mass/rod", "armature/pivot", "damping/pivot"],
        covariance=covariance,
        correlation=np.array([[1.0, -0.93, 0.1], [-0.93, 1.0, 0.2], [0.1, 0.2, 1.0]]),
        singular_values=np.array([30.0, 2.0, 1e-7]),
        directions=np.array([[0.0, 0.7071, 0.7071], [0.0, 0.7071, -0.7071], [1.0, 0.0, 0.0]]),
        identifiable=np.array([True, True, False]),
        rmse=[
            {"recording": "run", "split": "train", "channel": "angle", "unit": "rad", "before": 0.5, "after": 0.025},
            {"recording": "held", "split": "validation", "channel": "angle", "unit": "rad", "before": 0.4, "after": 0.05},
            {"recording": "all", "split": "train", "channel": "angle", "unit": "rad", "before": 0.5, "after": 0.025},
            {"recording": "all", "split": "validation", "channel": "angle", "unit": "rad", "before": 0.4, "after": 0.05},
        ],
        traces=[trace("run", "train", "pivot", 0.025, 0.5), trace("held", "validation", "pivot", 0.05, 0.4)],
        whiteness=[Whiteness("angle", "pivot", 0.61, 3e-12, 0.2)],
        history=[
            {"iteration": k, "stage": "solve", "objective": 1234.5 / 3**k, "gradient_norm": 10.0**-k, "length": 0.1}
            for k in range(4)
        ],
        warnings=list(WARNINGS),
    )


def failed() -> Identification:
    """The same after a divergence: nothing is known."""
    made = pendulum()
    made.status, made.reason, made.objective_best = "diverged", "joint velocity is not finite at step 212", NAN
    for estimate in made.estimates:
        estimate.value, estimate.std, estimate.low, estimate.high = estimate.start, NAN, NAN, NAN
    for array in (made.covariance, made.correlation, made.singular_values, made.directions):
        array[:] = NAN
    made.identifiable[:] = False
    for row in made.rmse:
        row["after"] = NAN
    made.rmse = [row for row in made.rmse if row["split"] == "train"]
    made.traces = made.traces[:1]
    made.traces[0].after[:] = NAN
    made.whiteness, made.history = [], []
    return made
