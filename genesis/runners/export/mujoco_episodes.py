"""What lies beside an exported scene where a policy of episodes was learned: the policy, starts, and a script that runs it in MuJoCo."""

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.grad.tensor import plain
from genesis.runners.export import torchscript
from genesis.runners.export.mujoco_policy import Runner, policy, said
from genesis.runners.files import write_bytes, write_npz
from genesis.runners.stored import SOLUTION, Solution
from genesis.runners.training import TrainingProblem
from genesis.scene.mujoco_model import MujocoModel

STARTS = 16  # episodes that are compared
OWN = "user"  # kind of terms that are functions of the user


def write_episodes(solution: Solution, target: Path, task: Any, model: MujocoModel) -> tuple[list[Path], list[str]]:
    """policy.pt with its specification, episodes.npz and policy.py into the folder; files, and what is to be said of them.

    The engine's episodes and MuJoCo's begin at the same starts, without noise of sensors, pushes and variations of the robot, and ask the
    same.
    """
    written = torchscript.write(solution, target / "policy.pt", None)
    own = [
        f"task.{group}.{name}"
        for group in ("reward", "ends")
        for name, node in task.episodes.nodes[group].items()
        if node["kind"] == OWN
    ]
    if own:
        return written.files, [
            f"no policy.py: {', '.join(own)} is a function of your own, which MuJoCo's episodes cannot be judged by"
        ]
    arrays = engine_episodes(solution, task, model)
    write_npz(target / "episodes.npz", arrays)
    script = Path(__file__).with_name("mujoco_policy.py").read_bytes()
    write_bytes(target / "policy.py", script)
    with torch.no_grad():
        found = Runner(target, policy(target / "policy.pt")).compared()
    return [*written.files, target / "episodes.npz", target / "policy.py"], [said(found)]


def engine_episodes(solution: Solution, task: Any, model: MujocoModel, count: int = STARTS) -> dict[str, np.ndarray]:
    """Starts, what is asked, and what the engine gets; see `mujoco_policy`."""
    from genesis.runners.episode_arrays import restore

    problem = TrainingProblem(task)
    restore(problem, solution.folder / SOLUTION)
    problem.episodes = copy(task.episodes)
    problem.episodes.variations, problem.episodes.pushes, problem.episodes.noise = [], [], None
    found = problem.test(count)
    dofs = task.episodes.actions.dofs.tolist()
    arrays = {"qpos": found.qpos[0], "qvel": found.qvel[0], "returns": found.returns, "steps": found.lengths}
    arrays |= {f"target/{name}": value for name, value in found.targets.items()}
    made = {name: plain(value).cpu().numpy() for name, value in arrays.items()}
    rest = plain(found.controls)[0, 0].double().cpu().numpy()[model.driven]
    return {**made, "rest": rest, "columns": np.array([model.driven.index(dof) for dof in dofs])}
