"""What hard limits cost: joint ranges, speeds and torques free, soft and hard, by several optimizers.

    python benchmarks/limits.py [--tasks reach,swing_up] [--optimizers own,ddp,lbfgsb] [--iterations 300]

`free`: limits are measured but weigh nothing; `soft`: mean squared violations with weight 1; `hard`: an augmented Lagrangian. Each run goes on
until its method or its rounds end (`stop.when_converged=false`). `own`: the optimizer of the task's config. An optimizer that asks for one
control a step gets `parameters=torques` (marked *). The objective of a soft run has its violations in it, the others have none.
"""

import argparse
import time

from measure import machine, table

LIMITS = ("joint_position", "joint_velocity", "joint_torque")
MODES: dict[str, list[str]] = {
    "free": [word for name in LIMITS for word in (f"constraint.{name}.hard=false", f"constraint.{name}.weight=0")],
    "soft": [f"constraint.{name}.hard=false" for name in LIMITS],
    "hard": [],
}
HEAD = ["task", "optimizer", "limits", "iterations", "CPU s", "objective", "largest violation", "ends because"]
TORQUES = "parameters=torques"


def run(task: str, optimizer: str, mode: str, iterations: int) -> list[str]:
    """One line of the table."""
    import genesis as gs
    from genesis.errors import GenesisError

    words = [f"task={task}", "constraint=limits", *MODES[mode], "stop.when_converged=false", f"stop.iterations={iterations}"]
    words += [] if optimizer == "own" else [f"optimizer={optimizer}"]
    mark = ""
    while True:
        try:
            start = time.process_time()
            result = gs.compose(*words).solve()
            break
        except GenesisError as error:
            if TORQUES not in str(error) or mark:
                return [task, f"{optimizer}{mark}", mode, "", "", "", "", str(error)[:110]]
            words, mark = [*words, TORQUES], "\\*"
    broken = {name: value for name, value in result.metrics.items() if "_violation_" in name}
    worst = max(broken, key=lambda name: broken[name])
    violation = f"{broken[worst]:.1e} ({worst})" if broken[worst] > 0 else "0"
    seconds = f"{time.process_time() - start:.1f}"
    return [
        task,
        f"{optimizer}{mark}",
        mode,
        str(result.iterations),
        seconds,
        f"{result.objective_best:.4g}",
        violation,
        result.reason,
    ]


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="reach,swing_up")
    parser.add_argument("--optimizers", default="own,ddp,lbfgsb")
    parser.add_argument("--iterations", type=int, default=300)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for task in asked.tasks.split(","):
        for optimizer in asked.optimizers.split(","):
            for mode in MODES:
                rows.append(run(task, optimizer, mode, asked.iterations))
                print(*rows[-1], sep=" | ", flush=True)
    print(table(HEAD, rows), machine(), sep="\n")


if __name__ == "__main__":
    main()
