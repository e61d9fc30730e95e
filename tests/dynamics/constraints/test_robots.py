"""MJCF robots with stored MuJoCo values, limits and contacts on: points, rollouts without contact, and with it."""

from functools import lru_cache
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest
from tests.dynamics.constraints.scenes import EXACT, exact, physics_of
from tests.dynamics.test_mujoco import relative, report
from tests.oracles import mujoco_cases, mujoco_oracle

POINT, FREE, TOUCHING = 1e-8, 1e-6, 1e-5
TOUCHING_STEPS = 50


class Robot:
    """One MJCF file here and in MuJoCo, with contacts or without, and its stored values."""

    def __init__(self, folder: Path, name: str, contacts: bool) -> None:
        file = folder / "mjcf" / f"{name}.xml"
        description = read_mjcf(file)
        request = ConstraintRequest(contact="mujoco", tolerance=EXACT, enable_collision=contacts)
        self.oracle, self.twin = mujoco_oracle(folder, name), exact(mujoco.MjModel.from_xml_path(str(file)))
        self.model = compile_model([Placed(description, name)], description.gravity, request)
        self.dt, self.integrator, self.damped = description.timestep, description.integrator, description.implicit_damping

    def run(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """(errors of the stored rollout relative to its largest numbers (T + 1,), contacts in MuJoCo at every step)."""
        physics = physics_of(self.model, self.dt, integrator=self.integrator, implicit_damping=self.damped)
        expected_q, expected_v, ctrl = (self.oracle[f"roll_{kind}_{x}"] for x in ("qpos", "qvel", "ctrl"))
        dof_ctrl = torch.zeros(len(ctrl), 1, self.model.nv, dtype=torch.float64)
        start = torch.tensor(expected_q[:1]), torch.tensor(expected_v[:1])
        q, v, _ = physics.rollout(physics.pack(), *start, dof_ctrl, torch.tensor(ctrl)[:, None] if self.model.nu else None)
        errors = [np.abs(x[:, 0].numpy() - y).max(1) / np.abs(y).max() for x, y in ((q, expected_q), (v, expected_v))]
        data, count = mujoco.MjData(self.twin), np.zeros(len(expected_q), int)
        for t, (qpos, qvel) in enumerate(zip(expected_q, expected_v, strict=True)):
            data.qpos[:], data.qvel[:] = qpos, qvel
            mujoco.mj_forward(self.twin, data)
            count[t] = data.ncon
        return np.maximum(*errors), count


@lru_cache(maxsize=2)
def robot(folder: Path, name: str, contacts: bool) -> Robot:
    return Robot(folder, name, contacts)


@mujoco_cases
def test_accelerations_with_limits(engine, folder, name):
    """The stored accelerations, all of them, where test_mujoco.py leaves out those that touch a limit."""
    r = robot(folder, name, False)
    physics = physics_of(r.model, r.dt, implicit_damping=False)
    q, v, ctrl = (torch.tensor(r.oracle[x]) for x in ("qpos", "qvel", "ctrl"))
    qacc = physics.step(physics.pack(), q, v, torch.zeros_like(v), ctrl if r.model.nu else None)[2]
    error = max(relative(a, b) for a, b in zip(qacc, r.oracle["qacc"], strict=True))
    assert report(name, "acceleration with limits", error) <= POINT


@mujoco_cases
def test_rollouts_with_limits(engine, folder, name):
    r = robot(folder, name, False)
    if "roll_nocontact_qpos" not in r.oracle:
        pytest.skip("no stored rollout")
    errors, _ = r.run("nocontact")
    assert report(name, f"300 steps with limits, {r.integrator}", errors.max()) <= FREE


@mujoco_cases
def test_rollouts_with_contact(engine, folder, name):
    """To the end of the first 50 steps that have a contact; the stored values carry the tolerance of MuJoCo's solver."""
    r = robot(folder, name, True)
    if "roll_contact_qpos" not in r.oracle:
        pytest.skip("no stored rollout")
    errors, contacts = r.run("contact")
    touching = np.flatnonzero(contacts)
    end = int(touching[TOUCHING_STEPS - 1]) + 1 if len(touching) >= TOUCHING_STEPS else len(errors) - 1
    note = f"{r.integrator}, {end} steps, {min(len(touching), TOUCHING_STEPS)} with contact, up to {contacts.max()}; 300: {errors.max():.0e}"
    assert report(name, "with contact", errors[: end + 1].max(), note) <= TOUCHING
