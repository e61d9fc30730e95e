"""How long do trajectories take to find, and how long where MuJoCo's engine is under the same method?

    python benchmarks/trajectories.py [ROW ...]        (all rows: some ten minutes, most of it compiling kernels)

Each row is a shipped task, or one with a few overrides, learnt until every tolerance is met, from several seeds of the start's noise.
Iterations and CPU seconds are those of `solve` alone, one thread, float64, after the kernels are there: all Python included. A row whose
method refuses it says so.

Peers: the hopper and the quadruped also with iterative LQR on MuJoCo by finite differences (`mujoco_ilqr.py`), from the same start, with
the same cost and the same line search, once with our smooth law of contact against MuJoCo's, once with MuJoCo's law in both; Crocoddyl's
BoxFDDP on models without contact where it is installed.
"""

import logging
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from measure import ROOT, machine, table
from mujoco_ilqr import Peer, peer_of

import genesis as gs
from genesis.errors import InputError
from genesis.methods.ddp import DDP

CONFIGS = ROOT / "configs" / "robots"
CART = ("task=swing_up", "parameter=torques", "optimizer=ddp", "parameter.controls.joints=[slider]", "parameter.controls.init=zero",
        "parameter.controls.scale=1.0", "parameter.controls.noise=0.1")  # fmt: skip
DOUBLE = ("task=swing_up_double", "parameter=torques", "optimizer=ddp", "parameter.controls.init=zero", "parameter.controls.scale=1.0",
          "parameter.controls.noise=0.1", "parameter.controls.bounds=[[-6,-3],[6,3]]")  # fmt: skip
KINOVA = ("task=reach", "robot=panda", "robot.name=kinova", f"robot.file={ROOT}/tests/data/robots/urdf/kinova_j2s6s200.urdf",
          "robot.tool=j2s6s200_end_effector", "robot.home=[0,2.9,1.3,4.2,1.4,0]", "task.target_pos=[-0.3865,-0.2689,0.4572]",
          "task.target_quat=[0.37681,-0.26407,0.66381,0.58961]", "task.range_tolerance=0", "loss.joint_limits.weight=1000")  # fmt: skip
LM = ("optimizer=levenberg_marquardt",)


@dataclass(frozen=True)
class Row:
    """A name, the words of `genesis optimize`, and how many seeds."""

    name: str
    words: tuple[str, ...]
    seeds: int = 1


ROWS = (
    Row("arm to a pose, 1 mm, 1°", ("task=reach", "parameter=torques", "optimizer=ddp")),
    Row("the same, 112 knots, Levenberg-Marquardt", ("task=reach", *LM)),
    Row("SO-101 to a pose, knots, Levenberg-Marquardt", ("task=reach_so101",)),
    Row("SO-101 to a pose", ("task=reach_so101", "parameter=torques", "optimizer=ddp")),
    Row("SO-101 without rotor inertia, knots, Levenberg-Marquardt", ("task=reach_so101", "robot.armature=null", "robot.damping=null")),
    Row("Kinova to a pose, knots, Levenberg-Marquardt", (*KINOVA, *LM)),
    Row("Kinova to a pose", (*KINOVA, "parameter=torques", "optimizer=ddp")),
    Row("cartpole swings up, 20 N, T = 150", (*CART, "parameter.controls.bounds=[-20,20]"), 5),
    Row("cartpole swings up, 5 N, T = 150", (*CART, "parameter.controls.bounds=[-5,5]", "stop.iterations=300"), 5),
    Row("cartpole swings up, 5 N, T = 500", (*CART, "parameter.controls.bounds=[-5,5]", "task.horizon=500", "stop.iterations=300"), 5),
    Row("double pendulum from hanging, T = 200", DOUBLE, 5),
    Row("double pendulum that falls, T = 300", ("task=fall",), 5),
    Row("double pendulum that falls, T = 1000", ("task=fall", "task.horizon=1000"), 5),
    Row("double pendulum that falls, T = 2000", ("task=fall", "task.horizon=2000"), 5),
    Row("acrobot, 6 Nm, T = 400", ("task=acrobot",), 5),
    Row("hopper 2 m ahead in 2 s", ("task=hop",), 5),
    Row("quadruped trots at 0.6 m/s for 2 s", ("task=trot",)),
)  # fmt: skip
PEERS = (
    ("hopper, smooth law against MuJoCo's", ("task=hop",)),
    ("hopper, MuJoCo's law in both", ("task=hop", "scene.contact=mujoco")),
    ("quadruped, smooth law against MuJoCo's", ("task=trot",)),
    ("quadruped, MuJoCo's law in both", ("task=trot", "scene.contact=mujoco")),
)
PEER_ITERATIONS = 30


