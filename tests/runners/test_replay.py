"""What a replay shows of a run is where the simulation, the recording and the goal have it."""

import numpy as np
import pytest
import torch

from genesis.description.poses import rotate
from genesis.errors import DivergenceError
from genesis.grad.tensor import plain
from genesis.methods.method import move, point
from genesis.replay.replay import Replay, Take
from genesis.runners.evaluate import groups_of
from genesis.runners.recorded_replay import replay_of_identification
from genesis.runners.replay import hide_where_same, replay_of_task
from genesis.scene.pictures import replay_of
from genesis_cli.notebook import compose
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")


def body(replay: Replay, name: str) -> int:
    return next(l for l, one in enumerate(replay.bodies) if one.name == name)


def take(replay: Replay, name: str):
    (found,) = (one for one in replay.takes if one.name == name)
    return found


def test_the_best_motion_with_where_it_began_and_what_it_aims_at() -> None:
    _, task = configured("task=throw")
    checked, initial = configured("task=throw")
    groups = groups_of(task)
    start = point(groups)
    move(groups, start + 1.0)
    made = replay_of_task(task, title="a throw", initial=initial, last=start + 2.0)
    trajectory = task.simulate()[0].trajectory
    ball = plain(trajectory.point(task.setting.robot, task.setting.robot.links[0].name)).detach().numpy()
    frames = np.rint(made.time / trajectory.dt).astype(int)
    assert frames[0] == 0 and frames[-1] == trajectory.horizon
    assert np.allclose(made.takes[0].pos[:, body(made, task.setting.robot.links[0].name)], ball[frames], atol=1e-12)
    assert [one.name for one in made.takes] == ["best", "first", "last"] and [one.ghost for one in made.takes] == [
        False,
        True,
        True,
    ]
    assert np.array_equal(point(groups), start + 1.0), "the best point is back"
    first = take(made, "first").pos[-1, 1] - take(made, "best").pos[-1, 1]
    last = take(made, "last").pos[-1, 1] - take(made, "best").pos[-1, 1]
    assert np.linalg.norm(first) > 0.1 and np.allclose(first, -last, atol=1e-9), (
        "no drag: a start velocity moves it in proportion"
    )
    (target,) = made.landmarks
    assert np.allclose(target.pos, task.goal.target.numpy()) and target.label == "target"
    assert np.allclose(made.polylines[0].points, ball[frames])
    assert made.polylines[1].take == "first" and np.allclose(made.polylines[1].points[0], ball[0])


def test_the_same_motion_is_no_ghost() -> None:
    _, task = configured("task=throw")
    made = replay_of_task(task, title="", initial=configured("task=throw")[1], last=point(groups_of(task)))
    assert [one.name for one in made.takes] == ["best"]


def test_a_ghost_is_not_drawn_where_the_main_take_stands() -> None:
    quat = np.tile([1.0, 0.0, 0.0, 0.0], (3, 2, 1))
    main = Take("best", np.zeros((3, 2, 3)), quat)
    ghost = Take("first", np.zeros((3, 2, 3)), quat.copy(), ghost=True)
    ghost.pos[1, 1, 0], ghost.quat[2, 1] = 0.1, [np.cos(0.05), np.sin(0.05), 0.0, 0.0]
    hide_where_same(ghost, main)
    assert np.isnan(ghost.pos).all(-1).tolist() == [[True, True], [True, False], [True, False]]
    ghost.pos, angle = np.zeros((3, 2, 3)), 3e-3  # more than is not seen
    ghost.quat[:] = [np.cos(angle / 2), np.sin(angle / 2), 0.0, 0.0]
    hide_where_same(ghost, main)
    assert np.isfinite(ghost.pos).all()
    ghost.quat[:] = -main.quat
    hide_where_same(ghost, main)
    assert np.isnan(ghost.pos).all(), "a quaternion and its opposite are one orientation"


def test_what_cannot_be_simulated_is_no_ghost(monkeypatch) -> None:
    _, task = configured("task=throw")
    _, initial = configured("task=throw")

    def diverges(without):
        raise DivergenceError("it diverged")

    monkeypatch.setattr(initial, "simulate", diverges)
    assert [one.name for one in replay_of_task(task, title="", initial=initial).takes] == ["best"]


def test_environments_stand_side_by_side() -> None:
    _, task = configured("task=balance")
    made = replay_of_task(task, title="")
    others = [one for one in made.takes if one.name.startswith("environment ")]
    assert [one.name for one in others] == [f"environment {k}" for k in range(1, 9)]
    places = np.array([made.takes[0].offset, *(one.offset for one in others)])
    assert made.title == ", 9 of 32 environments"
    alone = Replay("", made.time, made.bodies, made.takes[:1])
    low, high = alone.box()
    apart = np.abs(places[:, None] - places[None])[..., :2] >= (high - low)[:2]
    assert (apart.any(-1) | np.eye(len(places), dtype=bool)).all(), "no two overlap"
    trajectory = task.simulate()[0].trajectory
    pole = task.setting.robot.links[-1]
    assert np.allclose(others[2].pos[-1, 1 + pole.idx], trajectory.links_pos[-1, 3, pole.idx].detach().numpy(), atol=1e-12)


