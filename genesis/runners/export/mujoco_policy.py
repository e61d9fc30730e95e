"""Run an exported policy in MuJoCo from many starts, and compare it with the engine. python policy.py [POLICY] [--view]

Needs mujoco, numpy, and torch for a POLICY.pt (the default is policy.pt beside) or onnxruntime for a POLICY.onnx. model.xml is the model,
policy.pt.json says what is observed, done, rewarded, and what ends an episode. episodes.npz holds qpos (B, nq) and qvel (B, nv) of the
starts, target/NAME (T+1, B, ·) what is asked, rest (nu,) the controls of joints that no action drives, columns (m,) those of actions, and
what the engine got: returns and steps (B,).
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

if __package__:
    from genesis.runners.export.mujoco_replay import StoredMotion
else:  # in the folder of an export
    from replay import StoredMotion  # type: ignore[no-redef]

Act = Callable[[np.ndarray], np.ndarray]


class Moment:
    """An instant of MuJoCo's robot as terms look at it: q (nq,), v (nv,) by name; action, before (m,); targets by name."""

    def __init__(self, motion: StoredMotion, data: mujoco.MjData) -> None:
        self.model, self.data = motion.model, data
        for stage in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_comVel):
            stage(self.model, data)
        self.names = motion.names()
        self.qpos, self.qvel = data.qpos[motion.q], data.qvel[motion.v]
        self.action = self.before = np.zeros(0)
        self.targets: dict[str, np.ndarray] = {}

    def q(self, names: list[str]) -> np.ndarray:
        """Coordinates [rad | m]."""
        return self.qpos[[self.names[0].index(name) for name in names]]

    def v(self, names: list[str]) -> np.ndarray:
        """Velocities [rad/s | m/s]."""
        return self.qvel[[self.names[1].index(name) for name in names]]

    def turn(self, body: str) -> np.ndarray:
        """Axes of a body in the world, as columns."""
        return np.array(self.data.body(body).xmat).reshape(3, 3)

    def at(self, body: str) -> np.ndarray:
        """Origin of a body [m]."""
        return np.array(self.data.body(body).xpos)

    def moving(self, body: str) -> tuple[np.ndarray, np.ndarray]:
        """Velocity of a body's origin [m/s] and angular velocity [rad/s] in the axes of the world."""
        found = np.zeros(6)
        mujoco.mj_objectVelocity(self.model, self.data, mujoco.mjtObj.mjOBJ_XBODY, self.model.body(body).id, found, 0)
        return found[3:], found[:3]

    def away(self, term: dict[str, Any]) -> np.ndarray:
        """From a point of a body to that of a target [m]."""
        point = term["point"]
        return self.targets[term["target"]] - self.at(point["body"]) - self.turn(point["body"]) @ np.array(point["at"])


def observe(term: dict[str, Any], now: Moment) -> np.ndarray:
    """The numbers of one term of an observation."""
    kind = term["kind"]
    if kind == "joint_position":
        angles = now.q(term.get("angles", []))
        return np.concatenate([now.q(term["coordinates"]), np.sin(angles), np.cos(angles)])
    if kind == "joint_velocity":
        return now.v(term["velocities"])
    if kind == "height":
        return now.at(term["body"])[2:]
    if kind == "last_action":
        return now.action
    if kind == "target":
        return now.targets[term["target"]]
    if kind == "to_target":
        return now.turn(term["body"]).T @ now.away(term) if "body" in term else now.away(term)
    turn = now.turn(term["body"])
    found = {
        "up": lambda: turn[2],
        "ahead": lambda: turn[:, 0],
        "linear_velocity": lambda: turn.T @ now.moving(term["body"])[0],
        "angular_velocity": lambda: turn.T @ now.moving(term["body"])[1],
    }[kind]()
    return found[["xyz".index(axis) for axis in term.get("axes", "xyz")]]


def reward(term: dict[str, Any], now: Moment) -> float:
    """One reward, without its weight."""
    kind = term["kind"]
    if kind == "alive":
        return 1.0
    if kind == "action_size":
        return float(now.action @ now.action)
    if kind == "action_change":
        return float(((now.action - now.before) ** 2).sum())
    if kind == "joint_distance":
        off = now.q(term["coordinates"]) - np.array(term["target"])
        return float((2.0 * (1.0 - np.cos(off))).sum() if term.get("turning") else off @ off)
    if kind == "joint_speed":
        rates = now.v(term["velocities"])
        return float(rates @ rates)
    if kind == "target_distance":
        way = now.away(term)
        return float(np.sqrt(way @ way + 1e-12) if "width" not in term else 1.0 - np.exp(-(way @ way) / term["width"] ** 2))
    body = term["body"]
    turn, (speed, rates) = now.turn(body), now.moving(body)
    if kind == "speed":
        return float(min(speed @ np.array(term["direction"]), term.get("most", math.inf)))
    if kind == "height":
        above = float(now.at(body)[2]) - term.get("least", 0.0)
        above = min(above, term.get("most", math.inf) - term.get("least", 0.0))
        steep = term.get("steep", 0.0)
        return -steep * above * above if above < 0.0 and steep else above
    if kind == "upright":
        return float(turn[2, 2])
    if kind == "heading":
        return float(turn[0, 0])
    if kind == "angular_speed":
        about = (turn.T @ rates)[["xyz".index(axis) for axis in term.get("axes", "xyz")]]
        return float(about @ about)
    if kind == "velocity_tracking":
        asked = now.targets[term["target"]]
        off = (turn.T @ rates)[2:] - asked[2:3] if term.get("turn") else (turn.T @ speed)[:2] - asked[:2]
        return float(np.exp(-(off @ off) / term.get("width", 0.5) ** 2))
    raise ValueError(f"policy.py knows no reward {kind}; give its value here")


