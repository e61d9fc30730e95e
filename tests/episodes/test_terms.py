"""Observations, rewards, endings, targets and variations against what they are by definition."""

import math

import numpy as np
import pytest
import torch

from genesis.episodes.moments import Moments
from tests.episodes.trained import training

pytestmark = pytest.mark.usefixtures("engine")
ANT = "task=run_ant"


def rotation(quat: torch.Tensor) -> np.ndarray:
    """Matrix of wxyz, by its definition."""
    w, x, y, z = quat.tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def somewhere(problem, count: int = 5, seed: int = 0) -> Moments:
    """Random states of a robot with a free joint."""
    rng, physics = np.random.default_rng(seed), problem.episodes.physics
    qpos, qvel = rng.standard_normal((count, physics.nq)), rng.standard_normal((count, physics.nv))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    n = len(problem.episodes.actions)
    action, before = rng.standard_normal((count, n)), rng.standard_normal((count, n))
    tensors = [torch.from_numpy(x) for x in (qpos, qvel, action, before)]
    return Moments(physics, problem.episodes.theta, *tensors, {})


def test_what_is_seen_of_a_free_body() -> None:
    _, problem = training(
        ANT, "+task.observe.action={kind: last_action}", "+task.observe.toe={kind: height, link: shin_2}",
        "+task.observe.yaw={kind: angular_velocity, axes: z}",
    )  # fmt: skip
    now, terms = somewhere(problem), problem.episodes.observations
    turn = np.stack([rotation(q) for q in now.qpos[:, 3:7]])
    up = turn[:, 2]  # the third row: what the world's z is in the axes of the body
    for name, wanted in (
        ("height", now.qpos[:, 2:3].numpy()), ("up", up), ("ahead", turn[:, :, 0]),
        ("velocity", np.einsum("bij,bi->bj", turn, now.qvel[:, :3].numpy())), ("turning", now.qvel[:, 3:6].numpy()),
        ("yaw", now.qvel[:, 5:6].numpy()), ("joints", now.qpos[:, 7:].numpy()), ("rates", now.qvel[:, 6:].numpy()),
        ("action", now.action.numpy()),
    ):  # fmt: skip
        got = terms[name](now)
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-12, err_msg=name)
        assert got.shape[-1] == len(terms[name].labels) == len(terms[name].units)
    links = [link.name for link in problem.task.setting.robot.links]
    toe = now.kinematics[0][:, links.index("shin_2"), 2:]
    np.testing.assert_allclose(terms["toe"](now).numpy(), toe.numpy(), atol=1e-12)
    assert len(problem.episodes.labels) == problem.width == sum(len(term.labels) for term in terms.values())


def test_a_body_reads_the_same_from_the_state_and_from_kinematics() -> None:
    _, problem = training(ANT)
    now = somewhere(problem)
    pos, quat, vel, ang = (x[:, 0] for x in now.kinematics)
    frame = problem.episodes.observations["up"].body
    np.testing.assert_allclose(frame.position(now).numpy(), pos.numpy(), atol=1e-12)
    np.testing.assert_allclose(frame.velocity(now).numpy(), vel.numpy(), atol=1e-12)
    turn = np.stack([rotation(q) for q in quat])
    np.testing.assert_allclose(frame.angular_in_body(now).numpy(), np.einsum("bij,bi->bj", turn, ang.numpy()), atol=1e-12)


