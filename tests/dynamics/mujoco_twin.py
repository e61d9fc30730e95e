"""The same robot in MuJoCo, without contacts and joint limits: accelerations, rollouts and derivatives to compare with."""

from pathlib import Path

import mujoco
import numpy as np


def load(file: Path, integrator: str | None = None, implicit_damping: bool | None = None) -> mujoco.MjModel:
    """A model of smooth motion only; with the integrator of the file, or the one asked for."""
    model, flag = mujoco.MjModel.from_xml_path(str(file)), mujoco.mjtDisableBit
    model.opt.disableflags |= flag.mjDSBL_CONTACT | flag.mjDSBL_LIMIT
    if integrator is not None:
        model.opt.integrator = getattr(mujoco.mjtIntegrator, f"mjINT_{integrator.upper()}")
    if implicit_damping is False:
        model.opt.disableflags |= flag.mjDSBL_EULERDAMP
    return model


class Driver:
    """Controls, joint forces (nv) and wrenches (nlink, 6) at the link origins, put on anew at every evaluation of the dynamics.

    MuJoCo's wrenches act at the centres of mass, which move between the stages of a Runge-Kutta step.
    """

    def __init__(self, ctrl, applied, wrench) -> None:
        self.ctrl, self.applied, self.wrench = ctrl, applied, wrench

    def __enter__(self) -> "Driver":
        mujoco.set_mjcb_control(self.put)
        return self

    def __exit__(self, *_) -> None:
        mujoco.set_mjcb_control(None)

    def at(self, k: int) -> None:
        self.k = k

    def put(self, _, data: mujoco.MjData) -> None:
        data.ctrl[:] = self.ctrl[self.k]
        if self.applied is not None:
            data.qfrc_applied[:] = self.applied[self.k]
        if self.wrench is not None:
            force, torque = self.wrench[self.k, :, :3], self.wrench[self.k, :, 3:]
            data.xfrc_applied[1:, :3] = force
            data.xfrc_applied[1:, 3:] = torque + np.cross(data.xpos[1:] - data.xipos[1:], force)


def accelerations(model: mujoco.MjModel, qpos, qvel, ctrl, applied=None, wrench=None) -> np.ndarray:
    """qacc (S, nv) at states (S, ...)."""
    data, found = mujoco.MjData(model), []
    with Driver(ctrl, applied, wrench) as driver:
        for k in range(len(qpos)):
            data.qpos[:], data.qvel[:] = qpos[k], qvel[k]
            driver.at(k)
            mujoco.mj_forward(model, data)
            found.append(data.qacc.copy())
    return np.array(found)


def rollout(model: mujoco.MjModel, qpos, qvel, ctrl, applied=None, wrench=None) -> tuple[np.ndarray, np.ndarray]:
    """qpos (T + 1, nq), qvel (T + 1, nv)."""
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    q, v = [data.qpos.copy()], [data.qvel.copy()]
    with Driver(ctrl, applied, wrench) as driver:
        for k in range(len(ctrl)):
            driver.at(k)
            mujoco.mj_step(model, data)
            q.append(data.qpos.copy())
            v.append(data.qvel.copy())
    return np.array(q), np.array(v)
