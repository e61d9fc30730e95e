"""What does a Python loop of scene.step() cost above the physics, with and without gradients?

    python benchmarks/step_overhead.py

The physics is what one step costs inside a long rollout. Float64, one environment, one thread, CPU time.
"""

import torch
from measure import ROOT, in_turns, machine, table

import genesis as gs

STEPS = 300


def main() -> None:
    gs.init(precision="64", cpu_threads=1, logging_level="error")
    torch.set_num_threads(1)
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.002, requires_grad=True))
    arm = scene.add_entity(gs.morphs.URDF(file=str(ROOT / "configs" / "robots" / "panda" / "panda.urdf"), fixed=True))
    scene.build()
    start = torch.zeros(arm.n_dofs, dtype=torch.float64)
    force = torch.zeros(arm.n_dofs, dtype=torch.float64, requires_grad=True)
    forces = torch.zeros(STEPS, arm.n_dofs, dtype=torch.float64, requires_grad=True)

    def loop():
        scene.reset()
        arm.set_dofs_position(start)
        for _ in range(STEPS):
            arm.control_dofs_force(force)
            scene.step()
        return arm.get_dofs_position().sum()

    def fused():
        scene.reset()
        return scene.rollout(forces).qpos[-1].sum()

    def without(function):
        def call():
            with torch.no_grad():
                function()

        return call

    def differentiated(function):
        return lambda: function().backward()

    rows = []
    calls = [wrapped(function) for wrapped in (without, differentiated) for function in (loop, fused)]
    found = in_turns(*calls, rounds=60)
    for label, target, (stepped, rolled) in (
        ("forward", 60.0, found[:2]),
        ("forward + backward", 120.0, found[2:]),
    ):
        above = (stepped - rolled) / STEPS * 1e6
        rows.append([label, f"{stepped / STEPS * 1e6:.1f}", f"{rolled / STEPS * 1e6:.1f}", f"{above:.1f}", f"{target:.0f}"])
    head = ["", "loop µs/step", "rollout µs/step", "overhead µs/step", "goal"]
    print(f"{machine()}, Panda, {STEPS} steps\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