def test_rewards_are_what_they_say() -> None:
    more = (
        "+task.reward.alive={kind: alive}", "+task.reward.change={kind: action_change}", "+task.reward.rates={kind: joint_speed}",
        "+task.reward.spin={kind: angular_speed, axes: xy}", "+task.reward.home={kind: joint_distance, joints: ['hip_*']}",
        "+task.reward.capped={kind: speed, direction: [0, 3, 4], most: 0.2}", "+task.reward.turns={kind: joint_distance, turning: true}",
        "+task.target.wish={kind: velocity, x: [0.5, 0.5]}", "+task.reward.track={kind: velocity_tracking, target: wish, width: 0.4}",
        "+task.reward.yaw={kind: velocity_tracking, target: wish, turn: true}",
    )  # fmt: skip
    _, problem = training(ANT, *more)
    now = somewhere(problem)
    now.targets["wish"] = torch.tensor([[0.5, -0.1, 0.3]], dtype=torch.float64).expand(5, 3)
    turn, home = np.stack([rotation(q) for q in now.qpos[:, 3:7]]), problem.task.setting.one_start()[0].numpy()
    q, v, a, b = (x.numpy() for x in (now.qpos, now.qvel, now.action, now.before))
    own = np.einsum("bij,bi->bj", turn, v[:, :3])
    hips = [7, 9, 11, 13]
    got = problem.episodes.terms(now)
    for name, wanted in (
        ("speed", v[:, 0]), ("heading", turn[:, 0, 0]), ("upright", turn[:, 2, 2]), ("height", q[:, 2] - 0.3), ("effort", (a**2).sum(1)),
        ("alive", np.ones(5)), ("change", ((a - b) ** 2).sum(1)), ("rates", (v[:, 6:] ** 2).sum(1)), ("spin", (v[:, 3:5] ** 2).sum(1)),
        ("home", ((q[:, hips] - home[hips]) ** 2).sum(1)), ("capped", np.minimum(0.2, 0.6 * v[:, 1] + 0.8 * v[:, 2])),
        ("turns", (4.0 * np.sin(0.5 * (q[:, 7:] - home[7:])) ** 2).sum(1)),
        ("track", np.exp(-((own[:, 0] - 0.5) ** 2 + (own[:, 1] + 0.1) ** 2) / 0.16)), ("yaw", np.exp(-((v[:, 5] - 0.3) ** 2) / 0.25)),
    ):  # fmt: skip
        np.testing.assert_allclose(got[name].numpy(), wanted, atol=1e-12, err_msg=name)
    total = sum(problem.episodes.weights[name] * value for name, value in got.items())
    np.testing.assert_allclose(problem.episodes.total(got).numpy(), total.numpy(), atol=1e-12)


def test_a_height_that_lacks_costs_its_square() -> None:
    _, problem = training("task=run_hopper")
    reward = problem.episodes.rewards["height"]
    qpos = problem.task.setting.one_start()[0].expand(3, -1).clone()
    qpos[:, 1] += torch.tensor([0.1, -0.4, 0.0], dtype=torch.float64)
    now = Moments(problem.episodes.physics, problem.episodes.theta, qpos, torch.zeros_like(qpos), qpos[:, :3], qpos[:, :3])
    z = now.kinematics[0][:, 0, 2] - 0.95
    wanted = torch.where(z < 0, -200.0 * z * z, z)
    torch.testing.assert_close(reward(now), wanted)
    assert float(wanted.min()) < 0.0 < float(wanted.max())


def test_what_ends_an_episode() -> None:
    _, problem = training(
        ANT, "+task.ends.tip={kind: tilt, most: 60}", "+task.ends.hip={kind: joint_range, joints: [hip_1], low: -0.5}",
        "+task.ends.fast={kind: joint_speed, joints: [ankle_2], most: 30}",
    )  # fmt: skip
    start = problem.task.setting.one_start()[0]
    qpos, qvel = start.expand(7, -1).clone(), torch.zeros(7, problem.episodes.physics.nv, dtype=torch.float64)
    qpos[1, 2] = 0.26
    for row, angle in ((2, 59.0), (3, 61.0)):
        half = math.radians(angle) / 2.0
        qpos[row, 3:7] = torch.tensor([math.cos(half), math.sin(half), 0.0, 0.0], dtype=torch.float64)
    qpos[4, 7] = -0.51
    names = [joint.name for joint in problem.task.setting.robot.joints]
    dof = 6 + [name for name in names if name != "root"].index("ankle_2")
    qvel[5, dof], qvel[6, dof] = -30.1, 29.9
    now = Moments(problem.episodes.physics, problem.episodes.theta, qpos, qvel, qpos[:, :8], qpos[:, :8])
    assert problem.episodes.fell(now).tolist() == [False, True, False, True, True, True, False]