def test_a_configuration_to_reach_stands_still() -> None:
    _, task = configured("task=swing_up_double")
    made = replay_of_task(task, title="")
    target = take(made, "target")
    assert target.ghost and np.array_equal(target.pos[0], target.pos[-1], equal_nan=True)
    scene, goal = task.setting.scene, task.goal.target.reshape(-1)[: task.setting.scene.rigid_solver.model.nq]
    still = scene.trajectory(goal.expand(2, -1).clone(), torch.zeros(2, scene.rigid_solver.model.nv).double())
    assert np.allclose(target.pos[0, 1:], still.links_pos[0].numpy(), atol=1e-12)


def test_contact_forces_carry_the_weight() -> None:
    import genesis as gs

    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01))
    scene.add_entity(gs.morphs.Box(size=(0.2, 0.2, 0.2), pos=(0.0, 0.0, 0.1)))
    scene.add_entity(gs.morphs.Plane())
    scene.build(n_envs=2)
    made = replay_of(scene.rollout(torch.zeros(100, 2, scene.rigid_solver.model.nv).double()), env=1)
    (forces,) = made.arrows
    assert np.allclose(np.nansum(forces.vectors[-1], 0), [0.0, 0.0, 1.6 * 9.81], atol=1e-3)
    assert np.allclose(np.abs(forces.origins[-1][:, :2]), 0.1, atol=1e-6), "at the corners"
    assert np.isnan(forces.vectors[np.isnan(forces.origins)]).all()


def test_a_recording_against_its_simulation() -> None:
    made = compose("~parameter.dry_friction", "logging=quiet", command="sysid")
    problem = made.problem
    from genesis.sysid.residuals import of_windows

    first = of_windows(problem, 0.0).first()
    best = first.copy()
    best[0] += 0.1
    replay = replay_of_identification(problem, first, best, title="a pendulum")
    assert [one.name for one in replay.takes] == ["simulated", "measured", "simulated before"]
    recording = (problem.dataset.validation or problem.recordings)[0]
    assert replay.title == f"a pendulum, {recording.name}"
    rod = body(replay, "pendulum")
    (series,) = (recording.channels[name] for name, channel in problem.channels.items() if channel.kind == "joint_position")
    angle = np.interp(replay.time, series.time, series.values[:, 0])
    quat = take(replay, "measured").quat[:, rod]
    turned = 2.0 * np.arctan2(np.linalg.norm(quat[:, 1:], axis=1), quat[:, 0])
    assert np.allclose(np.cos(turned), np.cos(angle), atol=0.02), "smoothed"
    assert not np.allclose(take(replay, "simulated").quat, take(replay, "simulated before").quat, atol=1e-3)
    assert np.allclose(take(replay, "simulated").quat[0], take(replay, "measured").quat[0], atol=1e-6), "from a measured state"


def test_regions_of_constraints_are_drawn_where_they_are() -> None:
    _, task = configured(
        "task.horizon=4", "parameter.controls.count=4",
        "+constraint.box={kind: position, low: [0.2, -0.3, 0.2], high: [0.6, 0.3, 0.4]}",
        "+constraint.open={kind: position, low: [0.2, null, 0.2]}",
        "+constraint.wall={kind: half_space, normal: [0, 2, 0], distance: 0.4}",
        "+constraint.end={kind: pose, target_pos: [0.4, 0.1, 0.5], target_quat: [0, 1, 0, 0]}",
        "+constraint.seen={kind: half_space, normal: [0, 0, 1], relative_to: panda_link3}",
    )  # fmt: skip
    made = {one.name: one for one in replay_of_task(task, title="").landmarks if one.name.startswith("constraint ")}
    assert sorted(made) == ["constraint box", "constraint end", "constraint wall"], "what is open, or moves, is not drawn"
    ends = [one for one in replay_of_task(task, title="").landmarks if one.name == "constraint end"]
    assert [one.kind for one in ends] == ["sphere", "frame"] and all(np.allclose(one.pos, [0.4, 0.1, 0.5]) for one in ends)
    assert np.allclose(ends[1].quat, [0, 1, 0, 0])
    box, wall = made["constraint box"], made["constraint wall"]
    assert box.kind == "box" and np.allclose(box.pos, [0.4, 0.0, 0.3]) and np.allclose(box.size, [0.2, 0.3, 0.1])
    assert wall.kind == "box" and wall.pos[1] == pytest.approx(0.4) and wall.size[2] < 0.01 < wall.size[0]
    assert np.allclose(rotate(wall.quat, np.array([0.0, 0.0, 1.0])), [0.0, 1.0, 0.0])
