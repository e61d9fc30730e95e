"""Values and derivatives of every URDF against Pinocchio, float64."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis.description.read import read_urdf
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest
from tests.dynamics.conversions import skew, tangent_of
from tests.oracles import PinocchioState, from_pinocchio, pinocchio_cases, pinocchio_oracle
from tests.reference_dynamics import ReferenceDynamics, random_state
from tests.shared import MODELS, needs_shared

VALUE, DERIVATIVE = 1e-8, 1e-7
FREE = ConstraintRequest(disable_constraint=True)  # Pinocchio knows no limits


class Case:
    """One URDF as Pinocchio sees it: no damping, no effort limits, mimic joints free."""

    def __init__(self, folder: Path, name: str) -> None:
        robot, _, base = name.rpartition("_")
        description = read_urdf(folder / "urdf" / f"{robot}.urdf", fixed=base == "fixed", mimic="independent")
        self.name, self.oracle = name, pinocchio_oracle(folder, name)
        self.model = compile_model([Placed(description, robot)], self.oracle["gravity"], FREE)
        self.physics = Physics(self.model, dt=0.01)
        nv = self.model.nv
        free = {
            "dof_damping": torch.zeros(nv),
            "dof_force_lo": torch.full((nv,), -torch.inf),
            "dof_force_hi": torch.full((nv,), torch.inf),
        }
        self.theta = self.physics.pack(free)
        dynamics = ReferenceDynamics(description, self.oracle["gravity"])
        self.states = [from_pinocchio(self.oracle, dynamics, k) for k in range(len(self.oracle["q"]))]
        self.kept = [k for k in range(len(self.states)) if self._on_manifold(k)]
        if not self.kept:
            pytest.skip(f"{name}: the stored (cos, sin) of a continuous joint is never on the unit circle")

    def _on_manifold(self, k: int) -> bool:
        o = self.oracle
        pairs = [o["q"][k][i : i + 2] for i, nq, nv in zip(o["idx_q"], o["nq_j"], o["nv_j"], strict=True) if (nq, nv) == (2, 1)]
        return all(abs(np.linalg.norm(p) - 1.0) < 1e-12 for p in pairs)

    def stack(self, field: str) -> torch.Tensor:
        return torch.tensor(np.stack([getattr(self.states[k], field) for k in self.kept]))

    def expected(self, name: str) -> np.ndarray:
        return self.oracle[name][self.kept]

    def force(self, k: int, name: str = "u") -> np.ndarray:
        """Our joint force of Pinocchio's u: T^-T u."""
        return np.linalg.solve(self.states[k].T.T, self.oracle[name][k])


@lru_cache(maxsize=2)
def case(folder: Path, name: str) -> Case:
    return Case(folder, name)


def check(case: Case, what: str, actual: np.ndarray, expected: np.ndarray, tolerance: float, scale: float = 1e-3) -> None:
    error = np.abs(actual - expected).max() / max(np.abs(expected).max(), scale)
    print(f"{case.name:30s} {what:20s} {len(case.kept):3d} states  {error:.1e}")
    assert error <= tolerance


@pinocchio_cases
def test_poses(engine, folder, name):
    c = case(folder, name)
    pos, quat, _, _ = c.physics.kinematics(c.theta, c.stack("qpos"), c.stack("qvel"))
    frames = {str(frame): k for k, frame in enumerate(c.oracle["frame_names"])}
    columns = [frames[link.name] for link in c.model.links]
    expected = c.expected("T_frames")[:, columns]
    w, v = quat[..., :1], quat[..., 1:]
    eye = torch.eye(3, dtype=quat.dtype)
    rotation = torch.stack([e + 2 * torch.cross(v, w * e + torch.cross(v, e.expand_as(v), -1), -1) for e in eye], -1)
    check(c, "positions", pos.numpy(), expected[..., :3, 3], VALUE, scale=1.0)
    check(c, "rotations", rotation.numpy(), expected[..., :3, :3], VALUE)


@pinocchio_cases
def test_mass_matrix_bias_and_inverse_dynamics(engine, folder, name):
    c = case(folder, name)
    T, T_dot_v, q, v = (c.stack(k) for k in ("T", "T_dot_v", "qpos", "qvel"))
    M = c.physics.mass_matrix(c.theta, q)
    check(c, "mass matrix", (T.mT @ M @ T).numpy(), c.expected("M"), VALUE)
    drift = c.physics.inverse_dynamics(c.theta, q, v, T_dot_v)
    check(c, "bias", (T.mT @ drift[..., None])[..., 0].numpy(), c.expected("nle"), VALUE)
    qacc = (T @ torch.tensor(c.expected("a"))[..., None])[..., 0] + T_dot_v
    tau = c.physics.inverse_dynamics(c.theta, q, v, qacc)
    check(c, "inverse dynamics", (T.mT @ tau[..., None])[..., 0].numpy(), c.expected("tau_rnea"), VALUE)