def test_targets_are_drawn_within_their_ranges_and_anew_when_it_is_time() -> None:
    _, problem = training(
        ANT, "task.envs=400", "+task.target.wish={kind: velocity, x: [-0.5, 1.0], turn: [2, 2], every: 0.05}",
        "+task.observe.wish={kind: target, target: wish}",
    )  # fmt: skip
    first = problem.state.targets["wish"].clone()
    assert float(first[:, 0].min()) < -0.45 and float(first[:, 0].max()) > 0.95
    assert torch.all(first[:, 1] == 0.0) and torch.all(first[:, 2] == 2.0)
    assert float(first[:, 0].mean()) == pytest.approx(0.25, abs=0.08)
    still = torch.zeros(400, 8, dtype=torch.float64)
    kept = []
    with torch.no_grad():
        for _ in range(4):
            problem.episodes.advance(problem.state, still)
            kept.append(torch.equal(problem.state.targets["wish"], first))
    assert kept == [True, True, False, False]  # every 0.05 s, of steps of 1/60 s
    assert torch.equal(problem.episodes.observations["wish"](problem.episodes.now(problem.state)), problem.state.targets["wish"])


def test_numbers_of_the_model_vary_from_episode_to_episode() -> None:
    _, problem = training(
        ANT, "task.envs=300", "+task.randomise.mass={kind: number, quantity: mass, factor: [0.8, 1.2], links: [torso]}",
        "+task.randomise.slip={kind: number, quantity: friction, factor: [0.4, 1.2], together: true}",
    )  # fmt: skip
    episodes, model = problem.episodes, problem.episodes.physics.model
    offsets, state = model.parameter_offsets, problem.state

    def part(name: str) -> torch.Tensor:
        first, count = offsets[name]
        return torch.nan_to_num(state.theta[:, first : first + count] / episodes.theta[first : first + count], nan=1.0)  # 0 stays

    mass, inertia = part("link_mass"), part("link_inertia").reshape(300, model.nlink, -1)
    assert float(mass[:, 0].min()) < 0.82 and float(mass[:, 0].max()) > 1.18 and torch.all(mass[:, 1:] == 1.0)
    torch.testing.assert_close(inertia[:, 0, 0], mass[:, 0])
    friction = part("geom_friction").reshape(300, model.sizes["ngeom"], -1)[..., 0]
    torch.testing.assert_close(friction, friction[:, :1].expand_as(friction))
    assert 0.4 <= float(friction.min()) < 0.45 and 1.15 < float(friction.max()) <= 1.2
    assert torch.all(part("dof_damping") == 1.0)
    before = state.theta.clone()
    done = torch.zeros(300, dtype=torch.bool)
    done[7] = True
    episodes.renew(state, done)
    changed = (state.theta != before).any(1)
    assert changed.nonzero().flatten().tolist() == [7]


def test_a_push_is_a_force_for_a_while() -> None:
    _, problem = training(ANT, "task.envs=200", "+task.randomise.push={kind: push, force: [50, 60], duration: 0.05, every: 0.5}")
    state, steps = problem.state, []
    for _ in range(60):
        wrench = problem.episodes._wrench(state)
        assert wrench is not None and torch.all(wrench[:, 1:] == 0.0) and torch.all(wrench[:, 0, 2:] == 0.0)
        steps.append(wrench[:, 0, :3].norm(dim=-1))
    sizes = torch.stack(steps)
    acting = sizes > 0.0
    assert torch.all((sizes[acting] >= 50.0) & (sizes[acting] <= 60.0))
    lasts = []
    for column in acting.T.tolist():
        run = 0
        for on in column:
            if run and not on:
                lasts.append(run)
            run = run + 1 if on else 0
    assert set(lasts) <= {3, 6, 9} and lasts.count(3) > 0.8 * len(lasts)  # of 1/60 s; two may follow each other
    share = float(acting.double().mean())
    assert share == pytest.approx(0.05 / 0.55, rel=0.25)
