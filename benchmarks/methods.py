"""Every optimizer on every shipped task.

    python benchmarks/methods.py [--seconds 5] [--tasks reach,throw] [--optimizers lbfgs,cmaes] [--out docs/methods.md]

Each run has the task's own config but the optimizer, and ends when every tolerance is met, when the optimizer ends, or after a budget of CPU
time. Optimizers and tasks are those of `configs/`, so that new ones come along. Kernels are compiled, and everything is touched once, before
time is counted. An optimizer that asks for one control a step gets `parameters=torques` in place of the task's parameters (marked *). What
is refused is shown by its message. One process a task: results go to a file beside the table as they come, and a run that is repeated
goes on with what is missing.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measure import ROOT, machine, table

HEAD = ["optimizer", "status", "iterations", "evaluations", "CPU s", "objective", "metrics"]
TORQUES = "parameters=torques"
SHORT = 110  # letters of a message
HEADER = """# Every optimizer on every task

Made by `python benchmarks/methods.py`: the shipped configs of the tasks, each optimizer with its defaults and a constant learning rate, at
most {seconds:g} s of CPU time a run (an iteration that has begun is ended). `converged`: every tolerance of the task is met; `finished`:
it has none. \\*: with one torque a step (`parameters=torques`) in place of the task's parameters. Where an optimizer is refused, its message
stands in place of the status. {machine}.
"""
OVERVIEW = """## Which for what

CPU seconds until every tolerance is met; ·: not within the budget; –: refused. Those that meet the most stand first."""


def names(group: str, chosen: str | None) -> list[str]:
    """The shipped configs of a group, or those of them that were chosen."""
    from genesis_cli.compose import options

    found = options(group)
    unknown = [name for name in (chosen or "").split(",") if name and name not in found]
    if unknown:
        sys.exit(f"{group}: there is no {unknown[0]}; there are {', '.join(found)}.")
    return [name for name in found if not chosen or name in chosen.split(",")]


def run(task: str, optimizer: str, seconds: float) -> dict[str, Any]:
    """One run, with parameters of its own where it asks for them."""
    found = attempt(task, optimizer, seconds)
    if TORQUES in found.get("refused", ""):
        again = attempt(task, optimizer, seconds, TORQUES)
        return {**again, "torques": True} if "refused" not in again else found
    return found


def attempt(task: str, optimizer: str, seconds: float, *more: str) -> dict[str, Any]:
    import genesis as gs
    from genesis.errors import GenesisError
    from genesis.problems.problem import Verdict

    def enough(report: Any) -> Verdict | None:
        return Verdict("not_converged", "the budget is used up") if time.process_time() - start > seconds else None

    words = [f"task={task}", f"optimizer={optimizer}", "schedulers=constant", *more]
    try:
        gs.compose(*words, "stop.iterations=1").solve()
        problem = gs.compose(*words)
        assert problem.task is not None  # built before time is counted
        start = time.process_time()
        result = problem.solve([enough])
    except GenesisError as error:
        return {"refused": str(error)}
    except Exception as error:  # a fault of the product: shown as such, the others go on
        return {"refused": f"fails with {type(error).__name__}: {error}"}
    return {
        "status": result.status, "iterations": result.iterations, "evaluations": result.evaluations,
        "seconds": time.process_time() - start, "objective": result.objective_best, "first": result.objective_first,
        "reason": result.reason,
        "metrics": {name: (result.metrics.get(name), largest) for name, largest in result.tolerances.items()},
    }  # fmt: skip


def of_task(task: str, optimizers: list[str], seconds: float, store: Path) -> None:
    """The runs of one task that are not stored yet."""
    import torch

    torch.set_num_threads(1)
    for optimizer in optimizers:
        known = load(store)
        if f"{task}/{optimizer}" not in known:
            found = run(task, optimizer, seconds)
            store.write_text(json.dumps(load(store) | {f"{task}/{optimizer}": found}, indent=1))
            print(task, optimizer, found.get("status", "refused"), flush=True)


def load(store: Path) -> dict[str, Any]:
    return json.loads(store.read_text()) if store.exists() else {}


def row(optimizer: str, found: dict[str, Any]) -> list[str]:
    """One line of a table."""
    if "refused" in found:
        message = re.split(r"(?<=[^.])\. |; ", found["refused"])[0]
        return [f"`{optimizer}`", message if len(message) <= SHORT else message[:SHORT] + " …", "", "", "", "", ""]
    shown = [
        f"{name} {value:.3g}" + ("" if value <= largest else f" (> {largest:g})")
        for name, (value, largest) in found["metrics"].items()
        if value is not None
    ]
    objective = "" if found["objective"] is None else f"{found['objective']:.3g}"
    return [
        f"`{optimizer}`" + (" *" if found.get("torques") else ""), found["status"], str(found["iterations"]), str(found["evaluations"]),
        f"{found['seconds']:.2f}", objective, ", ".join(shown),
    ]  # fmt: skip


def cell(found: dict[str, Any] | None) -> str:
    """CPU seconds of a run that met every tolerance, a dot for one that did not, a dash for one that is refused."""
    if found is None or "refused" in found:
        return "–"
    return f"{found['seconds']:.2f}" if found["status"] in ("converged", "finished") else "·"


def overview(tasks: list[str], optimizers: list[str], known: dict[str, Any]) -> str:
    """Which optimizer for which task: one line an optimizer, one column a task; those that meet the most first."""
    rows = [[f"`{o}`", *(cell(known.get(f"{task}/{o}")) for task in tasks)] for o in optimizers]
    rows.sort(key=lambda line: sum(one in "·–" for one in line[1:]))
    return f"{OVERVIEW}\n\n{table(['optimizer', *(f'`{task}`' for task in tasks)], rows)}\n"


def page(tasks: list[str], optimizers: list[str], known: dict[str, Any], seconds: float) -> str:
    """The document."""
    parts = [HEADER.format(seconds=seconds, machine=machine()), overview(tasks, optimizers, known)]
    for task in tasks:
        rows = [row(o, known[f"{task}/{o}"]) for o in optimizers if f"{task}/{o}" in known]
        if rows:
            first = next((f["first"] for o in optimizers if (f := known.get(f"{task}/{o}", {})).get("first") is not None), None)
            start = "" if first is None else f" The start has an objective of {first:.3g}."
            parts.append(f"## `{task}`\n\n{start.strip()}\n\n{table(HEAD, rows)}\n")
    return "\n".join(parts)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--seconds", type=float, default=5.0, help="CPU time of a run")
    words.add_argument("--tasks", help="names, by commas; all without")
    words.add_argument("--optimizers", help="names, by commas; all without")
    words.add_argument("--out", type=Path, default=ROOT / "docs" / "methods.md")
    words.add_argument("--store", type=Path, help="results so far; beside the table without")
    words.add_argument("--one", action="store_true", help="run in this process")
    given = words.parse_args()
    store = given.store or given.out.with_suffix(".json")
    tasks, optimizers = names("tasks", given.tasks), names("optimizers", given.optimizers)
    if given.one:
        for task in tasks:
            of_task(task, optimizers, given.seconds, store)
        return
    for task in tasks:
        command = [sys.executable, __file__, "--one", "--tasks", task, "--optimizers", ",".join(optimizers)]
        command += ["--seconds", str(given.seconds), "--store", str(store), "--out", str(given.out)]
        subprocess.run(command, check=False)
        given.out.write_text(page(tasks, optimizers, load(store), given.seconds))
    print(f"{given.out}: {len(tasks)} tasks, {len(optimizers)} optimizers")


if __name__ == "__main__":
    main()
