"""How fast are A and B of many states, against MuJoCo's finite differences of the same steps, in the same run?

    python benchmarks/linearization.py            (about two minutes, and once two minutes of compilation)

Float64, one thread of torch. T = 100 states along a rollout, u: joint forces; MuJoCo: `mjd_transitionFD`, eps 1e-6, forward and central. Once
as along a rollout, whose accelerations are known, once at states alone. Before it is timed each is compared with MuJoCo's central differences.
"""

from collections.abc import Callable

import mujoco
import numpy as np
import torch
from measure import in_turns, machine, models_folder, table
from rollout_speed import HORIZON, STANDING, Workload, mujoco_model

import genesis as gs

WORKLOADS = (
    Workload("cartpole", 0.002, (0.0, 0.3), 0.1),
    Workload("panda7", 0.002, (0.0, -0.5, 0.0, -1.8, 0.0, 1.4, 0.7), 0.1),
    Workload("hopper", 0.002, (0.0, 1.245, 0.0, 0.0, 0.0, 0.0), 0.1, touching=True),
    Workload("ant", 0.002, (0.0, 0.0, 0.55, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0), 0.1, touching=True),
    Workload("go2", 0.002, STANDING, 0.1, touching=True),
)
NEAR = 1e-4  # of the largest entry; MuJoCo's solver stops at its own tolerance


def scene_of(path: str, work: Workload) -> gs.Scene:
    """Both engines with MuJoCo's law."""
    options = gs.options.RigidOptions(
        enable_collision=work.touching, enable_joint_limit=work.touching, contact="mujoco", integrator="Euler"
    )
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=work.dt), rigid_options=options)
    scene.add_entity(gs.morphs.MJCF(file=path))
    scene.build()
    return scene


def differences(model: mujoco.MjModel, q: np.ndarray, v: np.ndarray, u: np.ndarray, central: bool) -> Callable[[], np.ndarray]:
    """A of every state, (T, 2nv, 2nv)."""
    data, size = mujoco.MjData(model), 2 * model.nv
    a, b = np.zeros((len(q), size, size)), np.zeros((size, model.nu))

    def run() -> np.ndarray:
        for t in range(len(q)):
            data.qpos[:], data.qvel[:], data.qfrc_applied[:] = q[t], v[t], u[t]
            mujoco.mjd_transitionFD(model, data, 1e-6, int(central), a[t], b if model.nu else None, None, None)
        return a

    return run


def measure(work: Workload) -> list[str]:
    path = str(models_folder() / f"{work.name}.xml")
    scene, model = scene_of(path, work), mujoco_model(path, work)
    nv, generator = model.nv, torch.Generator().manual_seed(0)
    u = work.scale * torch.randn(HORIZON, nv, dtype=torch.float64, generator=generator)
    run = scene.rollout(u, qpos=np.array(work.q0), qvel=np.zeros(nv))
    q, v = run.qpos[:-1].detach().clone(), run.qvel[:-1].detach().clone()
    arrays = [np.ascontiguousarray(x.sceneless().numpy()) for x in (q, v)] + [u.numpy()]
    forward, central = (differences(model, *arrays, way) for way in (False, True))
    expected, found = central(), run.linearization().state.sceneless().numpy()
    error = np.abs(found - expected).max((1, 2)) / np.abs(expected).max((1, 2))
    if np.median(error) > NEAR:
        raise SystemExit(f"{work.name}: A is off by {np.median(error):.1e} of its largest entry")
    seconds = in_turns(run.linearization, lambda: scene.linearize(q, v, u), forward, central)
    along, alone, once, twice = (1e6 * x / HORIZON for x in seconds)
    name = work.name + (" with contact" if work.touching else "")
    return [
        name, str(nv), f"{along:.1f}", f"{alone:.1f}", f"{once:.1f}", f"{twice:.1f}", f"{once / along:.1f}×", f"{twice / along:.1f}×",
        f"{np.median(error):.0e}",
    ]  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    gs.init(precision="64", logging_level="error")
    print(machine())
    header = [
        "model", "nv", "along a rollout µs/state", "states alone µs/state", "MuJoCo FD forward", "central", "faster than forward",
        "than central", "to central (median)",
    ]  # fmt: skip
    print(table(header, [measure(work) for work in WORKLOADS]))


if __name__ == "__main__":
    main()
