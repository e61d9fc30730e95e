"""Values and rollouts of MJCF models against MuJoCo, float64; contacts and joint limits off on both sides."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest
from tests.dynamics import mujoco_twin
from tests.dynamics.systems import DT, GRAVITY, MJCF, ROBOTS, model_of, system
from tests.oracles import mujoco_cases, mujoco_oracle

VALUE, ROLLOUT = 1e-8, 1e-6
FREE = ConstraintRequest(disable_constraint=True)  # with limits and contacts: tests/dynamics/constraints/test_robots.py


class Case:
    """One MJCF file here and in MuJoCo, and its reference values."""

    def __init__(self, folder: Path, name: str) -> None:
        file = folder / "mjcf" / f"{name}.xml"
        description = read_mjcf(file)
        self.name, self.oracle, self.twin = name, mujoco_oracle(folder, name), mujoco_twin.load(file)
        self.model = compile_model([Placed(description, name)], description.gravity, FREE)
        options = dict(integrator=description.integrator, implicit_damping=description.implicit_damping)
        self.physics = Physics(self.model, dt=description.timestep, **options)
        self.theta = self.physics.pack()

    def states(self, *names: str) -> list[torch.Tensor]:
        return [torch.tensor(self.oracle[name]) for name in names]


@lru_cache(maxsize=2)
def case(folder: Path, name: str) -> Case:
    return Case(folder, name)


def relative(actual, expected, scale: float = 1e-3) -> float:
    return float(np.abs(np.asarray(actual) - expected).max() / max(np.abs(expected).max(), scale))


def report(name: str, what: str, error: float, note: str = "") -> float:
    print(f"{name:36s} {what:28s} {error:.1e}  {note}")
    return error


@mujoco_cases
def test_positions_mass_matrix_bias(engine, folder, name):
    c = case(folder, name)
    q, v = c.states("qpos", "qvel")
    pos = c.physics.kinematics(c.theta, q, v)[0]
    assert report(name, "positions", relative(pos, c.oracle["xpos"][:, 1:], 1.0)) <= VALUE
    assert report(name, "mass matrix", relative(c.physics.mass_matrix(c.theta, q), c.oracle["M"])) <= VALUE
    assert report(name, "bias", relative(c.physics.bias(c.theta, q, v), c.oracle["qfrc_bias"])) <= VALUE


@mujoco_cases
def test_forward_dynamics(engine, folder, name):
    """Stored accelerations hold joint limits; states that touch one are compared with MuJoCo without limits alone."""
    c = case(folder, name)
    q, v, ctrl = c.states("qpos", "qvel", "ctrl")
    qacc = c.physics.forward_dynamics(c.theta, q, v, torch.zeros_like(v), ctrl if c.model.nu else None).numpy()
    unlimited = mujoco_twin.accelerations(c.twin, q.numpy(), v.numpy(), ctrl.numpy())
    stored = c.oracle["qacc"]
    free = np.abs(stored - unlimited).max(1) <= 1e-9 * np.abs(unlimited).max(1)
    note = f"{free.sum()} of {len(free)} states touch no limit"
    assert report(name, "acceleration, MuJoCo", relative(qacc, unlimited)) <= VALUE
    if free.any():
        assert report(name, "acceleration, stored", relative(qacc[free], stored[free]), note) <= VALUE


@mujoco_cases
def test_rollout(engine, folder, name):
    """300 steps against MuJoCo without limits, and against the stored states (if there are any) up to the first limit."""
    c = case(folder, name)
    stored = "roll_nocontact_ctrl" in c.oracle
    keys = [f"roll_nocontact_{k}" for k in ("qpos", "qvel", "ctrl")] if stored else ["qpos", "qvel", "ctrl"]
    stored_q, stored_v, ctrl = (c.oracle[k] for k in keys)
    if not stored:
        ctrl = np.sin(np.arange(300)[:, None] * 0.1 + np.arange(c.model.nu))
    start = torch.tensor(stored_q[:1]), torch.tensor(stored_v[:1])
    dof_ctrl = torch.zeros(len(ctrl), 1, c.model.nv, dtype=torch.float64)
    q, v, _ = c.physics.rollout(c.theta, *start, dof_ctrl, torch.tensor(ctrl)[:, None] if c.model.nu else None)
    q, v = q[:, 0].numpy(), v[:, 0].numpy()
    twin_q, twin_v = mujoco_twin.rollout(c.twin, stored_q[0], stored_v[0], ctrl)
    assert report(name, "rollout, MuJoCo", max(relative(q, twin_q), relative(v, twin_v))) <= ROLLOUT
    if not stored:
        return
    touched = np.flatnonzero(np.abs(twin_v - stored_v).max(1) > 1e-9 * np.abs(stored_v).max())
    free = int(touched[0]) if len(touched) else len(stored_q)
    kind = f"{'RK4' if c.physics.stages == 4 else 'Euler'}, first {free - 1} of {len(ctrl)} steps touch no limit"
    assert (
        report(name, "rollout, stored", max(relative(q[:free], stored_q[:free]), relative(v[:free], stored_v[:free])), kind)
        <= ROLLOUT
    )


VARIANTS = {
    "euler": {},
    "explicit": {"implicit_damping": False},
    "implicitfast": {"integrator": "implicitfast"},
    "implicit": {"integrator": "implicit"},
    "rk4": {"integrator": "RK4"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", MJCF)
def test_small_systems_roll_as_in_mujoco(engine, name, variant):
    """Joint forces, actuators in and out of their bounds, wrenches on every link, springs, dampers, armature: 100 steps."""
    s = system(name)
    physics = Physics(s.model, dt=DT, **VARIANTS[variant])
    integrator = VARIANTS[variant].get("integrator", "Euler")
    twin = mujoco_twin.load(ROBOTS / f"{name}.xml", integrator, implicit_damping=variant != "explicit")
    lead = (x[:, None] for x in (s.dof_ctrl, s.act_ctrl, s.wrench))
    q, v, a = (x[:, 0].numpy() for x in physics.rollout(physics.pack(), s.qpos[None], s.qvel[None], *lead))
    controls = (x.numpy() for x in (s.act_ctrl, s.dof_ctrl, s.wrench))
    expected_q, expected_v = mujoco_twin.rollout(twin, s.qpos.numpy(), s.qvel.numpy(), *controls)
    assert report(name, f"rollout, {variant}", max(relative(q, expected_q), relative(v, expected_v))) <= 1e-10
    if variant != "rk4":
        np.testing.assert_allclose(v[:-1] + DT * a, v[1:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MJCF)
def test_small_systems_accelerate_as_in_mujoco(engine, name):
    s, rng = system(name), np.random.default_rng(0)
    twin = mujoco_twin.load(ROBOTS / f"{name}.xml")
    assert tuple(GRAVITY) == tuple(twin.opt.gravity)
    qvel = torch.tensor(rng.normal(size=(s.horizon, s.model.nv)))
    qpos = s.qpos.expand(s.horizon, -1)
    physics = Physics(model_of(name), dt=DT)
    qacc = physics.forward_dynamics(physics.pack(), qpos, qvel, s.dof_ctrl, s.act_ctrl, s.wrench)
    numbers = (x.numpy() for x in (qpos, qvel, s.act_ctrl, s.dof_ctrl, s.wrench))
    error = relative(qacc, mujoco_twin.accelerations(twin, *numbers))
    assert report(name, "acceleration", error) <= 1e-11
