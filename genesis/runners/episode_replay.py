"""The replay of episodes: several of them side by side, of the policy without noise."""

from torch import Tensor

from genesis.replay.replay import Replay
from genesis.runners.replay import BLUE, FOUND, add_environments
from genesis.scene.pictures import bodies_of, frames_of, path_of, take_of
from genesis.setting import Setting

SHOWN = 4  # episodes


def replay_of_episodes(setting: Setting, qpos: Tensor, qvel: Tensor, *, title: str) -> Replay:
    """Of qpos (T+1, B, nq), qvel (T+1, B, nv)."""
    motions = [setting.scene.trajectory(qpos[:, k], qvel[:, k], kind=setting.control) for k in range(qpos.shape[1])]
    time = motions[0].time.detach().cpu().double().numpy()
    frames, frame = frames_of(time), setting.frame("robot.tool", None)
    made = Replay(title, time[frames], bodies_of(setting.scene.entities), [take_of(motions[0], FOUND, frames)])
    made.polylines.append(path_of(motions[0], setting.robot, frame, frames, f"path of {frame}", (*BLUE, 1.0)))
    add_environments(made, [(f"episode {k}", motion) for k, motion in enumerate(motions)][1:], frames)
    return made
