"""What is stored of a motion beside it: names and limits as the robot's file has them, forces as the simulation applies them."""

import numpy as np
import pytest
import torch

from genesis.runners.series import dof_arrays, series_arrays
from genesis.runners.simulate import simulate
from genesis.runners.solution import trajectory_arrays
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")


def test_degrees_of_freedom_of_an_arm() -> None:
    _, task = configured("task.horizon=4", "parameter.controls.count=4", "parameter.controls.bounds=[-5, 7]")
    found = dof_arrays(task)
    assert list(found["dof_names"]) == [f"panda_joint{k}" for k in range(1, 8)] and set(found["dof_kinds"]) == {"angle"}
    np.testing.assert_array_equal(found["dof_coordinates"], np.arange(7))
    np.testing.assert_allclose(found["limits/position"][3], [-3.0718, -0.0698])
    np.testing.assert_allclose(found["limits/velocity"][6], [-2.61, 2.61])
    np.testing.assert_allclose(found["limits/force"][0], [-87.0, 87.0])
    np.testing.assert_allclose(found["limits/controls"], np.tile([-5.0, 7.0], (7, 1)))
    assert found["controlled"].all()


def test_degrees_of_freedom_of_several_entities_on_a_free_base() -> None:
    _, task = configured("task=push", "task.horizon=20")
    found = dof_arrays(task)
    names = list(found["dof_names"])
    box = [k for k, name in enumerate(names) if name.startswith("box/")]
    assert len(box) == 6 and all("/" in name for name in names)
    assert [found["dof_kinds"][k] for k in box] == ["length"] * 3 + ["angle"] * 3
    places = found["dof_coordinates"][box]
    assert (places[:3] >= 0).all() and (places[3:] == -1).all(), "a quaternion has no coordinate for each"
    assert not found["controlled"][box].any() and np.isinf(found["limits/position"][box]).all()


def test_position_control_stores_what_the_controllers_ask_for() -> None:
    _, task = configured("task=trot", "task.horizon=3")
    with torch.no_grad():
        trajectory, _ = task.simulate()
    force = trajectory_arrays(task)["series/force"]
    np.testing.assert_array_equal(force, trajectory.controller_force.detach().numpy())
    assert force.shape == (3, 18) and np.abs(force[:, 6:]).max() > 1.0
    dofs = dof_arrays(task)
    kp = trajectory.trajectory.controls.detach().numpy()[0, 6:] - trajectory.qpos.detach().numpy()[0, 7:]
    assert np.corrcoef(kp, force[0, 6:])[0, 1] > 0.9, "at rest it is in proportion to the distance to the target"
    assert list(dofs["controlled"]) == [False] * 6 + [True] * 12


def test_what_was_left_out_is_not_a_number() -> None:
    _, task = configured("task=balance", "task.envs=3", "task.horizon=5")
    whole = trajectory_arrays(task)
    with torch.no_grad():
        trajectory, _ = task.simulate([1])
    part = series_arrays(task, trajectory, [1])["series/largest_angle_deg"]
    assert part.shape == (6, 3) and np.isnan(part[:, 1]).all()
    np.testing.assert_allclose(part[:, [0, 2]], whole["series/largest_angle_deg"][:, [0, 2]], rtol=1e-12)


def test_a_simulation_begins_at_zero_and_stores_the_same() -> None:
    _, task = configured("task=throw", "task.horizon=5")
    arrays = simulate(task).arrays
    np.testing.assert_allclose(arrays["time"], 0.01 * np.arange(6))
    np.testing.assert_array_equal(arrays["series/miss_mm"], trajectory_arrays(task)["series/miss_mm"])
    assert "limits/force" in arrays
