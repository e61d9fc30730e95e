"""Run folders written by hand: an arm with a ball joint that floats, two environments or none, and a policy."""

import json
from pathlib import Path

import numpy as np

from genesis.description.kinds import KINDS

JOINTS = (("base", "free"), ("shoulder", "ball"), ("elbow", "hinge"), ("rail", "slide"))
STEPS, DT = 5, 0.02


def motion(envs: int | None = None, control: str = "force", seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of a solution.npz."""
    rng = np.random.default_rng(seed)
    nq, nv = (sum(getattr(KINDS[kind], size) for _, kind in JOINTS) for size in ("nq", "nv"))
    axis = () if envs is None else (envs,)
    return {
        "time": DT * np.arange(STEPS + 1),
        "qpos": rng.normal(size=(STEPS + 1, *axis, nq)),
        "qvel": rng.normal(size=(STEPS + 1, *axis, nv)),
        "controls": rng.normal(size=(STEPS, *axis, nv)),
        "parameter/mass": np.array([1.5]),
        "joint_names": np.array([name for name, _ in JOINTS]),
        "joint_kinds": np.array([kind for _, kind in JOINTS]),
        "control_kind": np.array(control),
    }


def write_run(folder: Path, arrays: dict[str, np.ndarray], file: str = "solution.npz") -> Path:
    """A folder as a run leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text("robot: {}\n")
    result = {"status": "converged", "objective_best": 0.25, "metrics": {"miss_mm": 1.0}}
    (folder / "result.json").write_text(json.dumps(result))
    np.savez(folder / file, **arrays)  # type: ignore[arg-type]
    return folder
