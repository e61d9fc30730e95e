"""Gradients of the benchmark workloads, without contact, against MuJoCo: its derivatives chained, and differences of its loss."""

from dataclasses import dataclass

import mujoco
import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf, read_urdf
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest
from tests.dynamics import mujoco_twin
from tests.dynamics.conversions import advance, tangent_of
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.shared import SHARED, needs_shared

FREE = ConstraintRequest(disable_constraint=True)

pytestmark = needs_shared
T = 100
ANT = [0, 0, 0.55, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1]
GO2 = [0, 0, 0.29, 1, 0, 0, 0, *([0, 0.9, -1.8] * 4)]


@dataclass(frozen=True)
class Workload:
    """Model, time step [s], start, and size of the random controls. Loss: half |q_T|^2 + 0.05 |v_T|^2."""

    file: str
    dt: float
    q0: list | None
    v0: list | None
    scale: float


WORKLOADS = {
    "cartpole": Workload("cartpole.xml", 0.01, [0, 0.3], [0.1, -0.2], 0.5),
    "panda": Workload("panda7.xml", 0.002, [0, -0.5, 0, -1.8, 0, 1.4, 0.7], None, 5.0),
    "hopper": Workload("hopper.xml", 0.002, None, None, 0.3),
    "cheetah": Workload("half_cheetah.xml", 0.005, None, None, 0.3),
    "ant": Workload("ant.xml", 0.005, ANT, None, 0.3),
    "go2": Workload("go2.xml", 0.002, GO2, None, 2.0),
}


class Problem:
    """One workload here and in MuJoCo, with its gradient by the adjoint (tangent space for q0)."""

    def __init__(self, name: str) -> None:
        w = WORKLOADS[name]
        file = SHARED / "bench" / "models" / w.file
        self.twin = mujoco_twin.load(file)
        self.twin.opt.timestep = w.dt
        description = read_mjcf(file)
        self.model = compile_model([Placed(description, name)], description.gravity, FREE)
        self.physics = Physics(self.model, dt=w.dt, implicit_damping=description.implicit_damping)
        self.q0 = np.array(self.model.qpos0 if w.q0 is None else w.q0, float)
        self.v0 = np.zeros(self.model.nv) if w.v0 is None else np.array(w.v0)
        self.u = w.scale * np.random.RandomState(0).randn(T, self.model.nu)

    def gradient(self) -> dict[str, np.ndarray]:
        q0, v0 = (torch.tensor(x[None], requires_grad=True) for x in (self.q0, self.v0))
        u = torch.tensor(self.u[:, None], requires_grad=True)
        dof_ctrl = torch.zeros(T, 1, self.model.nv, dtype=torch.float64)
        q, v, _ = self.physics.rollout(self.physics.pack(), q0, v0, dof_ctrl, u)
        (0.5 * (q[-1] ** 2).sum() + 0.05 * (v[-1] ** 2).sum()).backward()
        tangent = tangent_of(self.model, self.q0, q0.grad[0].numpy())
        self.final = q[-1, 0].detach().numpy(), v[-1, 0].detach().numpy()
        return {"q0": tangent, "v0": v0.grad[0].numpy(), "u": u.grad[:, 0].numpy()}

    def mujoco_loss(self, q0: np.ndarray, v0: np.ndarray, u: np.ndarray) -> float:
        q, v = mujoco_twin.rollout(self.twin, q0, v0, u)
        return 0.5 * q[-1] @ q[-1] + 0.05 * v[-1] @ v[-1]

    def mujoco_directional(self, name: str, along: np.ndarray) -> float:
        values = []
        for h in OFFSETS:
            inputs = {"q0": self.q0, "v0": self.v0, "u": self.u}
            inputs[name] = advance(self.model, self.q0, h * along) if name == "q0" else inputs[name] + h * along
            values.append(self.mujoco_loss(**inputs))
        return float(extrapolated(np.array(values))[0])

    def mujoco_chain(self) -> dict[str, np.ndarray]:
        """The same gradient by MuJoCo's derivatives of each step (central differences), chained backwards."""
        m, nv, nu = self.twin, self.twin.nv, self.twin.nu
        d, steps = mujoco.MjData(m), []
        d.qpos[:], d.qvel[:] = self.q0, self.v0
        for t in range(T):
            A, B = np.zeros((2 * nv, 2 * nv)), np.zeros((2 * nv, nu))
            d.ctrl[:] = self.u[t]
            mujoco.mjd_transitionFD(m, d, 1e-6, True, A, B, None, None)
            steps.append((A, B))
            mujoco.mj_step(m, d)
        bar = np.concatenate([tangent_of(self.model, d.qpos, d.qpos.copy()), 0.1 * d.qvel])
        u_bar = np.zeros((T, nu))
        for t in reversed(range(T)):
            A, B = steps[t]
            u_bar[t], bar = B.T @ bar, A.T @ bar
        return {"q0": bar[:nv], "v0": bar[nv:], "u": u_bar}


