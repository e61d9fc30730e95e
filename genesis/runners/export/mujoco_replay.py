"""Replay a motion in MuJoCo and compare it with the run that it is of. Needs mujoco and numpy alone: python replay.py [--view]

model.xml is the model. motion.npz holds, with an axis of environments where the run has several: time (T+1,) [s], qpos (T+1, nq), qvel
(T+1, nv) and controls (T, nu), the control of each actuator of model.xml, held for `substeps` steps; joint_names in the order of qpos.
"""

import sys
from pathlib import Path

import mujoco
import numpy as np


class StoredMotion:
    """What lies in a folder: the model, the arrays, and where the run's numbers lie in MuJoCo's."""

    def __init__(self, folder: Path) -> None:
        self.model = mujoco.MjModel.from_xml_path(str(folder / "model.xml"))
        with np.load(folder / "motion.npz") as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}
        joints = [self.model.joint(str(name)) for name in self.arrays["joint_names"]]
        sizes = [{0: (7, 6), 1: (4, 3)}.get(int(joint.type[0]), (1, 1)) for joint in joints]
        self.q = [int(joint.qposadr[0]) + k for joint, (nq, _) in zip(joints, sizes) for k in range(nq)]  # noqa: B905
        self.v = [int(joint.dofadr[0]) + k for joint, (_, nv) in zip(joints, sizes) for k in range(nv)]  # noqa: B905
        self.substeps = int(self.arrays["substeps"])

    def names(self) -> tuple[list[str], list[str]]:
        """Of the numbers of the run's qpos and qvel: the joint's, "joint.k" where it has several."""
        made: tuple[list[str], list[str]] = ([], [])
        for name in map(str, self.arrays["joint_names"]):
            sizes = {0: (7, 6), 1: (4, 3)}.get(int(self.model.joint(name).type[0]), (1, 1))
            for labels, size in zip(made, sizes):  # noqa: B905
                labels += [name] if size == 1 else [f"{name}.{k}" for k in range(size)]
        return made

    def environments(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """qpos, qvel, controls of each environment that has a whole motion."""
        series = [self.arrays[name] for name in ("qpos", "qvel", "controls")]
        if series[0].ndim == 2:
            return [(series[0], series[1], series[2])]
        found = [(series[0][:, env], series[1][:, env], series[2][:, env]) for env in range(series[0].shape[1])]
        return [one for one in found if all(np.isfinite(x).all() for x in one)]

    def put(self, data: mujoco.MjData, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """The state of the run; joints that mimic another follow it."""
        data.qpos[self.q], data.qvel[self.v] = qpos, qvel
        for name, leader, multiplier, offset in self.arrays["followers"]:
            joint, other = self.model.joint(str(name)), self.model.joint(str(leader))
            data.qpos[joint.qposadr] = float(multiplier) * data.qpos[other.qposadr] + float(offset)
            data.qvel[joint.dofadr] = float(multiplier) * data.qvel[other.dofadr]

    def step(self, data: mujoco.MjData, control: np.ndarray) -> None:
        """One control, held for its steps."""
        data.ctrl[:] = control
        mujoco.mj_step(self.model, data, self.substeps)


def replay(folder: Path) -> dict[str, float]:
    """Largest differences of qpos [rad | m] and qvel [rad/s | m/s] over the whole motion, and of single steps from the run's own states."""
    motion = StoredMotion(folder)
    if not motion.environments():
        raise ValueError("no environment of the run has a whole motion: all have diverged")
    worst = {"qpos": 0.0, "qvel": 0.0, "step_qpos": 0.0, "step_qvel": 0.0}
    for qpos, qvel, controls in motion.environments():
        whole, single = mujoco.MjData(motion.model), mujoco.MjData(motion.model)
        motion.put(whole, qpos[0], qvel[0])
        for k, control in enumerate(controls):
            motion.put(single, qpos[k], qvel[k])
            for data, head in ((whole, ""), (single, "step_")):
                motion.step(data, control)
                for name, found, expected in (
                    ("qpos", data.qpos[motion.q], qpos[k + 1]),
                    ("qvel", data.qvel[motion.v], qvel[k + 1]),
                ):
                    error = float(np.abs(found - expected).max(initial=0.0))
                    worst[head + name] = max(worst[head + name], error) if np.isfinite(error) else float("inf")
    return worst


def view(folder: Path) -> None:
    """Show the first environment in MuJoCo's viewer, again and again, until it is closed."""
    import time

    import mujoco.viewer

    motion = StoredMotion(folder)
    qpos, qvel, controls = motion.environments()[0]
    data = mujoco.MjData(motion.model)
    with mujoco.viewer.launch_passive(motion.model, data) as window:
        while window.is_running():
            mujoco.mj_resetData(motion.model, data)
            motion.put(data, qpos[0], qvel[0])
            for control in controls:
                begun = time.perf_counter()
                motion.step(data, control)
                window.sync()
                time.sleep(max(0.0, motion.substeps * motion.model.opt.timestep - (time.perf_counter() - begun)))


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    found = replay(here)
    print(f"MuJoCo {mujoco.__version__}: the whole motion differs by {found['qpos']:.1e} in qpos, {found['qvel']:.1e} in qvel;")
    print(f"single steps from the states of the run by {found['step_qpos']:.1e} and {found['step_qvel']:.1e}.")
    with np.load(here / "motion.npz") as stored:
        for reason in stored["reasons"]:
            print(f"not the same: {reason}.")
    if "--view" in sys.argv[1:]:
        view(here)
