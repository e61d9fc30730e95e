"""Are time and memory linear in horizon and batch, and do two threads help?

    python benchmarks/scaling.py

Panda with seven joints, float64; forward and backward through the public API.
"""

import time

import torch
from measure import cpu_seconds, machine, models_folder, table, wall_seconds

import genesis as gs


def gradient_of(batch: int, horizon: int):
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.002, requires_grad=True))
    scene.add_entity(gs.morphs.MJCF(file=str(models_folder() / "panda7.xml")))
    scene.build(n_envs=batch)
    controls = torch.zeros(horizon, batch, 7, dtype=torch.float64, requires_grad=True)

    def call():
        scene.reset()
        made = scene.rollout(controls)
        loss = made.qpos[-1].square().sum() + made.qvel[-1].square().sum()
        torch.autograd.grad(loss, controls)
        return made

    return call


def stored_bytes(made) -> int:
    """Memory that the backward pass needs: positions, velocities, accelerations, controls."""
    tensors = (made.qpos, made.qvel, made.qacc, made.controls)
    return sum(x.numel() * x.element_size() for x in tensors)


def main() -> None:
    gs.init(precision="64", logging_level="error")
    torch.set_num_threads(1)
    rows = []
    for batch, horizon in ((64, 100), (64, 200), (64, 400), (256, 100), (1024, 100), (4096, 100)):
        call = gradient_of(batch, horizon)
        cpu, wall = cpu_seconds(call, 3), wall_seconds(call, 3)
        size = stored_bytes(call()) / (batch * horizon)
        per = 1e6 / (batch * horizon)
        rows.append(
            [str(batch), str(horizon), f"{cpu:.3f}", f"{cpu * per:.2f}", f"{wall * per:.2f}", f"{cpu / wall:.2f}", f"{size:.0f}"]
        )
        print(" | ".join(rows[-1]), flush=True)
        time.sleep(0.1)
    head = ["batch", "T", "CPU s", "CPU µs/step", "wall µs/step", "cores used", "bytes/step/world"]
    print(f"\n{machine()}, gradient (forward + backward) of panda7, float64\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