@pytest.mark.parametrize("name", WORKLOADS)
def test_gradient_equals_differences_of_mujoco(engine, name):
    """Three random directions for each input; MuJoCo's whole rollout is differenced, so only rounding separates the two."""
    p = Problem(name)
    gradient, rng, errors = p.gradient(), np.random.default_rng(1), {}
    q, v = mujoco_twin.rollout(p.twin, p.q0, p.v0, p.u)
    np.testing.assert_allclose(np.concatenate(p.final), np.concatenate([q[-1], v[-1]]), rtol=0, atol=1e-10 * np.abs(v).max())
    for key, value in gradient.items():
        for _ in range(3):
            along = rng.normal(size=value.shape) * (1.0 if key != "u" else np.abs(p.u).max())
            expected = p.mujoco_directional(key, along)
            errors[key] = max(errors.get(key, 0.0), abs(float((value * along).sum()) - expected) / abs(expected))
    print(f"{name:10s} " + "  ".join(f"{k} {e:.1e}" for k, e in errors.items()))
    assert max(errors.values()) <= 1e-8, errors


@pytest.mark.parametrize("name", WORKLOADS)
def test_gradient_equals_the_chain_of_mujoco(engine, name):
    """Every entry of the gradient; the chain is as good as its finite differences."""
    p = Problem(name)
    ours, theirs = p.gradient(), p.mujoco_chain()
    errors = {k: float(np.abs(ours[k] - theirs[k]).max() / np.abs(theirs[k]).max()) for k in ours}
    print(f"{name:10s} " + "  ".join(f"{k} {e:.1e}" for k, e in errors.items()))
    assert max(errors.values()) <= 1e-6, errors


@pytest.mark.parametrize("name", ["panda", "go2"])
def test_urdf_and_mjcf_of_one_robot_agree(engine, name):
    """The same bodies from the other format, driven by joint forces: same states, same gradient of the controls."""
    p, file = Problem(name), SHARED / "bench" / "models" / {"panda": "panda7.urdf", "go2": "go2.urdf"}[name]
    model = compile_model([Placed(read_urdf(file, fixed=name == "panda"), name)], request=FREE)
    assert (model.nq, model.nv) == (p.model.nq, p.model.nv)
    physics = Physics(model, dt=p.physics.dt, implicit_damping=False)
    free = torch.full((model.nv,), torch.inf, dtype=torch.float64)
    same = {k: p.physics.defaults[k] for k in ("dof_armature", "dof_damping")}
    theta = physics.pack({"dof_force_lo": -free, "dof_force_hi": free} | same)
    q0, v0 = torch.tensor(p.q0[None]), torch.tensor(p.v0[None])
    dof_ctrl = torch.zeros(T, 1, model.nv, dtype=torch.float64)
    dof_ctrl[:, 0, model.nv - p.model.nu :] = torch.tensor(p.u)
    dof_ctrl.requires_grad_()
    q, v, _ = physics.rollout(theta, q0, v0, dof_ctrl)
    (0.5 * (q[-1] ** 2).sum() + 0.05 * (v[-1] ** 2).sum()).backward()
    expected = p.gradient()["u"]
    assert np.abs(q[-1, 0].detach().numpy() - p.final[0]).max() <= 1e-4
    assert np.abs(dof_ctrl.grad[:, 0, model.nv - p.model.nu :].numpy() - expected).max() <= 1e-3 * np.abs(expected).max()
