"""`genesis simulate`: one rollout."""

from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.build import build_task, store_config
from genesis_cli.commands.prepare import expect_one_motion, prepare
from genesis_cli.commands.replay import simulated_replay, wanted, write_replay
from genesis_cli.commands.report import leave_report
from genesis_cli.errors import OK
from genesis_cli.job import Job, Outcome
from genesis_cli.numbers import metric_lines
from genesis_cli.progress import compiling
from genesis_cli.validate import Checked


def execute(job: Job, solution: str | None = None) -> Outcome:
    """Roll out with the start values, or with the learned ones of `solution`; writes trajectory.npz and result.json."""

    def build(checked: Checked) -> Any:
        expect_one_motion(checked, "simulate rolls out one motion")
        return build_task(checked)

    prepared = prepare(job, build)
    from genesis.runners.files import write_json, write_npz
    from genesis.runners.record import versions
    from genesis.runners.simulate import simulate
    from genesis.runners.solution import load_parameters

    task = prepared.task
    loaded = load_parameters(task, Path(solution).expanduser()) if solution else []
    store_config(job.cfg, job.folder)
    with compiling():
        done = simulate(task)
    write_npz(job.folder / "trajectory.npz", done.arrays)
    seconds = {**prepared.seconds, "rollout": done.seconds}
    result = {
        "status": "finished",
        "objective": done.objective,
        "terms": done.terms,
        "metrics": done.metrics,
        "tolerances": {limit.metric: limit.largest for limit in task.limits},
        "good_enough": done.good,
        **({"constraints": done.constraints} if done.constraints else {}),
        "parameters_from": str(Path(solution).resolve()) if solution else None,
        "parameters_loaded": loaded,
        "seconds": {name: round(value, 6) for name, value in seconds.items()},
        "seed": prepared.checked.plain["runtime"].seed,
        "versions": versions(),
    }
    rate = done.steps / max(done.seconds, 1e-9)
    console.say(f"finished: {done.steps} steps in {1e3 * done.seconds:.2f} ms ({rate:,.0f} steps/s)", "green")
    for line in metric_lines(done.metrics, first=f"objective {done.objective:.4g}"):
        console.say(line)
    console.say(f"{job.folder}")
    try:
        if wanted(job, prepared.checked):
            write_replay(job, lambda: simulated_replay(job, prepared))
        leave_report(job, prepared.checked, result)
    finally:  # last: by it others know that the run is over; also where one does not wait for its pictures
        write_json(job.folder / "result.json", result)
    return Outcome(OK, done.objective)
