"""What is checked of a random world, in figures: `python -m tests.worlds.examine 0 200` examines the seeds 0 to 199.

One line a world; the command ends with status 1 if one breaks what `faults` asks. Both precisions, one after the other, in this process.
"""

import json
import logging
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch

import genesis as gs
from genesis.log import logger
from tests.dynamics.conversions import advance, tangent_of
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.worlds.generator import World, make_world

SHORT = 10  # steps of the gradient, and of what single precision is compared over
FIRST = 5  # steps over which MuJoCo is followed
SCALES = (
    1.0,
    0.1,
    0.01,
    1e-3,
    1e-4,
    1e-5,
)  # of the steps of the differences: contacts that begin or end spoil the large ones
EXACT = 1e-13  # tolerance of the solver for differences of motions
TOLERANCE = {"64": 1e-10, "32": 1e-8}  # of the solver, the defaults


@dataclass
class Figures:
    """Of one world in one precision.

    failure: the error of STEPS steps, or "". residual: largest of the solver in them. warned: whether it was said to have stopped early.
    mujoco: largest difference of qpos over FIRST steps, against MuJoCo's. state, gradient: after SHORT steps, what single precision is
    compared by. differences: of the gradient against central differences, relative to the largest of three directions.
    """

    seed: int
    failure: str
    residual: float
    warned: bool
    contacts: int
    state: list[float]
    gradient: list[float]
    mujoco: float = math.nan
    differences: float = math.nan


def scene_of(world: World, **options: Any) -> gs.Scene:
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=world.dt), rigid_options=gs.options.RigidOptions(contact="mujoco", **options)
    )
    scene.add_entity(gs.morphs.MJCF(file=world.xml))
    scene.build()
    return scene


