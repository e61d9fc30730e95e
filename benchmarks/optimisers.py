"""Do optimisers finish where bodies touch?

    python benchmarks/optimisers.py

All controls of 100 steps are free. Each problem is solved by L-BFGS-B and by Adam, under the smooth law and, with the same exact
gradients, under MuJoCo's. The cost is divided by that of the start. Problems, on the models of `benchmarks/models`:

hopper: start as in `models/hopper.xml`, 5 mm deep, random torques; cost ½|q − q*|² + 0.05|v − v*|² at the end, where the goal is the state
that constant torques lead to in 0.2 s (reached under the same law, so that zero is possible): a crouch, and a deeper one with joints
on their limits.
push ball, push box: a pusher and an object in front of it; cost ½|p − p*|² of the object in the plane at the end. From a hitting start
(0.6 forwards in every step) and from rest: no control, no contact, and no gradient but that of `contact_reach`.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from measure import ROOT, machine, table

import genesis as gs
from genesis.errors import DivergenceError
from genesis.methods import Group, make_method

MODELS = ROOT / "benchmarks" / "models"  # never those of other benchmarks: goals and start belong to these files
HORIZON, WANTED = 100, 1e-2
ITERATIONS = {"lbfgsb": 200, "adam": 300}
METHODS = {
    "lbfgsb": ({"kind": "lbfgsb"}, {"kind": "constant"}),
    "adam": ({"kind": "adam", "lr": 0.03, "betas": [0.9, 0.99]}, {"kind": "cosine", "iterations": None}),
}

Cost = Callable[[torch.Tensor], torch.Tensor]


class Problem(NamedTuple):
    """cost of the controls (T, nu), their start, their bounds (None: free)."""

    cost: Cost
    start: torch.Tensor
    bound: float | None = None


class Result(NamedTuple):
    start: float
    end: float  # over the start
    evaluations: int | None  # until it was below WANTED
    seconds: float


def world(model: str, contact: str, dt: float, reach: float = 0.0) -> gs.Scene:
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=dt, requires_grad=True),
        rigid_options=gs.options.RigidOptions(contact=contact, contact_reach=reach),
    )
    scene.add_entity(gs.morphs.MJCF(file=str(MODELS / f"{model}.xml")))
    scene.build(n_envs=0)
    return scene


def hopper(torques: tuple[float, ...]) -> Callable[[str], Problem]:
    """To the state that these constant torques lead to."""

    def make(contact: str) -> Problem:
        scene = world("hopper", contact, 0.002)
        q0, v0 = torch.tensor([0.0, 1.245, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
        with torch.no_grad():
            there = scene.rollout(None, act_ctrl=torch.tensor(torques, dtype=torch.float64).repeat(HORIZON, 1), qpos=q0, qvel=v0)
            q, v = there.qpos[-1].clone(), there.qvel[-1].clone()

        def cost(controls: torch.Tensor) -> torch.Tensor:
            made = scene.rollout(None, act_ctrl=controls, qpos=q0, qvel=v0)
            return 0.5 * (made.qpos[-1] - q).square().sum() + 0.05 * (made.qvel[-1] - v).square().sum()

        noise = torch.randn(HORIZON, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return Problem(cost, 0.3 * noise, 1.0)

    return make


def push(model: str, goal: tuple[float, float], forwards: float, reach: float = 0.0) -> Callable[[str], Problem]:
    """The object to a goal in the plane."""

    def make(contact: str) -> Problem:
        scene = world(model, contact, 0.005, reach)
        q0 = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
        v0, p = torch.zeros(8, dtype=torch.float64), torch.tensor(goal, dtype=torch.float64)

        def cost(controls: torch.Tensor) -> torch.Tensor:
            return 0.5 * (scene.rollout(None, act_ctrl=controls, qpos=q0, qvel=v0).qpos[-1, 2:4] - p).square().sum()

        start = torch.zeros(HORIZON, 2, dtype=torch.float64)
        start[:, 0] = forwards
        return Problem(cost, start)

    return make


PROBLEMS = {
    "hopper, crouch": hopper((-0.1, -0.3, 0.3)),
    "hopper, deep crouch": hopper((-0.5, -0.8, 0.8)),
    "push ball, hitting": push("push_ball", (0.5, 0.2), 0.6),
    "push box, hitting": push("push_box", (0.3, 0.1), 0.6),
    "push ball, from rest": push("push_ball", (0.4, 0.15), 0.0, reach=0.4),
    "push box, from rest": push("push_box", (0.4, 0.15), 0.0, reach=0.4),
}


class Objective:
    """A problem's cost over that of its start, as methods see it; the last point is remembered."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.controls = problem.start.clone().requires_grad_()
        limits = tuple(torch.full_like(problem.start, sign * (problem.bound or torch.inf)) for sign in (-1.0, 1.0))
        self.limits = limits
        self.project()
        self.first = float(problem.cost(self.controls.detach()))
        self.groups = [Group("controls", [self.controls], [limits], None, self.project)]
        self.failure: Exception | None = None
        self.diverged: tuple[int, ...] = ()
        self.exact = True
        self.best, self.reached, self.evaluations = 1.0, None, 0
        self.known: tuple[torch.Tensor, float, torch.Tensor] | None = None

    def project(self) -> None:
        with torch.no_grad():
            self.controls.clamp_(*self.limits)

    def evaluate(self, gradient: bool = True) -> float:
        if self.known is not None and torch.equal(self.known[0], self.controls):
            self.controls.grad = self.known[2].clone()
            return self.known[1]
        self.evaluations += 1
        self.controls.grad, self.failure = None, None
        try:
            cost = self.problem.cost(self.controls) / self.first
            cost.backward()
        except DivergenceError as error:
            self.failure = error
            return float("inf")
        value = float(cost.detach())
        self.known = (self.controls.detach().clone(), value, self.controls.grad.clone())
        self.best = min(self.best, value)
        self.reached = self.evaluations if self.reached is None and self.best < WANTED else self.reached
        return value

    def values(self, points: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    linearize = normal = values


def solve(problem: Problem, kind: str, iterations: int | None = None) -> Result:
    """Minimise with one of the toolkit's methods."""
    count = ITERATIONS[kind] if iterations is None else iterations
    objective, method = Objective(problem), make_method(*METHODS[kind], count, 0)
    begin = time.process_time()
    method.init(objective)
    for _ in range(count):
        if method.look() is not None or method.step() is not None:
            break
    else:
        method.look()
    return Result(objective.first, objective.best, objective.reached, time.process_time() - begin)


def main() -> None:
    gs.init(precision="64", logging_level="error")
    torch.set_num_threads(1)
    rows = []
    for name, make in PROBLEMS.items():
        for contact in ("smooth", "mujoco"):
            problem = make(contact)
            controls = problem.start.clone().requires_grad_()
            problem.cost(controls).backward()  # compiles
            row = [name, f"`{contact}`"]
            for method in METHODS:
                result = solve(problem, method)
                after = "" if result.evaluations is None else f", {result.evaluations} evaluations"
                row.append(f"{result.end:.0e}{after}, {result.seconds:.1f} s")
            rows.append([*row[:2], f"{result.start:.3g}", *row[2:]])
            print(" | ".join(rows[-1]), flush=True)
    head = ["problem", "contact", "cost at the start", "L-BFGS-B: cost / start, evaluations to 1e-2", "Adam, the same"]
    print(f"\n{machine()}\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
