"""Copies of states, what cannot be copied, and what is printed of scenes, trajectories and states."""

import copy
import dataclasses
import io
import pickle

import pytest
import torch

import genesis as gs
from genesis.errors import InputError, StateError
from genesis.grad.tensor import plain


def test_copies_of_a_state_are_plain_data(gantry):
    """Copied with the scene, stored without it, and taken back by the scene; a tape goes nowhere."""
    scene, robot = gantry
    scene.reset()
    robot.control_dofs_force(torch.ones(robot.n_dofs, dtype=torch.float64, requires_grad=True))
    scene.step()
    state, buffer = scene.get_state(), io.BytesIO()
    assert state.rigid.qpos.requires_grad
    torch.save(state, buffer)
    buffer.seek(0)
    for twin, owner in ((copy.deepcopy(state), scene), (pickle.loads(pickle.dumps(state)), None), (torch.load(buffer), None)):
        assert twin.scene is owner and twin.s_global == 1 and not twin.rigid.qpos.requires_grad
        assert type(twin.rigid.qpos) is gs.Tensor and torch.equal(plain(twin.rigid.qpos), plain(state.rigid.qpos))
        scene.reset()
        scene.reset(twin.detach())
        assert scene.t == 1 and torch.equal(plain(robot.get_dofs_velocity()), plain(state.rigid.dofs_vel))
    assert copy.deepcopy(state).rigid.qpos.data_ptr() != state.rigid.qpos.data_ptr()
    with pytest.raises(InputError, match="shape"):
        scene.reset(dataclasses.replace(twin, solvers_state=[dataclasses.replace(twin.rigid, qpos=twin.rigid.qpos[:-1])]))


def test_what_holds_kernels_cannot_be_copied_and_says_so(gantry):
    scene, _ = gantry
    trajectory = scene.rollout(torch.zeros(2, scene.rigid_solver.model.nv, dtype=torch.float64))
    for thing, advice in ((scene, "scene.save_checkpoint"), (trajectory, "trajectory.qpos")):
        for call in (copy.deepcopy, pickle.dumps):
            with pytest.raises(StateError, match=advice):
                call(thing)


def test_what_is_printed_is_one_short_line(arms):
    scene, robot = arms
    trajectory = scene.rollout(torch.zeros(3, robot.n_dofs, dtype=torch.float64))
    scene.reset()
    dofs, envs = f"{robot.n_dofs} degrees of freedom", f"{scene.n_envs} environments"
    assert str(scene) == f"Scene {scene.uid}"
    assert repr(scene) == f"<{scene}: 1 entity ({robot.name}), {dofs}, {envs}, dt {scene.dt:g} s, step 0>"
    assert repr(trajectory) == f"<Trajectory of {scene}: 3 steps of {scene.dt:g} s, {dofs}, {envs}>"
    told = repr(scene.get_state())
    assert told.startswith(f"<SimState of {scene} at step 0: qpos ({scene.n_envs}, ") and len(told) < 200
    assert repr(robot.get_state()).startswith(f"<RigidEntityState of {robot} at step 0: pos ")
    assert repr(gs.Scene()).endswith(": 0 entities, not built>")