def ends(term: dict[str, Any], now: Moment) -> bool:
    """Whether something ends the episode."""
    kind = term["kind"]
    if kind == "height":
        z = now.at(term["body"])[2]
        return bool(z < term.get("least", -math.inf) or z > term.get("most", math.inf))
    if kind == "tilt":
        return bool(now.turn(term["body"])[2, 2] < math.cos(math.radians(term["most"])))
    if kind == "joint_range":
        q = now.q(term["coordinates"])
        low, high = ([side if x is None else x for x in term[name]] for name, side in (("low", -math.inf), ("high", math.inf)))
        return bool(((q < low) | (q > high)).any())
    if kind == "joint_speed":
        return bool((np.abs(now.v(term["velocities"])) > term["most"]).any())
    raise ValueError(f"policy.py knows nothing of kind {kind} that ends an episode; say it here")


class Runner:
    """The policy in MuJoCo. folder: of the export; act: observation (1, n) -> action (1, m)."""

    def __init__(self, folder: Path, act: Act) -> None:
        self.motion, self.act = StoredMotion(folder), act
        self.spec = json.loads((folder / "policy.pt.json").read_text())
        with np.load(folder / "episodes.npz") as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}
        self.middle, self.scale = (np.array([one[name] for one in self.spec["action"]]) for name in ("middle", "scale"))

    def observation(self, now: Moment) -> np.ndarray:
        """(n,), in the order of the specification."""
        return np.concatenate([observe(term, now) for term in self.spec["terms"]["observe"].values()])

    def episode(self, env: int, seen: Callable[[mujoco.MjData], None] = lambda data: None) -> tuple[float, int]:
        """Return and steps of the episode from one start; seen: is shown every step."""
        data, total, terms = mujoco.MjData(self.motion.model), 0.0, self.spec["terms"]
        self.motion.put(data, self.arrays["qpos"][env], self.arrays["qvel"][env])
        action = np.zeros(len(self.scale))
        for step in range(self.spec["horizon"]):
            now = self._now(data, env, step, action, action)
            before, action = action, self.act(self.observation(now)[None])[0]
            control = self.arrays["rest"].copy()
            control[self.arrays["columns"]] = self.middle + self.scale * action
            self.motion.step(data, control)
            seen(data)
            if data.warning[mujoco.mjtWarning.mjWARN_BADQACC].number or not np.isfinite(data.qpos).all():
                return total, step  # it diverged
            now = self._now(data, env, step + 1, action, before)
            total += sum(term.get("weight", 1.0) * reward(term, now) for term in terms["reward"].values())
            if any(ends(term, now) for term in terms["ends"].values()):
                return total, step + 1
        return total, self.spec["horizon"]

    def _now(self, data: mujoco.MjData, env: int, step: int, action: np.ndarray, before: np.ndarray) -> Moment:
        now = Moment(self.motion, data)
        now.action, now.before = action, before
        now.targets = {name: self.arrays[f"target/{name}"][step, env] for name in self.spec["terms"]["target"]}
        return now

    def compared(self) -> dict[str, float]:
        """Mean return and share of whole episodes [%] here and in the engine, and the return here over that there [%]."""
        found = [self.episode(env) for env in range(len(self.arrays["qpos"]))]
        returns, steps = np.array([one[0] for one in found]), np.array([one[1] for one in found])
        there, whole = float(self.arrays["returns"].mean()), self.spec["horizon"]
        return {
            "starts": len(found), "return": float(returns.mean()), "engine": there,
            "survived": 100.0 * float((steps == whole).mean()), "engine_survived": 100.0 * float((self.arrays["steps"] == whole).mean()),
            "share": 100.0 * float(returns.mean()) / there if there > 0.0 else math.nan,
        }  # fmt: skip


def said(found: dict[str, float]) -> str:
    """In words."""
    share = "" if math.isnan(found["share"]) else f": {found['share']:.1f} %"
    return (
        f"policy in MuJoCo {mujoco.__version__}, {found['starts']} starts: return {found['return']:.4g} (engine {found['engine']:.4g}){share}; "
        f"whole episodes {found['survived']:.0f} % (engine {found['engine_survived']:.0f} %)"
    )


def policy(file: Path) -> Act:
    """What a policy.pt or policy.onnx gives for observations (N, n): actions (N, m)."""
    if file.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        kind = {"tensor(double)": np.float64}.get(session.get_inputs()[0].type, np.float32)
        return lambda seen: session.run(["action"], {"observation": seen.astype(kind)})[0].astype(np.float64)
    import torch

    module = torch.jit.load(str(file))
    dtype = next(iter(module.buffers())).dtype
    return lambda seen: module(torch.from_numpy(seen).to(dtype))[0].double().numpy()


def view(runner: Runner) -> None:
    """Show the first episode in MuJoCo's viewer, again and again, until it is closed."""
    import time

    import mujoco.viewer

    shown = mujoco.MjData(runner.motion.model)
    with mujoco.viewer.launch_passive(runner.motion.model, shown) as window:

        def show(data: mujoco.MjData) -> None:
            shown.qpos[:], shown.qvel[:] = data.qpos, data.qvel
            mujoco.mj_forward(runner.motion.model, shown)
            window.sync()
            time.sleep(runner.spec["dt"])

        while window.is_running():
            runner.episode(0, show)


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    files = [Path(word) for word in sys.argv[1:] if word != "--view"]
    runner = Runner(here, policy(files[0] if files else here / "policy.pt"))
    print(said(runner.compared()))
    with np.load(here / "motion.npz") as stored:
        for reason in stored["reasons"]:
            print(f"not the same: {reason}.")
    if "--view" in sys.argv[1:]:
        view(runner)
