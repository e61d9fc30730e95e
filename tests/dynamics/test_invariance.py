"""What mechanics keeps: energy, momentum, the choice of frame; and what holds at special states."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from genesis.model.model import Model
from tests.dynamics.conversions import advance, quaternions
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.dynamics.systems import GRAVITY, SYSTEMS, descriptions, model_of

few = settings(max_examples=15, deadline=None, derandomize=True)
seeds = st.integers(0, 2**31 - 1)


@cache
def physics_of(name: str, dt: float, integrator: str = "RK4") -> Physics:
    return Physics(model_of(name), dt=dt, integrator=integrator)


def random_state(model: Model, seed: int, size: float = 0.7) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    q = advance(model, model.qpos0, size * rng.normal(size=model.nv))
    return torch.tensor(q)[None], torch.tensor(rng.normal(size=(1, model.nv)))


def free_of_losses(p: Physics, **more: torch.Tensor) -> torch.Tensor:
    """theta without dampers and actuator bias."""
    zero = {k: torch.zeros_like(p.defaults[k]) for k in ("dof_damping", "act_gain", "act_bias0", "act_bias1", "act_bias2")}
    return p.pack(zero | more)


def coast(p: Physics, theta: torch.Tensor, q: torch.Tensor, v: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    states = p.rollout(theta, q, v, torch.zeros(steps, 1, p.nv, dtype=torch.float64))
    return states[0][:, 0], states[1][:, 0]


def energy(p: Physics, theta: torch.Tensor, q: torch.Tensor, v: torch.Tensor) -> np.ndarray:
    """Kinetic energy, weight and springs, (S,)."""
    M = p.mass_matrix(theta, q[:, None])[:, 0]
    kinetic = 0.5 * torch.einsum("si,sij,sj->s", v, M, v)
    centre = centres(p, theta, q, v)[0]
    weight = -(p.defaults["link_mass"][:, None] * centre @ p.defaults["gravity"][:, None])[..., 0].sum(-1)
    return (kinetic + weight + spring_energy(p.model, q)).numpy()


def spring_energy(m: Model, q: torch.Tensor) -> torch.Tensor:
    stiffness, rest, total = m.parameters["dof_stiffness"], m.parameters["qpos_spring"], torch.zeros(len(q), dtype=q.dtype)
    for i in np.flatnonzero(m.integers["dof_qadr"] >= 0):
        k = m.integers["dof_qadr"][i]
        total += 0.5 * stiffness[i] * (q[:, k] - rest[k]) ** 2
    for k, i in quaternions(m):
        now, then = (Rotation.from_quat(np.roll(x, -1, -1)) for x in (q[:, k : k + 4].numpy(), rest[k : k + 4]))
        total += 0.5 * stiffness[i] * torch.tensor((then.inv() * now).magnitude() ** 2)
    return total


def centres(p: Physics, theta: torch.Tensor, q: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Centre of mass, its velocity, rotation matrix, angular velocity of every link, (S, nlink, ...)."""
    pos, quat, vel, ang = (x[:, 0] for x in p.kinematics(theta, q[:, None], v[:, None]))
    R = torch.tensor(Rotation.from_quat(np.roll(quat.numpy().reshape(-1, 4), -1, -1)).as_matrix()).view(*quat.shape[:2], 3, 3)
    arm = (R @ p.defaults["link_com"][..., None])[..., 0]
    return pos + arm, vel + torch.cross(ang, arm, -1), R, ang


def momentum(p: Physics, theta: torch.Tensor, q: torch.Tensor, v: torch.Tensor) -> np.ndarray:
    """Linear and angular momentum about the world's origin, (S, 6)."""
    centre, velocity, R, ang = centres(p, theta, q, v)
    xx, yy, zz, xy, xz, yz = p.defaults["link_inertia"].T
    local = torch.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], -1).view(-1, 3, 3)
    linear = p.defaults["link_mass"][:, None] * velocity
    spin = (R @ local @ R.mT @ ang[..., None])[..., 0]
    return torch.cat([linear.sum(1), (torch.cross(centre, linear, -1) + spin).sum(1)], -1).numpy()


