"""`genesis doctor`: what is installed, what works, what to do where it does not."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from genesis_cli import console
from genesis_cli.build import start_engine
from genesis_cli.errors import FAILED, OK
from genesis_cli.schema.run import Runtime


def examine(as_json: bool = False) -> int:
    """Print one line a check, or a document of JSON; the exit code is 1 if one failed."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("configs", _configs),
        ("outputs", _outputs),
        ("devices", _devices),
        ("gradient", _gradient),
    ]
    rows, failed = [], False
    for name, check in checks:
        try:
            rows.append((name, "ok", check()))
        except Exception as error:  # whatever is broken is what the doctor reports
            failed = True
            rows.append((name, "FAILED", f"{type(error).__name__}: {error}"))
    if as_json:
        console.document(
            {"ok": not failed, "checks": [{"check": n, "ok": word == "ok", "found": found} for n, word, found in rows]}
        )
    else:
        console.table("", ["check", "", "found"], rows)
    return FAILED if failed else OK


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise RuntimeError(f"Python {platform.python_version()}; needs 3.11 to 3.13 (wheels of taichi)")
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _packages() -> str:
    from genesis.runners.record import versions

    found = versions()
    missing = [name for name, version in found.items() if version == "not installed"]
    if missing:
        raise RuntimeError(f"not installed: {', '.join(missing)}; run pip install genesis-optimize")
    return ", ".join(f"{name} {version}" for name, version in found.items() if name != "python")


def _configs() -> str:
    from genesis_cli.compose import compose_config, options
    from genesis_cli.paths import config_dir
    from genesis_cli.validate import check

    for task in options("tasks"):
        check(compose_config("optimize", [f"tasks={task}"]))
    return f"{config_dir()}, {len(options('tasks'))} tasks compose"


def _outputs() -> str:
    folder = Path("outputs") if Path("outputs").is_dir() else Path.cwd()
    with tempfile.NamedTemporaryFile(dir=folder):
        return f"{folder.resolve()} can be written"


def _devices() -> str:
    import torch

    if not torch.cuda.is_available():
        return f"CPU ({torch.get_num_threads()} threads of torch); no CUDA device"
    return "CPU, " + ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _gradient() -> str:
    """A falling ball: height after T steps of semi-implicit Euler is h − g dt² T (T + 1) / 2 + v T dt, so dh/dv = T dt."""
    import torch

    from genesis.scene.morphs import Sphere
    from genesis.scene.options import SimOptions
    from genesis.scene.scene import Scene

    start_engine(Runtime())
    scene = Scene(sim_options=SimOptions(dt=0.01))
    ball = scene.add_entity(Sphere(radius=0.1, pos=(0.0, 0.0, 1.0)))
    scene.build()
    steps, dt, g = 10, 0.01, 9.81
    qvel = torch.zeros(6, dtype=torch.float64)
    qvel[2] = 2.0
    qvel.requires_grad_()
    trajectory = scene.rollout(torch.zeros(steps, 6, dtype=torch.float64), qvel=qvel)
    height = trajectory.qpos[-1][ball.q_start + 2]
    height.backward()
    expected = 1.0 + 2.0 * steps * dt - g * dt * dt * steps * (steps + 1) / 2
    error = max(abs(float(height.detach()) - expected), abs(float(qvel.grad[2]) - steps * dt))  # type: ignore[index]
    if not error < 1e-12:
        raise RuntimeError(f"a falling ball is wrong by {error:.1e}")
    return f"a falling ball and its gradient are exact to {error:.0e}"
