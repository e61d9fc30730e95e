"""Run folders made by hand: two joints, of which one leaves its range and the other its velocity limit; numbers that can be told apart."""

import json
from pathlib import Path
from typing import Any

import numpy as np

TIME = 0.1 * np.arange(11)
CONFIG = """\
robot: {kind: urdf, name: arm, file: /robots/arm.urdf}
scene: {dt: 0.1, collision: false, entities: {}}
task: {kind: reach, horizon: 10, control: force, envs: 0}
parameter:
  controls: {kind: hold, learn: true, bounds: limits, init: '${loss.effort.target}', scale: 1.0}
loss:
  position: {kind: position, weight: 10.0}
  effort: {kind: control_effort, weight: 0.5}
optimizer: {kind: adam, lr: 0.1}
scheduler: {kind: constant}
stop: {iterations: 40, seconds: null, when_converged: true, patience: null}
runtime: {backend: cpu, precision: '64', seed: 3}
logging: {replay: false}
"""


def line(k: int, objective: float, **more: Any) -> str:
    """One of metrics.jsonl."""
    content = {
        "iteration": k, "objective": objective, "terms": {"position": 0.75 * objective, "effort": 0.25 * objective},
        "metrics": {"position_error_mm": 100.0 * objective, "final_speed": 0.5}, "gradient_norm": {"controls": 10.0 * objective},
        "learning_rate": {"controls": 0.1}, "seconds": {"total": 0.1 * k}, "evaluations": k + 1,
    }  # fmt: skip
    return json.dumps(content | more)


def arrays(**more: np.ndarray) -> dict[str, np.ndarray]:
    """Of solution.npz: the elbow is 0.25 rad beyond its range at 0.4 s, the slide at 3 m/s of 2 allowed at 0.7 s."""
    qpos, qvel, controls = np.zeros((11, 2)), np.zeros((11, 2)), np.zeros((10, 2))
    qpos[4, 0], qvel[7, 1], controls[2, 0] = 1.25, -3.0, 4.0
    inf = np.inf
    return {
        "time": TIME, "qpos": qpos, "qvel": qvel, "controls": controls, "control_kind": np.array("force"),
        "dof_names": np.array(["elbow", "slide"]), "dof_kinds": np.array(["angle", "length"]), "dof_coordinates": np.array([0, 1]),
        "controlled": np.array([True, True]), "limits/position": np.array([[-1.0, 1.0], [-inf, inf]]),
        "limits/velocity": np.array([[-inf, inf], [-2.0, 2.0]]), "limits/force": np.array([[-8.0, 8.0], [-inf, inf]]),
        "limits/controls": np.array([[-5.0, 5.0], [-inf, inf]]), "series/position_error_mm": np.linspace(300.0, 12.5, 11),
        "growth/first": np.linspace(0.0, 2.0, 11), "parameter/controls": controls, "leaf/controls/0": controls,
    } | more  # fmt: skip


def result(**more: Any) -> dict[str, Any]:
    """Of result.json: still falling when the iterations were used up."""
    return {
        "status": "not_converged", "reason": "the 40 iterations are used up", "iterations": 40, "objective_first": 4.0,
        "objective_best": 0.125, "objective_last": 0.125, "best_iteration": 5,
        "metrics": {"position_error_mm": 12.5, "final_speed": 0.03}, "tolerances": {"position_error_mm": 1.0, "final_speed": 0.05},
        "seconds": {"engine": 1.0, "build": 2.0, "loop": 3.5, "forward": 1.5}, "seed": 3, "evaluations": 48,
        "divergences": {"failed_evaluations": 2, "iterations": 0, "environments": {}}, "versions": {"python": "3.11.7"},
        "growth": {"first": {"log10_largest": 2.0, "log10_end": 2.0, "log10_noise": 8.0, "noise_step": None, "noise_time": None}},
    } | more  # fmt: skip


def run_folder(
    folder: Path,
    told: dict[str, Any] | None = None,
    lines: list[str] | None = None,
    stored: dict[str, np.ndarray] | None = None,
    config: str = CONFIG,
) -> Path:
    """A folder as `genesis optimize task=reach stop.iterations=40` leaves it."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.pt").write_bytes(b"0")
    (folder / "config.yaml").write_text(config)
    (folder / ".hydra" / "overrides.yaml").write_text("- tasks=reach\n- stop.iterations=40\n- 'robot.name=an arm'\n")
    (folder / ".hydra" / "hydra.yaml").write_text(
        "hydra: {job: {config_name: optimize}, runtime: {choices: {tasks: reach, optimizers: adam, robots: arm}, "
        "config_sources: [{path: /mine, schema: file, provider: command-line}]}}\n"
    )
    halving = [line(k, 4.0 / 2**k) for k in range(6)]
    (folder / "metrics.jsonl").write_text("\n".join(halving if lines is None else lines) + "\n")
    (folder / "result.json").write_text(json.dumps(result() if told is None else told))
    np.savez(folder / "solution.npz", **(arrays() if stored is None else stored))  # type: ignore[arg-type]
    return folder
