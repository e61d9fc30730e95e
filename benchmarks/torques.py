"""How well do torques identify an arm: a panda-like log at 1 kHz, from wrong masses, judged on motion that was not fitted.

    python benchmarks/torques.py [--seconds 60] [--write FOLDER]

The log: a Panda whose bodies differ from the file's (log-Cholesky numbers moved by 0.15, so that they exist), with rotors, viscous and
Coulomb friction, simulated in quarters of a millisecond under stiff position control along random Fourier series of five harmonics
within its limits. Recorded at 1 kHz: joint angles in steps of 2 pi / 2^16, the torques of the drives (their mean over the millisecond
around) with white noise of 1 % of each joint's effective torque. Another series of the same kind is held out. Everything starts at the
file's values, friction at none.
`--write` leaves the two logs and a config for `genesis sysid` there, and stops.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from measure import machine, table

DT, STEPS = 0.25e-3, 4  # [s] of the simulation, and how many of its steps there are in one of the log
JOINTS = [f"panda_joint{k}" for k in range(1, 8)]
LINKS = [f"panda_link{k}" for k in range(1, 8)]
LOW = np.array([-2.6, -1.5, -2.6, -2.8, -2.6, 0.3, -2.6])
HIGH = np.array([2.6, 1.5, 2.6, -0.4, 2.6, 3.4, 2.6])
SPEED = np.array([2.0, 2.0, 2.0, 2.0, 2.4, 2.4, 2.4])  # [rad/s]
ARMATURE = np.array([0.6, 0.6, 0.45, 0.45, 0.2, 0.2, 0.2])  # [kg m²]
VISCOUS = np.array([1.1, 1.2, 0.9, 0.8, 0.4, 0.35, 0.3])  # [Nms]
COULOMB = np.array([1.6, 1.8, 1.2, 1.0, 0.6, 0.5, 0.4])  # [Nm]
KP, KV = np.array([6e3, 6e3, 5e3, 5e3, 2e3, 2e3, 1e3]), np.array([150.0, 150.0, 120.0, 120.0, 50.0, 50.0, 30.0])
ENCODER, NOISE = 2.0 * np.pi / 2**16, 0.01
HARMONICS, BASE = 5, 0.1  # of [Hz]


def scene_of(truth: bool, seed: int = 7):
    """The Panda, with the file's values or with those of the log."""
    from genesis.parameters.link_inertia import bodies_of, log_cholesky
    from genesis.scene import morphs
    from genesis.scene.options import RigidOptions, SimOptions
    from genesis.scene.scene import Scene
    from genesis_cli.paths import config_dir

    scene = Scene(
        sim_options=SimOptions(dt=DT, requires_grad=False),
        rigid_options=RigidOptions(enable_collision=False, enable_joint_limit=False),
    )
    robot = scene.add_entity(morphs.URDF(file=str(config_dir() / "robots/panda/panda.urdf"), fixed=True), name="panda")
    scene.build(n_envs=0)
    params = {}
    if truth:
        solver = scene.rigid_solver
        value = {name: solver.parameters.value(name)[0].clone() for name in ("link_mass", "link_com", "link_inertia")}
        rows = [robot.get_link(name).idx for name in LINKS]
        bodies = [value[name][rows] for name in ("link_mass", "link_com", "link_inertia")]
        free = log_cholesky("truth", LINKS, *bodies)
        free += (
            0.15 * torch.as_tensor(np.random.default_rng(seed).standard_normal(free.shape)) * torch.tensor([1.0] * 4 + [0.1] * 6)
        )
        for name, moved in zip(value, bodies_of(free), strict=True):
            value[name][rows] = moved
        params = dict(value) | {
            "dof_armature": torch.as_tensor(ARMATURE), "dof_damping": torch.as_tensor(VISCOUS), "dof_frictionloss": torch.as_tensor(COULOMB),
            "dof_solref": torch.tensor([[1e-3, 1.0]] * 7, dtype=torch.float64),  # dry friction turns over within a millisecond
        }  # fmt: skip
    return scene, params


