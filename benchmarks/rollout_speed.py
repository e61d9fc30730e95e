"""How fast are a rollout and its gradient, against MuJoCo's C engine on the same model, in the same run?

    python benchmarks/rollout_speed.py            (about four minutes, and once a minute of compilation)

Float64, one thread. Loss 1/2 |q_T|² + 0.05 |v_T|², T = 100, gradient to all controls and the initial state. MuJoCo: `mujoco.rollout`
for the forward pass; for the gradient a chain of `mjd_transitionFD` (forward differences, eps 1e-6). First free motion, constraints off
on both sides; then with contact and joint limits, both engines with MuJoCo's law and MuJoCo with its own tolerance.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from measure import in_turns, machine, models_folder, table
from mujoco.rollout import rollout as mujoco_rollout

import genesis as gs

HORIZON = 100


@dataclass(frozen=True)
class Workload:
    """A model with its time step [s], initial state (velocities: zero if left out), scale of the controls; touching: with constraints."""

    name: str
    dt: float
    q0: tuple[float, ...]
    scale: float
    v0: tuple[float, ...] = ()
    touching: bool = False


STANDING = (0.0, 0.0, 0.29, 1.0, 0.0, 0.0, 0.0) + (0.0, 0.9, -1.8) * 4
WORKLOADS = (
    Workload("cartpole", 0.01, (0.0, 0.3), 0.5, (0.1, -0.2)),
    Workload("panda7", 0.002, (0.0, -0.5, 0.0, -1.8, 0.0, 1.4, 0.7), 5.0),
    Workload("go2", 0.002, STANDING, 2.0),
    Workload("hopper", 0.002, (0.0, 1.245, 0.0, 0.0, 0.0, 0.0), 0.3, touching=True),
    Workload("ant", 0.005, (0.0, 0.0, 0.55, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0), 0.3, touching=True),
    Workload("go2", 0.002, STANDING, 2.0, touching=True),
)
BATCHES = (1, 64, 1024)


def mujoco_model(path: str, work: Workload) -> mujoco.MjModel:
    model = mujoco.MjModel.from_xml_path(path)
    model.opt.timestep = work.dt
    if not work.touching:
        model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    return model


def chain(model: mujoco.MjModel, q0: np.ndarray, v0: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Gradient with respect to the controls by finite-difference transition matrices."""
    data, nv = mujoco.MjData(model), model.nv
    data.qpos[:], data.qvel[:] = q0, v0
    a, b = np.zeros((len(controls), 2 * nv, 2 * nv)), np.zeros((len(controls), 2 * nv, model.nu))
    for t, u in enumerate(controls):
        data.ctrl[:] = u
        mujoco.mjd_transitionFD(model, data, 1e-6, False, a[t], b[t], None, None)
        mujoco.mj_step(model, data)
    bar = np.concatenate([np.zeros(nv), 0.1 * data.qvel])
    jac = np.zeros(nv)
    mujoco.mj_differentiatePos(model, jac, 1.0, np.zeros_like(data.qpos), data.qpos)  # tangent of |q|²/2 for scalar joints
    bar[:nv] = jac
    out = np.zeros_like(controls)
    for t in range(len(controls) - 1, -1, -1):
        out[t], bar = b[t].T @ bar, a[t].T @ bar
    return out


def measure(work: Workload, batch: int) -> list[str]:
    """One row of the table; checks that both engines agree before it times them."""
    name = work.name
    path = str(models_folder() / f"{name}.xml")
    reference = mujoco_model(path, work)
    q0, v0 = list(work.q0), list(work.v0) or [0.0] * reference.nv
    data = mujoco.MjData(reference)
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=work.dt, requires_grad=True),
        rigid_options=gs.options.RigidOptions(implicit_damping=False, disable_constraint=not work.touching, contact="mujoco"),
    )
    scene.add_entity(gs.morphs.MJCF(file=path))
    scene.build(n_envs=batch if batch > 1 else 0)
    lead = (batch,) if batch > 1 else ()
    u = work.scale * np.random.RandomState(0).randn(HORIZON, *lead, reference.nu)
    controls = torch.tensor(u)
    q, v = (torch.tensor(x, dtype=torch.float64).expand(*lead, -1).contiguous() for x in (q0, v0))
    marked = [x.clone().requires_grad_() for x in (controls, q, v)]

    def forward():
        with torch.no_grad():
            return scene.rollout(act_ctrl=controls, qpos=q, qvel=v)

    def gradient():
        for x in marked:
            x.grad = None
        made = scene.rollout(act_ctrl=marked[0], qpos=marked[1], qvel=marked[2])
        loss = 0.5 * made.qpos[-1].square().sum() + 0.05 * made.qvel[-1].square().sum()
        loss.backward()
        return [x.grad for x in marked]

    state = np.concatenate([np.zeros((batch, 1)), np.tile(q0, (batch, 1)), np.tile(v0, (batch, 1))], 1)
    plan = np.ascontiguousarray(u.reshape(HORIZON, batch, -1).transpose(1, 0, 2))

    def mujoco_forward():
        return mujoco_rollout(reference, data, initial_state=state, control=plan)

    error = np.abs(forward().qpos[-1].numpy().reshape(batch, -1) - mujoco_forward()[0][:, -1, 1 : 1 + reference.nq]).max()
    assert error < (1e-5 if work.touching else 1e-9), f"{name}: the rollouts differ by {error:g}"
    fd = "-"
    if batch == 1:
        if name in ("cartpole", "panda7"):  # scalar joints: the same tangent on both sides; no kink at a limit
            np.testing.assert_allclose(gradient()[0].numpy(), chain(reference, q0, v0, u), rtol=1e-2, atol=1e-4)
        start = np.array(q0), np.array(v0)
        ours, grad, theirs, seconds = in_turns(forward, gradient, mujoco_forward, lambda: chain(reference, *start, u))
        fd = f"{seconds * 1e3:.2f} ms, {seconds / grad:.1f}×"
    else:
        ours, grad, theirs = in_turns(forward, gradient, mujoco_forward)
    per = 1e6 / (batch * HORIZON)
    return [
        name + " with contact" * work.touching, str(batch),
        f"{ours * per:.2f}", f"{theirs * per:.2f}", f"{theirs / ours:.1f}×", f"{grad * per:.2f}",
        f"{(grad - ours) / ours:.1f}×", f"{grad * 1e3:.2f} ms", f"{grad / theirs:.2f}×", fd,
    ]  # fmt: skip


def main() -> None:
    gs.init(precision="64", cpu_threads=1, logging_level="error")
    torch.set_num_threads(1)
    rows = []
    for workload in WORKLOADS:
        for batch in BATCHES:
            rows.append(measure(workload, batch))
            print(" | ".join(rows[-1]), flush=True)
    head = [
        "model", "batch", "forward µs/step", "MuJoCo µs/step", "faster than MuJoCo", "gradient µs/step", "backward / forward",
        "gradient T = 100", "gradient / MuJoCo forward", "MuJoCo FD chain, ratio to ours",
    ]  # fmt: skip
    print(f"\n{machine()}, MuJoCo {mujoco.__version__}, one thread, float64, CPU time\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