@dataclass(frozen=True)
class Solved:
    """How a run ended, with the objective after each iteration and the CPU seconds since the start of `solve`."""

    status: str
    reason: str
    metrics: dict[str, float]
    objectives: list[float]
    seconds: list[float]


def solve(words: tuple[str, ...], seed: int, *further: str) -> Solved:
    """Raises: InputError, as the command would say it."""
    learning = gs.compose(*words, f"runtime.seed={seed}", *further)
    learning.simulate()
    begun, seen = time.process_time(), list[tuple[float, float]]()

    def look(report: Any) -> None:
        seen.append((report.evaluation.objective, time.process_time() - begun))

    result = learning.solve(observers=[look])
    return Solved(result.status, result.reason, dict(result.metrics), [s[0] for s in seen], [s[1] for s in seen])


def measure(row: Row) -> list[str]:
    """Solved seeds, iterations, CPU seconds, ms an iteration."""
    try:
        solve(row.words, 0)  # compiles
        runs = [solve(row.words, seed) for seed in range(row.seeds)]
    except InputError as error:
        return [row.name, f"refused: {str(error).splitlines()[0][:80]}", "", "", "", ""]
    good = [run for run in runs if run.status == "converged"]
    made = good or runs
    iterations = sorted(len(run.objectives) - 1 for run in made)
    seconds = sorted(run.seconds[-1] for run in made)
    each = sum(run.seconds[-1] for run in made) / max(1, sum(iterations))
    worst = {name: max(run.metrics[name] for run in made) for name in made[0].metrics}
    told = ", ".join(f"{name} {value:.3g}" for name, value in worst.items())
    spent = _range([1e3 * s for s in seconds], "{:.0f}")
    return [row.name, f"{len(good)} of {len(runs)}", _range(iterations, "{:.0f}"), spent, f"{1e3 * each:.1f}", told]


def _range(values: list[Any], form: str) -> str:
    low, high = form.format(values[0]), form.format(values[-1])
    return low if low == high else f"{low} to {high}"


def against_mujoco(name: str, words: tuple[str, ...]) -> list[str]:
    """CPU ms an iteration and costs of both after the same number of iterations, the same method and start."""
    further = ("stop.when_converged=false", f"stop.iterations={PEER_ITERATIONS}")
    solve(words, 0, *further)
    ours = solve(words, 0, *further)
    learning = gs.compose(*words)
    checked, task = learning._checked.checked, learning.task
    control = peer_of(task, checked, task.parameters["controls"])
    options = {key: value for key, value in vars(checked.optimizer).items() if key != "kind"}
    method = DDP(**options)
    method.init(Peer(control))
    begun, costs, seconds = time.process_time(), list[float](), list[float]()
    while method.look() is None:
        costs.append(control.value)
        seconds.append(time.process_time() - begun)
        if len(costs) > PEER_ITERATIONS or method.step() is not None:
            break
    each, other = (1e3 * s[-1] / max(1, len(s) - 1) for s in (ours.seconds, seconds))
    level = max(min(ours.objectives), min(costs)) * (1.0 + 1e-9)  # what both come to
    reach = [
        next(s for c, s in zip(*pair, strict=True) if c <= level) for pair in ((ours.objectives, ours.seconds), (costs, seconds))
    ]
    derivatives = 1e3 * control.seconds["derivatives"] / max(1, len(costs))
    return [
        name, f"{each:.1f}", f"{other:.1f} (derivatives {derivatives:.1f})", f"{other / each:.1f}", f"{min(ours.objectives):.3g}",
        f"{min(costs):.3g}", f"{1e3 * reach[0]:.0f}, {1e3 * reach[1]:.0f}: {reach[1] / max(reach[0], 1e-9):.1f}",
    ]  # fmt: skip


