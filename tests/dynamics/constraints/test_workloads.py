"""The benchmark workloads with contact: T = 100 steps against MuJoCo, every gradient against differences, some of them MuJoCo's own."""

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest
from tests.dynamics import mujoco_twin
from tests.dynamics.constraints.gradients import OFFSETS, compare, extrapolated
from tests.dynamics.constraints.scenes import EXACT, Scene, exact, physics_of
from tests.dynamics.conversions import advance, tangent_of
from tests.dynamics.systems import System
from tests.dynamics.test_mujoco import relative, report
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
T = 100
ANT = (0, 0, 0.55, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1)
GO2 = (0, 0, 0.29, 1, 0, 0, 0, *((0, 0.9, -1.8) * 4))
MOVING = (1, 0.3, 0, 0, 0, 0)


@dataclass(frozen=True)
class Workload:
    """Start (None: as described), size of the random controls (or the first control itself), and what moves the start off a kink."""

    q0: tuple | None = None
    v0: tuple | None = None
    scale: float = 0.0
    push: float = 0.0
    shift: tuple[tuple[slice, float], ...] = ()  # parts of qpos: joints exactly at a limit, boxes exactly touching


WORKLOADS = {
    "hopper": Workload(scale=0.3, shift=((slice(1, 2), -0.005), (slice(3, None), -0.1))),
    "half_cheetah": Workload(scale=0.3, shift=((slice(1, 2), -0.05), (slice(3, None), 0.03))),
    "ant": Workload(ANT, scale=0.3),
    "go2": Workload(GO2, scale=2.0),
    "sphere": Workload(v0=MOVING),
    "box": Workload(v0=MOVING),
    "push_ball": Workload(push=0.6, shift=((slice(4, 5), -0.002),)),
    "push_box": Workload(push=0.6, shift=((slice(4, 5), -0.002),)),
}


@cache
def workload(name: str) -> Scene:
    w, file = WORKLOADS[name], SHARED / "bench" / "models" / f"{name}.xml"
    description, twin = read_mjcf(file), exact(mujoco.MjModel.from_xml_path(str(file)))
    model = compile_model([Placed(description, name)], description.gravity, ConstraintRequest(contact="mujoco", tolerance=EXACT))
    qpos = np.array(model.qpos0 if w.q0 is None else w.q0, float)
    for part, by in w.shift:
        qpos[part] += by
    act_ctrl = w.scale * np.random.RandomState(0).randn(T, model.nu)
    if w.push:
        act_ctrl[:, 0] = w.push
    nothing = np.zeros((T, model.nv)), act_ctrl, np.zeros((T, model.nlink, 6))
    qvel = np.zeros(model.nv) if w.v0 is None else np.array(w.v0, float)
    system = System(name, model, *(torch.tensor(x) for x in (qpos, qvel, *nothing)))
    return Scene(name, model, physics_of(model, twin.opt.timestep, implicit_damping=False), twin, system)


def rolled(s: Scene, qpos, qvel, act_ctrl) -> tuple[torch.Tensor, torch.Tensor]:
    dof_ctrl = torch.zeros(T, 1, s.model.nv, dtype=torch.float64)
    q, v, _ = s.physics.rollout(s.physics.pack(), qpos[None], qvel[None], dof_ctrl, act_ctrl[:, None] if s.model.nu else None)
    return q[:, 0], v[:, 0]


@pytest.mark.parametrize("name", WORKLOADS)
def test_rollouts_are_those_of_mujoco(engine, name):
    s = workload(name)
    x = s.system
    q, v = rolled(s, x.qpos, x.qvel, x.act_ctrl)
    expected_q, expected_v = mujoco_twin.rollout(s.twin, x.qpos.numpy(), x.qvel.numpy(), x.act_ctrl.numpy())
    assert report(name, "rollout", max(relative(q, expected_q), relative(v, expected_v))) <= 1e-10


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_gradient(engine, name):
    found = compare(workload(name))
    worst = max(found, key=lambda k: found[k].error)
    print(f"{name:22s} {len(found)} inputs, worst {worst} {found[worst].error:.1e} (differences {found[worst].doubt.max():.1e})")
    assert {k: x.error for k, x in found.items() if not x.error <= 1e-6} == {}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_gradient_is_that_of_mujocos_own_simulation(engine, name):
    """Half |q_T|^2 + 0.05 |v_T|^2 along one random direction of start, velocity and controls together."""
    s, rng = workload(name), np.random.default_rng(2)
    x = s.system
    q0, v0, u = (getattr(x, k).clone().requires_grad_() for k in ("qpos", "qvel", "act_ctrl"))
    q, v = rolled(s, q0, v0, u)
    (0.5 * (q[-1] ** 2).sum() + 0.05 * (v[-1] ** 2).sum()).backward()
    along = [rng.normal(size=n) for n in (s.model.nv, s.model.nv, u.shape)]
    tangent = tangent_of(s.model, x.qpos.numpy(), q0.grad.numpy())
    bars = (tangent, v0.grad.numpy(), u.grad.numpy() if s.model.nu else np.zeros(u.shape))
    found = sum(float((bar * d).sum()) for bar, d in zip(bars, along, strict=True))
    values = []
    for h in OFFSETS:
        start = advance(s.model, x.qpos.numpy(), h * along[0])
        end_q, end_v = mujoco_twin.rollout(s.twin, start, x.qvel.numpy() + h * along[1], x.act_ctrl.numpy() + h * along[2])
        values.append(0.5 * end_q[-1] @ end_q[-1] + 0.05 * end_v[-1] @ end_v[-1])
    expected = float(extrapolated(np.array(values))[0])
    assert report(name, "directional derivative", abs(found - expected) / abs(expected)) <= 1e-6