class Heard(logging.Handler):
    """Warnings of the solver."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.solver = False

    def emit(self, record: logging.LogRecord) -> None:
        self.solver |= "did not converge" in record.getMessage()


def run(world: World) -> tuple[str, float, bool, int]:
    """STEPS steps with the default options."""
    heard, level = Heard(), logger.level
    logger.addHandler(heard)
    logger.setLevel(logging.WARNING)
    try:
        scene = scene_of(world)
        forces = torch.as_tensor(world.forces, dtype=gs.tc_float)
        try:
            scene.rollout(forces, qvel=torch.as_tensor(world.qvel, dtype=gs.tc_float))
            failure = ""
        except (gs.DivergenceError, gs.ContactOverflowError) as error:
            failure = f"{type(error).__name__}: {error}"
        report = scene.get_solver_report()
    finally:
        logger.removeHandler(heard)
        logger.setLevel(level)
    return failure, float(report["residual"]), heard.solver, int(report["contacts"])


def mujoco_error(world: World, states: np.ndarray) -> float:
    model = mujoco.MjModel.from_xml_string(world.xml)
    model.opt.solver, model.opt.tolerance, model.opt.iterations, model.opt.ls_iterations = (
        mujoco.mjtSolver.mjSOL_NEWTON,
        0.0,
        200,
        100,
    )
    model.opt.ls_tolerance = 1e-12
    data = mujoco.MjData(model)
    data.qvel[:] = world.qvel
    worst = 0.0
    for k in range(FIRST):
        data.qfrc_applied[:] = world.forces[k]
        mujoco.mj_step(model, data)
        worst = max(worst, float(np.abs(states[k + 1] - data.qpos).max()))
    return worst


class Short:
    """A weighted sum of the state after SHORT steps as a function of start and forces."""

    def __init__(self, world: World, **options: Any) -> None:
        self.scene = scene_of(world, **options)
        self.model = self.scene.rigid_solver.model
        random = np.random.default_rng([world.seed, 21])
        self.weights = random.normal(size=self.model.nq), random.normal(size=self.model.nv)
        self.world, self.random = world, random

    def __call__(
        self, qpos: np.ndarray, qvel: np.ndarray, forces: np.ndarray, grad: bool = False
    ) -> tuple[float, Any, np.ndarray]:
        given = [torch.as_tensor(x, dtype=gs.tc_float).requires_grad_(grad) for x in (qpos, qvel, forces)]
        with torch.set_grad_enabled(grad):
            made = self.scene.rollout(given[2], qpos=given[0], qvel=given[1])
            q, v = (torch.as_tensor(w, dtype=gs.tc_float) for w in self.weights)
            value = (made.qpos[-1] * q).sum() + (made.qvel[-1] * v).sum()
        if not grad:
            return value.item(), None, made.qpos.detach().numpy()
        value.backward()
        return value.item(), [x.grad.double().numpy() for x in given], made.qpos.detach().double().numpy()

    def start(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.array(self.model.qpos0), self.world.qvel, self.world.forces[:SHORT]

    def gradient(self) -> tuple[np.ndarray, np.ndarray]:
        """(gradient in the tangent of qpos, in qvel and forces, states)."""
        start = self.start()
        _, (q, v, u), states = self(*start, grad=True)
        return np.concatenate([tangent_of(self.model, start[0], q), v, u.ravel()]), states

    def differences(self, gradient: np.ndarray) -> float:
        """Against extrapolated central differences in three directions, each with the steps that fit best."""
        nv, (qpos, qvel, forces) = self.model.nv, self.start()
        wanted, errors = [], []
        for _ in range(3):
            d = self.random.normal(size=len(gradient))
            wanted.append(abs(float(gradient @ d)))

            def at(x: float, d: np.ndarray = d) -> float:
                u = forces + x * d[2 * nv :].reshape(forces.shape)
                return self(advance(self.model, qpos, x * d[:nv]), qvel + x * d[nv : 2 * nv], u)[0]

            found = [extrapolated(np.array([at(scale * h) for h in OFFSETS]))[0] / scale for scale in SCALES]
            errors.append(min(abs(x - float(gradient @ d)) for x in found))
        return float(max(errors) / max(*wanted, 1e-6))


def examine(seed: int, precision: str) -> Figures:
    world = make_world(seed)
    failure, residual, warned, contacts = run(world)
    tight = {"tolerance": EXACT} if precision == "64" else {}
    short = Short(world, **tight)
    gradient, states = short.gradient()
    found = Figures(seed, failure, residual, warned, contacts, states[-1].tolist(), gradient.tolist())
    if precision == "64":
        found.mujoco = mujoco_error(world, states)
        found.differences = short.differences(gradient)
    return found


def faults(double: Figures | None, single: Figures | None) -> list[str]:
    """What is wrong with a world."""
    said = []
    for name, found in (("64", double), ("32", single)):
        if found is not None and not found.failure and found.residual > TOLERANCE[name] and not found.warned:
            said.append(f"float{name}: residual {found.residual:.1e} and no word")
    if double is not None:
        if not double.mujoco <= 1e-6:
            said.append(f"{double.mujoco:.1e} from MuJoCo after {FIRST} steps")
        if not double.differences <= 1e-6:
            said.append(f"gradient {double.differences:.1e} from central differences")
    if double is not None and single is not None and not single.warned:
        state, gradient = compared(double, single)
        if not state <= 1e-3:
            said.append(f"float32 state {state:.1e} from float64's after {SHORT} steps")
        if not gradient <= 1e-2:
            said.append(f"float32 gradient {gradient:.1e} from float64's")
    return said


def compared(double: Figures, single: Figures) -> tuple[float, float]:
    """Of single against double precision: largest difference of qpos, of the gradient relative to its largest number."""
    q, g = (np.subtract(getattr(single, name), getattr(double, name)) for name in ("state", "gradient"))
    return float(np.abs(q).max()), float(np.abs(g).max() / max(np.abs(double.gradient).max(), 1e-12))


def start(precision: str) -> None:
    gs.init(precision=precision, logging_level="error", cpu_threads=1)
    for handler in logger.handlers:  # what is heard is not printed
        handler.setLevel(logging.ERROR)


def table(first: int, count: int, precision: str) -> dict[int, Figures]:
    start(precision)
    found = {seed: examine(seed, precision) for seed in range(first, first + count)}
    gs.destroy()
    return found


def main(first: int, count: int, path: str | None = None) -> int:
    double, single = table(first, count, "64"), table(first, count, "32")
    bad = 0
    for seed, found in double.items():
        state, gradient = compared(found, single[seed])
        said = faults(found, single[seed])
        bad += bool(said)
        print(
            f"{seed:4d}  contacts {found.contacts:3d}  residual {found.residual:.0e} {single[seed].residual:.0e}  MuJoCo {found.mujoco:.0e}  "
            f"differences {found.differences:.0e}  float32: state {state:.0e} gradient {gradient:.0e}  {'; '.join(said)}"
            f"{'  ' + found.failure if found.failure else ''}"
        )
    pairs = np.array([compared(found, single[seed]) for seed, found in double.items()])
    figures = {
        "residual": [f.residual for f in double.values()], "residual of float32": [f.residual for f in single.values()],
        "MuJoCo": [f.mujoco for f in double.values()], "differences": [f.differences for f in double.values()],
        "state of float32": pairs[:, 0], "gradient of float32": pairs[:, 1],
    }  # fmt: skip
    for name, values in figures.items():
        print(f"{name:20s} median {np.nanmedian(values):.1e}  largest {np.nanmax(values):.1e}")
    print(
        f"{bad} of {count} worlds break a bound; {sum(bool(f.failure) for f in double.values())} leave the finite numbers, named"
    )
    if path:
        Path(path).write_text(json.dumps([[asdict(double[s]), asdict(single[s])] for s in double]))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