def crocoddyl_rows() -> list[list[str]]:
    """Crocoddyl's BoxFDDP with Pinocchio on swing-ups, costs as in `configs/losses/swing_up.yaml`; nothing where they are not installed."""
    try:
        import crocoddyl
        import pinocchio
    except ImportError:
        return []
    problems = (
        ("cartpole, 20 N, T = 150", "cartpole/cartpole.xml", 0.02, 150, [0.0, np.pi], [20.0, 0.0]),
        ("double pendulum from hanging, T = 200", "double_pendulum/double_pendulum.xml", 0.01, 200, [np.pi, 0.0], [6.0, 3.0]),
        ("double pendulum that falls, T = 1000", "double_pendulum/double_pendulum.xml", 0.01, 1000, [1.0, 0.7], [6.0, 3.0]),
    )
    rows = []
    for name, file, dt, horizon, start, limit in problems:
        model = pinocchio.buildModelFromMJCF(str(CONFIGS / file))
        state = crocoddyl.StateMultibody(model)
        actuation = crocoddyl.ActuationModelFull(state)
        effort, end = crocoddyl.CostModelSum(state), crocoddyl.CostModelSum(state)
        force = crocoddyl.CostModelResidual(state, crocoddyl.ResidualModelControl(state))
        effort.addCost("effort", force, 2e-4 / horizon / dt)
        weights = crocoddyl.ActivationModelWeightedQuad(np.array([10.0] * model.nv + [1.0] * model.nv))
        there = crocoddyl.ResidualModelState(state, np.zeros(model.nq + model.nv))
        end.addCost("state", crocoddyl.CostModelResidual(state, weights, there), 1.0)
        running, last = (crocoddyl.DifferentialActionModelFreeFwdDynamics(state, actuation, c) for c in (effort, end))
        step, final = crocoddyl.IntegratedActionModelEuler(running, dt), crocoddyl.IntegratedActionModelEuler(last, 0.0)
        step.u_lb, step.u_ub = -np.array(limit), np.array(limit)
        problem = crocoddyl.ShootingProblem(np.array([*start, 0.0, 0.0]), [step] * horizon, final)
        problem.nthreads = 1
        noise = np.random.default_rng(0).standard_normal((horizon, model.nv))
        controls = [0.1 * n * (np.array(limit) > 0.0) for n in noise]
        states = list(problem.rollout(controls))
        solver = crocoddyl.SolverBoxFDDP(problem)
        begun = time.process_time()
        solver.solve(states, controls, 1000, True, 1e-6)
        spent = time.process_time() - begun
        rows.append([name, str(solver.iter), f"{1e3 * spent:.0f}", f"{solver.cost:.3g}", str(np.round(solver.xs[-1], 3))])
    return rows


def main() -> None:
    torch.set_num_threads(1)
    logging.getLogger("genesis").setLevel(logging.ERROR)
    wanted = sys.argv[1:]
    rows = []
    for row in ROWS:
        if not wanted or any(word in row.name for word in wanted):
            rows.append(measure(row))
            print(" | ".join(rows[-1]), flush=True)
    peers = []
    for name, words in PEERS:
        if not wanted or any(word in name for word in wanted):
            peers.append(against_mujoco(name, words))
            print(" | ".join(peers[-1]), flush=True)
    print(f"\n{machine()}\n")
    print(table(["trajectory", "converged", "iterations", "CPU ms", "ms an iteration", "worst of the converged"], rows))
    head = ["same method", "ours, ms an iteration", "MuJoCo, ms an iteration", "ratio", "our cost", "its cost"]
    print("\n" + table([*head, "ms to the cost that both come to: ratio"], peers))
    others = [] if wanted else crocoddyl_rows()
    if others:
        print("\n" + table(["Crocoddyl, BoxFDDP", "iterations", "CPU ms", "cost", "state at the end"], others))


if __name__ == "__main__":
    main()