@pinocchio_cases
def test_forward_dynamics(engine, folder, name):
    """Accelerations under random forces, and under the forces of the stored inverse dynamics."""
    c = case(folder, name)
    given = {"tau_rnea": "a"} | ({"u": "a_aba"} if "a_aba" in c.oracle else {})
    for force, expected in given.items():
        check(c, f"forward dynamics, {force}", accelerations(c, force), c.expected(expected), VALUE)


def accelerations(c: Case, force: str) -> np.ndarray:
    """Pinocchio's accelerations, from ours."""
    dof_ctrl = torch.tensor(np.stack([c.force(k, force) for k in c.kept]))
    qacc = c.physics.forward_dynamics(c.theta, c.stack("qpos"), c.stack("qvel"), dof_ctrl)
    return np.stack([np.linalg.solve(c.states[k].T, a - c.states[k].T_dot_v) for k, a in zip(c.kept, qacc.numpy(), strict=True)])


def our_derivatives(c: Case) -> tuple[np.ndarray, ...]:
    """qacc (S, nv) and its derivatives (S, nv, nv) by tangent, velocity, force: one backward pass, one row an environment."""
    S, nv = len(c.kept), c.model.nv
    dof_ctrl = torch.tensor(np.stack([c.force(k) for k in c.kept]))
    inputs = [x.repeat_interleave(nv, 0).requires_grad_() for x in (c.stack("qpos"), c.stack("qvel"), dof_ctrl)]
    qacc = c.physics.forward_dynamics(c.theta, *inputs).view(S, nv, nv)
    rows = [g.view(S, nv, -1).numpy() for g in torch.autograd.grad(qacc.diagonal(dim1=1, dim2=2).sum(), inputs)]
    tangents = np.stack([tangent_of(c.model, c.states[k].qpos, rows[0][i]) for i, k in enumerate(c.kept)])
    return qacc[:, 0].detach().numpy(), tangents, rows[1], rows[2]


def in_their_variables(state: PinocchioState, floating: bool, v, u, qacc, J_q, J_v, J_u) -> tuple[np.ndarray, ...]:
    """da/dq, da/dv, da/du of Pinocchio from ours.

    a_pin = T^-1 (qacc(q, T v, T^-T u) - T_dot v); T turns the linear velocity of a free flyer by R, and so depends on q.
    """
    T = state.T
    by_q, by_v, by_u = J_q @ T, J_v @ T, J_u @ np.linalg.inv(T).T
    extra_q, extra_v = np.zeros_like(T), np.zeros_like(T)
    if floating:
        R, turn, lin, ang = T[:3, :3], slice(3, 6), v[:3], v[3:6]
        by_q[:, turn] -= J_v[:, :3] @ R @ skew(lin) + J_u[:, :3] @ R @ skew(u[:3])
        extra_q[:3, turn] = skew(R.T @ qacc[:3])
        extra_v[:3, :3], extra_v[:3, turn] = -skew(ang), skew(lin)
    inverse = np.linalg.inv(T)
    return inverse @ by_q + extra_q, inverse @ by_v + extra_v, inverse @ by_u


@pinocchio_cases
def test_derivatives_of_forward_dynamics(engine, folder, name):
    c = case(folder, name)
    if "da_dq" not in c.oracle:
        pytest.skip(f"{name}: these reference values hold no derivatives")
    ours = our_derivatives(c)
    floating, v, u = name.endswith("freeflyer"), c.oracle["v"], c.oracle["u"]
    theirs = [in_their_variables(c.states[k], floating, v[k], u[k], *(x[i] for x in ours)) for i, k in enumerate(c.kept)]
    for what, actual in zip(("da_dq", "da_dv", "Minv"), zip(*theirs, strict=True), strict=True):
        check(c, what, np.stack(actual), c.expected(what), DERIVATIVE)


@needs_shared
def test_kinova_equals_the_numpy_twin(engine):
    """Its stored states are off the manifold; mass matrix and bias at a state of our own."""
    description = read_urdf(MODELS / "urdf" / "kinova_j2s6s200.urdf", fixed=True)
    physics = Physics(compile_model([Placed(description, "kinova")], request=FREE), dt=0.01)
    twin = ReferenceDynamics(description)
    qpos, qvel = random_state(twin, seed=0)
    theta, q, v = physics.pack(), torch.tensor(qpos)[None], torch.tensor(qvel)[None]
    expected = twin.mass_matrix(qpos)
    np.testing.assert_allclose(physics.mass_matrix(theta, q)[0], expected, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(physics.bias(theta, q, v)[0], twin.bias(qpos, qvel), atol=1e-12)