@few
@given(seed=seeds)
@pytest.mark.parametrize("name", SYSTEMS)
def test_energy_is_conserved_to_fourth_order(engine, name, seed):
    """Without damping; halving the step divides the error of Runge-Kutta by about 16."""
    drift = []
    for dt in (4e-3, 2e-3):
        p = physics_of(name, dt)
        theta, (q, v) = free_of_losses(p), random_state(p.model, seed)
        E = energy(p, theta, *coast(p, theta, q, v, int(0.2 / dt)))
        drift.append(np.abs(E - E[0]).max() / (np.abs(E).max() + 1.0))
    assert drift[1] <= max(drift[0] / 10, 1e-12) and drift[1] <= 2e-5


@few
@given(seed=seeds)
def test_energy_error_of_euler_is_of_first_order(engine, seed):
    drift = []
    for dt in (2e-3, 1e-3):
        p = physics_of("floater", dt, "Euler")
        theta, (q, v) = free_of_losses(p), random_state(p.model, seed, 0.3)
        E = energy(p, theta, *coast(p, theta, q, v, int(0.2 / dt)))
        drift.append(np.abs(E - E[0]).max())
    assert drift[1] == pytest.approx(drift[0] / 2, rel=0.2)


@few
@given(seed=seeds)
def test_momentum_of_a_free_robot_is_conserved(engine, seed):
    """Zero gravity, no springs to the world; joint springs, ball joints and internal forces do not matter."""
    p = physics_of("floater", 1e-3)
    stiffness = p.defaults["dof_stiffness"].clone()
    stiffness[:6] = 0.0
    armature = torch.zeros_like(stiffness)  # rotors of the free joint would count as mass fixed in the world
    theta = free_of_losses(p, gravity=torch.zeros(3, dtype=torch.float64), dof_stiffness=stiffness, dof_armature=armature)
    q, v = random_state(p.model, seed)
    inner = torch.randn(100, 1, p.nv, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    inner[..., :6] = 0.0
    states = p.rollout(theta, q, v, inner)
    h = momentum(p, theta, states[0][:, 0], states[1][:, 0])
    assert np.abs(h - h[0]).max() <= 1e-8 * np.abs(h).max()


@few
@given(seed=seeds)
def test_momentum_changes_by_the_weight(engine, seed):
    """d p / dt = m g: the free robot falls with its whole mass."""
    p = physics_of("floater", 1e-3)
    zero = torch.zeros_like(p.defaults["dof_stiffness"])
    theta, (q, v) = free_of_losses(p, dof_stiffness=zero, dof_armature=zero), random_state(p.model, seed)
    h = momentum(p, theta, *coast(p, theta, q, v, 50))[:, :3]
    expected = h[0] + 0.05 * float(p.defaults["link_mass"].sum()) * np.array(GRAVITY)
    np.testing.assert_allclose(h[-1], expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def placed(name: str, rotation: Rotation, shift: np.ndarray) -> Model:
    """Everything moved: roots, and the direction of gravity."""
    (description,) = descriptions(name)
    quat = np.roll(rotation.as_quat(), 1)
    return compile_model([Placed(description, name, shift, quat)], tuple(rotation.apply(GRAVITY)))


@few
@given(seed=seeds, far=st.sampled_from([1.0, 1e3]))
@pytest.mark.parametrize("name", ["arm", "gripper"])
def test_a_fixed_robot_does_not_feel_where_it_stands(engine, name, seed, far):
    """The world turned and shifted, gravity with it: the same joint accelerations and gradients."""
    base, rng = model_of(name), np.random.default_rng(seed)
    moved = placed(name, Rotation.random(rng=rng), far * rng.normal(size=3))
    q, v = random_state(base, seed)
    results = []
    for p in (physics_of(name, 1e-2), Physics(moved, dt=1e-2, integrator="RK4")):
        inputs = [x.clone().requires_grad_() for x in (q, v)]
        a = p.forward_dynamics(free_of_losses(p), *inputs, torch.zeros_like(v))
        results.append((a.detach(), *torch.autograd.grad(a.sum(), inputs)))
    for x, y in zip(*results, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-10 * float(y.abs().max()))


@few
@given(seed=seeds)
def test_a_free_robot_does_not_feel_where_it_starts(engine, seed):
    """Its start turned and shifted, gravity turned: inner accelerations the same, the root's turned."""
    p, rng = physics_of("floater", 1e-2), np.random.default_rng(seed)
    turn, shift = Rotation.random(rng=rng), torch.tensor(10 * rng.normal(size=3))
    stiffness = p.defaults["dof_stiffness"].clone()
    stiffness[:6] = 0.0
    R = torch.tensor(turn.as_matrix())
    q, v = random_state(p.model, seed)
    q2, v2 = q.clone(), v.clone()
    q2[0, :3], v2[0, :3] = R @ q[0, :3] + shift, R @ v[0, :3]
    q2[0, 3:7] = torch.tensor(np.roll((turn * Rotation.from_quat(np.roll(q[0, 3:7], -1))).as_quat(), 1))
    zero = torch.zeros_like(v)
    one = p.forward_dynamics(free_of_losses(p, dof_stiffness=stiffness), q, v, zero)[0]
    turned = R @ p.defaults["gravity"]
    two = p.forward_dynamics(free_of_losses(p, dof_stiffness=stiffness, gravity=turned), q2, v2, zero)[0]
    np.testing.assert_allclose(two[3:], one[3:], atol=1e-10 * float(one.abs().max()))
    np.testing.assert_allclose(two[:3], R @ one[:3], atol=1e-10 * float(one.abs().max()))


@few
@given(seed=seeds)
@pytest.mark.parametrize("name", SYSTEMS)
def test_inverse_dynamics_undoes_forward_dynamics(engine, name, seed):
    """With springs and dampers off; the mass matrix is symmetric and positive definite."""
    p = physics_of(name, 1e-2)
    theta, (q, v) = free_of_losses(p, dof_stiffness=torch.zeros_like(p.defaults["dof_stiffness"])), random_state(p.model, seed)
    u = torch.randn(1, p.nv, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    a = p.forward_dynamics(theta, q, v, u)
    tau = p.inverse_dynamics(theta, q, v, a)
    np.testing.assert_allclose(
        tau, u, atol=1e-12 * float(p.bias(theta, q, v).abs().max() + (p.mass_matrix(theta, q)[0] @ a[0]).abs().max())
    )
    M = p.mass_matrix(theta, q)[0]
    np.testing.assert_allclose(M, M.mT, atol=1e-12 * float(M.abs().max()))
    assert float(torch.linalg.eigvalsh(M)[0]) > 0.0


@few
@given(seed=seeds)
@pytest.mark.parametrize("name", SYSTEMS)
def test_energy_grows_by_the_work_of_all_forces(engine, name, seed):
    """dE/dt = v . (dof_ctrl - damping): differences of the energy along the motion."""
    p = physics_of(name, 1e-2)
    actuators = {k: torch.zeros_like(p.defaults[k]) for k in ("act_gain", "act_bias0", "act_bias1", "act_bias2")}
    theta, (q, v) = p.pack(actuators), random_state(p.model, seed)
    u = torch.randn(1, p.nv, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    a = p.forward_dynamics(theta, q, v, u)
    rates = [torch.tensor(advance(p.model, q[0].numpy(), h * v[0].numpy()))[None] for h in OFFSETS]
    values = [energy(p, theta, x, v + h * a)[0] for h, x in zip(OFFSETS, rates, strict=True)]
    power = float((v * (u - p.defaults["dof_damping"] * v)).sum())
    rate = float(extrapolated(np.array(values))[0])
    assert rate == pytest.approx(power, rel=1e-7, abs=1e-7 * max(abs(x) for x in values))


def special_state(model: Model, which: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Zero angles and identity rotations, at rest or turning about one axis."""
    q, v = np.zeros((1, model.nq)), np.zeros((1, model.nv))
    for k, _ in quaternions(model):
        q[0, k] = 1.0
    if which == "turning":
        for _, i in quaternions(model):
            v[0, i] = 1.0
    return torch.tensor(q), torch.tensor(v)


@pytest.mark.parametrize("integrator", ["Euler", "RK4"])
@pytest.mark.parametrize("which", ["rest", "turning"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_gradients_at_zero(engine, name, which, integrator):
    """No 0/0 at identity rotations, zero angles, zero velocities, springs at rest, no gravity: gradients equal differences."""
    p = physics_of(name, 1e-2, integrator)
    q, v = special_state(p.model, which)
    rest = q[0].clone()
    parameters = {
        k: p.defaults[k] for k in ("link_mass", "link_com", "link_inertia", "dof_stiffness", "dof_damping", "link_quat")
    }
    parameters |= {"qpos_spring": rest, "gravity": torch.zeros(3, dtype=torch.float64)}
    inputs = {"qpos": q, "qvel": v, "dof_ctrl": torch.zeros(20, 1, p.nv, dtype=torch.float64)} | parameters
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(n, generator=generator, dtype=torch.float64) for n in (p.nq, p.nv)]

    def objective(x: dict) -> torch.Tensor:
        theta = p.pack({k: x[k] for k in parameters})
        states = p.rollout(theta, x["qpos"], x["qvel"], x["dof_ctrl"])
        return (states[0][-1] * weights[0]).sum() + (states[1][-1] * weights[1]).sum()

    leaves = {k: x.clone().requires_grad_() for k, x in inputs.items()}
    objective(leaves).backward()
    for key, value in inputs.items():
        along = torch.randn(value.shape, generator=generator, dtype=value.dtype) * (1.0 if not value.any() else value.abs() + 0.1)
        values = np.array([float(objective(inputs | {key: value + h * along})) for h in OFFSETS])
        found = float((leaves[key].grad * along).sum())
        assert found == pytest.approx(float(extrapolated(values)[0]), rel=1e-8, abs=1e-9), key


@pytest.mark.parametrize("name", ["arm", "floater", "gripper"])
def test_gradients_a_kilometre_from_the_origin_are_those_at_home(engine, name):
    (description,) = descriptions(name)
    far, grads = np.array([1000.0, -500.0, 200.0]), []
    for shift in (np.zeros(3), far):
        p = Physics(compile_model([Placed(description, name, shift)], GRAVITY), dt=5e-3)
        q, v = random_state(model_of(name), 1)
        if name == "floater":
            q[0, :3] += torch.tensor(shift)
        leaves = [x.clone().requires_grad_() for x in (q, v, p.pack())]
        out = p.rollout(loose(p, leaves[2]), leaves[0], leaves[1], torch.zeros(50, 1, p.nv, dtype=torch.float64))[1][-1].sum()
        grads.append(torch.autograd.grad(out, leaves))
    for x, y in zip(*grads, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-9 * float(x.abs().max()))


def loose(p: Physics, theta: torch.Tensor) -> torch.Tensor:
    """theta without springs and position gains of a free root: they tie it to a place."""
    tied = torch.zeros_like(theta, dtype=torch.bool)
    for kind in ("dof_stiffness", "dof_kp"):
        offset, _ = p.model.parameter_offsets[kind]
        tied[offset : offset + (6 if p.model.joints[0].type == "free" else 0)] = True
    return torch.where(tied, 0.0, theta)
