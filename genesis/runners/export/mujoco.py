"""A run for MuJoCo: the model as MJCF, the motion with its controls, and a script that replays and compares them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError, ModelError
from genesis.runners.export.format import Exported, Format, left_out
from genesis.runners.files import write_bytes, write_npz
from genesis.runners.stored import Solution

SAME = 1e-9  # largest difference of single steps that rounding explains


def write(solution: Solution, target: Path, task: Callable[[], Any] | None) -> Exported:
    """Write model.xml with its meshes, motion.npz and replay.py, and replay the motion.

    Raises: InputError without a task, ModelError for a scene that MuJoCo does not have.
    """
    from genesis.episodes.task import EpisodeTask
    from genesis.runners.export.mujoco_episodes import write_episodes  # imports MuJoCo
    from genesis.runners.export.mujoco_replay import replay
    from genesis.scene.mujoco_model import mujoco_model
    from genesis.tasks.rollout import inputs_of

    if task is None:
        raise InputError("mujoco: needs the task of the run for its scene; use `genesis export`.")
    lost = left_out(solution, target)
    made = task()
    setting = made.setting
    forced = frozenset(np.flatnonzero(np.nan_to_num(solution.controls).reshape(-1, solution.controls.shape[-1]).any(0)).tolist())
    learns = isinstance(made, EpisodeTask)
    params = {} if learns else inputs_of(setting, made.parameters, policies=False).physical
    model = mujoco_model(setting.scene, solution.control_kind, params, forced)
    files = model.write(target)
    arrays = {
        "time": solution.time, "qpos": solution.qpos, "qvel": solution.qvel, "controls": solution.controls[..., model.driven],
        "joint_names": np.array(solution.joint_names), "substeps": np.array(setting.scene.substeps),
        "followers": np.array(model.followers).reshape(-1, 4), "reasons": np.array(model.reasons),
    }  # fmt: skip
    write_npz(target / "motion.npz", arrays)
    script = Path(__file__).with_name("mujoco_replay.py").read_bytes()
    write_bytes(target / "replay.py", script)
    try:
        found = replay(target)
    except ValueError as error:  # MuJoCo's word
        raise ModelError(f"{files[0]}: MuJoCo refuses the model: {' '.join(str(error).split())}") from error
    files += [target / "motion.npz", target / "replay.py"]
    if not learns:
        return Exported([target, *files], _said(found, model.reasons, lost))
    more, heard = write_episodes(solution, target, made, model)
    return Exported([target, *files, *more], [*_said(found, model.reasons, lost), *heard])


def _said(found: dict[str, float], reasons: list[str], lost: str) -> list[str]:
    import mujoco

    whole, single = f"{found['qpos']:.1e}", f"{found['step_qpos']:.1e}"
    said = [
        f"replayed in MuJoCo {mujoco.__version__}: the whole motion agrees to {whole} in qpos, single steps to {single}{lost}"
    ]
    if max(found["step_qpos"], found["step_qvel"]) > SAME:
        said += [f"not the same: {reason}" for reason in reasons or ["for no reason that is known; please report it"]]
    elif found["qpos"] > SAME:
        said.append("single steps are the same; along this motion rounding grows")
    return said


FORMAT = Format("mujoco", "mujoco", True, write)