def excitation(seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles and speeds (T, 7) of a Fourier series within limits, one of the largest."""
    random = np.random.default_rng(seed)
    time_, k = np.arange(round(seconds / DT)) * DT, np.arange(1, HARMONICS + 1)
    phase = 2.0 * np.pi * random.uniform(size=(7, HARMONICS))
    size = random.uniform(0.3, 1.0, (7, HARMONICS)) / k**0.5
    angle = 2.0 * np.pi * BASE * k * time_[:, None, None] + phase
    q, v = (size * np.sin(angle)).sum(-1), (size * 2.0 * np.pi * BASE * k * np.cos(angle)).sum(-1)
    scale = np.minimum(0.95 * (HIGH - LOW) / np.ptp(q, axis=0), SPEED / np.abs(v).max(0))
    middle = 0.5 * (HIGH + LOW) - scale * 0.5 * (q.max(0) + q.min(0))
    return middle + scale * q, scale * v


def log_of(seconds: float, seed: int) -> dict[str, np.ndarray]:
    """time (T,), q, tau (T, 7) as they are recorded."""
    from genesis.scene.physical import Loops

    scene, params = scene_of(True)
    solver = scene.rigid_solver
    target, speed = excitation(seconds, seed)
    closed = np.ones((1, 7), bool)
    gains = {"dof_kp": torch.as_tensor(KP), "dof_kv": torch.as_tensor(KV)}
    theta = solver.parameters.packed(Loops(closed, closed, None), {name: x[None] for name, x in (params | gains).items()})
    asked = torch.as_tensor(KP * target + KV * speed)[:, None].contiguous()
    q, v, _ = solver.physics.rollout(theta, torch.as_tensor(target[:1]), torch.as_tensor(speed[:1]), asked)
    q, v = q[:, 0].numpy(), v[:, 0].numpy()
    tau = KP * (target - q[:-1]) + KV * (speed - v[1:])  # over each step: damping acts at its end
    at = np.arange(STEPS, len(tau) - STEPS, STEPS)
    tau = np.stack([tau[k - STEPS // 2 : k + STEPS // 2].mean(0) for k in at])
    random = np.random.default_rng(seed + 1000)
    tau = tau + NOISE * np.sqrt((tau**2).mean(0)) * random.standard_normal(tau.shape)
    return {"time": np.arange(len(at)) * STEPS * DT, "q": np.round(q[at] / ENCODER) * ENCODER, "tau": tau}


PARAMETERS = {
    "links": {"kind": "inertia", "names": LINKS}, "armature": {"kind": "armature", "init": 0.1}, "viscous": {"kind": "damping", "init": 0.0},
    "coulomb": {"kind": "dry_friction", "init": 0.0},
}  # fmt: skip


def write(folder: Path, seconds: float) -> None:
    """The two logs and a system `panda_torques` for `genesis sysid --config-dir FOLDER`."""
    (folder / "observations").mkdir(parents=True, exist_ok=True)
    (folder / "parameters").mkdir(exist_ok=True)
    (folder / "systems").mkdir(exist_ok=True)
    for name, seed, length in (("fitted", 1, seconds), ("unseen", 2, min(seconds, 20.0))):
        np.savez(folder / f"{name}.npz", **log_of(length, seed))
    columns = "".join(f"\n      {joint}: {{0}}[{k}]" for k, joint in enumerate(JOINTS))
    (folder / "observations/panda_log.yaml").write_text(
        "# @package observation\ndefaults:\n  - /schema/run/observation@_here_\n  - /schema/channel/joint_position@channels.angle\n"
        "  - /schema/input/joint_force@inputs.torque\n  - _self_\n"
        f"files: [{folder.resolve()}/fitted.npz]\nvalidation: {{files: [{folder.resolve()}/unseen.npz]}}\n"
        f"channels:\n  angle:\n    columns:{columns.format('q')}\ninputs:\n  torque:\n    columns:{columns.format('tau')}\n"
    )
    (folder / "parameters/panda_bodies.yaml").write_text(
        "# @package parameter\ndefaults:\n  - /schema/parameter/inertia@links\n  - /schema/parameter/armature@armature\n"
        "  - /schema/parameter/damping@viscous\n  - /schema/parameter/dry_friction@coulomb\n  - _self_\n"
        f"links: {{names: [{', '.join(LINKS)}]}}\narmature: {{init: 0.1}}\nviscous: {{init: 0.0}}\ncoulomb: {{init: 0.0}}\n"
    )
    (folder / "systems/panda_torques.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /robots: panda\n  - override /scenes: bench\n  - override /observations: panda_log\n"
        "  - override /parameters: panda_bodies\n  - override /optimizers: levenberg_marquardt\nresidual: torque\n"
    )


def problem_of_logs(seconds: float):
    """The identification of the file's Panda from the two logs."""
    from genesis.observations import Dataset, Recording, Series, Smoothing
    from genesis.observations.spec import channel_spec, input_spec, settle
    from genesis.setting import Setting
    from genesis.sysid.build import problem_of

    recordings = []
    for name, seed, split in (("fitted", 1, "train"), ("unseen", 2, "validation")):
        log = log_of(seconds if split == "train" else min(seconds, 20.0), seed)
        channels = {"angle": Series(log["time"], log["q"], JOINTS)}
        inputs = {"torque": Series(log["time"], log["tau"], JOINTS)}
        recordings.append(Recording(name, Path(name), 0, split, channels, inputs, 0.0, float(log["time"][-1])))
    columns = {joint: joint for joint in JOINTS}
    spec, driven = (
        channel_spec("angle", {"kind": "joint_position", "columns": columns}),
        input_spec("torque", {"kind": "joint_force", "columns": columns}),
    )
    settle(spec, [], "")
    settle(driven, [], "")
    spec.sigma = np.full(7, ENCODER)
    scene, _ = scene_of(False)
    robot = scene.get_entity("panda")
    setting = Setting(
        scene=scene, robot=robot, entities={"panda": robot}, tool=None, horizon=1, dt=DT, control="force",
        start_qpos=torch.zeros(7, dtype=torch.float64), start_qvel=torch.zeros(7, dtype=torch.float64), generator=torch.Generator(),
    )  # fmt: skip
    dataset = Dataset(recordings, {"angle": spec}, {"torque": driven}, Smoothing())
    return problem_of(setting, dataset, PARAMETERS)


def main() -> None:
    """Print relative errors of each joint, and what it took."""
    from genesis import runtime

    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=float, default=60.0)
    asked.add_argument("--write", type=Path)
    given = asked.parse_args()
    runtime.init(precision="64", logging_level="error", cpu_threads=1)
    torch.set_num_threads(1)
    if given.write is not None:
        write(given.write, given.seconds)
        return
    from genesis.methods import make_method
    from genesis.runners.identify import found, identification
    from genesis.runners.loop import Stop
    from genesis.sysid.inverse_dynamics.equations import TorqueOptions

    problem = problem_of_logs(given.seconds)
    since, cpu = time.perf_counter(), time.process_time()
    loop = identification(
        problem, make_method({"kind": "levenberg_marquardt"}, {"kind": "constant"}, 50, 0), Stop(50), torque=TorqueOptions(),
        tell=lambda text: print(f"{time.perf_counter() - since:6.1f} s  {text}", flush=True), signals=False,
    )  # fmt: skip
    result = found(loop.problem, loop.run())
    spent = time.process_time() - cpu
    keys = ("base_train", "base_unseen", "base_validation", "consistent_train", "consistent_unseen", "consistent_validation")
    rows = [[e["joint"], f"{e['rms']:.2f}", *(f"{100.0 * e[key]:.2f} %" for key in keys)] for e in result.torque_errors]
    print(machine())
    print(table(["joint", "rms [Nm]", "linear", "unseen", "held out", "bodies", "unseen", "held out"], rows))
    print(f"{len(result.base_parameters)} base parameters, {result.status}, {spent:.1f} s of one processor")
    truth = [*VISCOUS, *COULOMB]
    friction = [p for p in result.base_parameters if p["name"].startswith(("viscous", "coulomb"))]
    pairs = list(zip(friction, truth, strict=True))
    off, share = max(abs(p["value"] - t) / p["std"] for p, t in pairs), max(abs(p["value"] / t - 1.0) for p, t in pairs)
    print(f"friction: {share:.1%} from the truth at most, {off:.1f} standard deviations")


if __name__ == "__main__":
    main()
