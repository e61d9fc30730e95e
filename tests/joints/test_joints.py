"""Every joint type by what a joint promises: velocities are rates of poses, springs are gradients of energies, tangents are exact.

The tests run over the table of joints (and the composed free joint), so that a new type is tested by being there.
"""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from genesis.description.kinds import ELEMENTARY, KINDS
from genesis.description.read import read_mjcf
from genesis.grad.closed_loop import closed_loop
from genesis.grad.physics import Physics
from genesis.joints import JOINTS
from genesis.model.compile import Placed, compile_model
from genesis.model.model import Model
from tests.dynamics.conversions import advance, quaternions, tangent_of
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.joints.robots import CONSTANTS, INERTIA, robot

TYPES = tuple(KINDS)


def random_state(model: Model, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return advance(model, model.qpos0, 0.8 * rng.normal(size=model.nv)), rng.normal(size=model.nv)


def poses(p: Physics, q: np.ndarray) -> tuple[np.ndarray, Rotation]:
    pos, quat, _, _ = p.kinematics(p.pack(), torch.tensor(q)[None], torch.zeros(1, p.nv, dtype=torch.float64))
    return pos[0].numpy(), Rotation.from_quat(np.roll(quat[0].numpy(), -1, -1))


def test_codes_are_positions_in_the_table(engine):
    assert tuple(joint.KIND for joint in JOINTS) == ELEMENTARY
    assert [(kind.name, kind.nv, kind.nq) for kind in ELEMENTARY[:3]] == [("hinge", 1, 1), ("slide", 1, 1), ("ball", 3, 4)]


@pytest.mark.parametrize("kind", TYPES)
def test_velocity_is_the_rate_of_the_pose(engine, kind):
    """d pose / dt along q (+) t v, by differences, for the link and the one behind it."""
    model = robot(kind)
    p, (q, v) = Physics(model, dt=0.01), random_state(robot(kind))
    _, _, vel, ang = (x[0].numpy() for x in p.kinematics(p.pack(), torch.tensor(q)[None], torch.tensor(v)[None]))
    base = poses(p, q)[1]
    moved = [poses(p, advance(model, q, h * v)) for h in OFFSETS]
    np.testing.assert_allclose(vel, extrapolated(np.stack([x for x, _ in moved], -1))[0], atol=1e-10)
    turns = [(R * base.inv()).as_rotvec() for _, R in moved]
    np.testing.assert_allclose(ang, extrapolated(np.stack(turns, -1))[0], atol=1e-10)


@pytest.mark.parametrize("kind", TYPES)
def test_the_joint_leaves_its_anchor_in_place(engine, kind):
    """A turning joint keeps its anchor, a sliding one the orientation; the described pose is that of the reference position."""
    model = robot(kind, child=False)
    p, (q, _) = Physics(model, dt=0.01), random_state(model)
    anchor = np.array([0.02, -0.03, 0.05])
    (rest_pos,), rest = poses(p, model.qpos0)
    np.testing.assert_allclose(rest_pos, [0.2, 0.1, 0.4], atol=1e-15)
    (pos,), R = poses(p, q)
    if kind in ("hinge", "ball"):  # the line through the anchor
        np.testing.assert_allclose(pos + R.apply(anchor)[0], rest_pos + rest.apply(anchor)[0], atol=1e-14)
    if kind == "slide":
        np.testing.assert_allclose(R.as_matrix(), rest.as_matrix(), atol=1e-15)
        axis = np.array([0.3, -0.5, 0.8]) / np.sqrt(0.98)
        np.testing.assert_allclose(pos - rest_pos, q[0] * rest.apply(axis)[0], atol=1e-15)
    if kind == "screw":
        axis = np.array([0.3, -0.5, 0.8]) / np.sqrt(0.98)
        np.testing.assert_allclose((rest.inv() * R).as_rotvec(), q * axis[None], atol=1e-14)
        moved = pos + R.apply(anchor)[0] - rest_pos - rest.apply(anchor)[0]
        np.testing.assert_allclose(moved, CONSTANTS["pitch"] * q[0] * rest.apply(axis)[0], atol=1e-14)
    if kind == "free":
        np.testing.assert_allclose(pos, q[:3], atol=1e-15)


@pytest.mark.parametrize("kind", TYPES)
def test_spring_is_the_gradient_of_its_energy(engine, kind):
    """tau = - d/dq of half k times the squared stretch from the rest position; no force there."""
    model = robot(kind, 'stiffness="2.5" springref="0.3"' if KINDS[kind].scalar else 'stiffness="2.5"')
    p, (q, _) = Physics(model, dt=0.01), random_state(model)
    rest = model.parameters["qpos_spring"]

    def energy(x: np.ndarray) -> float:
        total = sum(0.5 * 2.5 * (x[k] - rest[k]) ** 2 for k, i in spring_scalars(model))
        for k, _ in quaternions(model):
            now, then = (Rotation.from_quat(np.roll(y[k : k + 4], -1)) for y in (x, rest))
            total += 0.5 * 2.5 * (then.inv() * now).magnitude() ** 2
        return total

    force = spring_force(p, q)
    slope = [extrapolated(np.array([energy(advance(model, q, h * unit)) for h in OFFSETS]))[0] for unit in np.eye(model.nv)]
    np.testing.assert_allclose(force, -np.array(slope), atol=1e-9)
    np.testing.assert_allclose(spring_force(p, rest), 0.0, atol=1e-14)


def spring_scalars(model: Model) -> list[tuple[int, int]]:
    stiff = np.flatnonzero(model.parameters["dof_stiffness"])
    return [(int(model.integers["dof_qadr"][i]), int(i)) for i in stiff if model.integers["dof_qadr"][i] >= 0]


def spring_force(p: Physics, q: np.ndarray) -> np.ndarray:
    """M a at rest without gravity."""
    q, zero = torch.tensor(q)[None], torch.zeros(1, p.nv, dtype=torch.float64)
    a = p.forward_dynamics(p.pack(), q, zero, zero)
    return p.inverse_dynamics(p.pack(), q, zero, a)[0].numpy()


@pytest.mark.parametrize("length", [1.0, 0.4, 3.0])
@pytest.mark.parametrize("kind", TYPES)
def test_gradient_of_coordinates_and_tangent_agree(engine, kind, length):
    """Coordinates: against differences in every one; quaternions of any length, no gradient along them."""
    model = robot(kind)
    p, (q, v) = Physics(model, dt=0.01), random_state(model, 2)
    for k, _ in quaternions(model):
        q[k : k + 4] *= length
    weight = torch.tensor(np.random.default_rng(3).normal(size=model.nv))

    def objective(x: torch.Tensor) -> torch.Tensor:
        return (p.step(p.pack(), x, torch.tensor(v)[None], torch.zeros(1, p.nv, dtype=torch.float64))[1] * weight).sum()

    leaf = torch.tensor(q)[None].requires_grad_()
    (gradient,) = torch.autograd.grad(objective(leaf), leaf)
    for k in range(model.nq):
        unit = np.eye(model.nq)[k] * length
        values = [float(objective(torch.tensor(q + h * unit)[None])) for h in OFFSETS]
        assert float(gradient[0, k]) * length == pytest.approx(float(extrapolated(np.array(values))[0]), abs=1e-10)
    for k, _ in quaternions(model):
        assert abs(float(gradient[0, k : k + 4] @ leaf.detach()[0, k : k + 4])) < 1e-14
    along = np.random.default_rng(4).normal(size=model.nv)
    values = [float(objective(torch.tensor(advance(model, q, h * along))[None])) for h in OFFSETS]
    expected = float(extrapolated(np.array(values))[0])
    assert tangent_of(model, q, gradient[0].numpy()) @ along == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", TYPES)
def test_the_difference_undoes_the_displacement(engine, kind):
    """(q (+) d) (-) q = d for turns below half a turn, as a feedback of gain one tells it; quaternions of any length and sign."""
    model, nv = robot(kind), robot(kind).nv
    p, rng = Physics(model, dt=0.01), np.random.default_rng(6)
    still, none = (torch.zeros(rows, nv, dtype=torch.float64) for rows in (3, 2))
    bound, gains = still[0] + 1e3, torch.eye(nv, 2 * nv, dtype=torch.float64).repeat(2, 1, 1)
    for size in (1.0, 1e-9, 3.1):
        for direction in rng.normal(size=(4, nv)):
            d, (q, _) = size * direction / np.linalg.norm(direction), random_state(model)
            path = np.stack([advance(model, q, d), q, q])  # it rests where it begins, the path goes on
            for k, _ in quaternions(model):
                path[:, k : k + 4] *= rng.choice([-2.0, 0.5, 3.0], size=(3, 1))
            acted = closed_loop(
                p, p.pack(), torch.tensor(path), still, none, list(range(nv)), -bound, bound, none, gains, None, still[0, :1]
            )[3]
            np.testing.assert_allclose(acted[1, 0].numpy(), d, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", TYPES)
def test_quaternions_stay_of_length_one(engine, kind):
    """A thousand steps of tumbling."""
    model = robot(kind)
    p, (q, v) = Physics(model, dt=0.01, integrator="RK4"), random_state(model)
    command = torch.zeros(1000, 1, p.nv, dtype=torch.float64)
    states = p.rollout(p.pack(), torch.tensor(q)[None], torch.tensor(v)[None], command)
    for k, _ in quaternions(model):
        length = states[0][:, 0, k : k + 4].norm(dim=-1)
        assert float((length - 1.0).abs().max()) <= 4e-16


def test_a_free_joint_is_three_slides_and_a_ball(engine):
    """The same motion from the composed joints written out, coordinates and velocities in the same order."""
    slides = "".join(f'<joint type="slide" axis="{axis}"/>' for axis in ("1 0 0", "0 1 0", "0 0 1"))
    text = '<mujoco><option gravity="0 0 -9.81"/><worldbody><body>{}' + INERTIA + "</body></worldbody></mujoco>"
    descriptions = [read_mjcf(text.format(x)) for x in (slides + '<joint type="ball"/>', '<joint type="free"/>')]
    rng, results = np.random.default_rng(1), []
    q, v, u = rng.normal(size=(1, 7)), rng.normal(size=(1, 6)), rng.normal(size=(50, 1, 6))
    for description in descriptions:
        p = Physics(compile_model([Placed(description, "body")]), dt=0.01)
        results.append(p.rollout(p.pack(), *(torch.tensor(x) for x in (q, v, u))))
    for x, y in zip(*results, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-13)
