"""`genesis gradcheck`: gradients against differences."""

import math
from dataclasses import asdict
from typing import Any

from genesis_cli import console
from genesis_cli.build import build_task, store_config
from genesis_cli.commands.prepare import expect_one_motion, prepare
from genesis_cli.errors import FAILED, OK
from genesis_cli.job import Job, Outcome
from genesis_cli.progress import compiling
from genesis_cli.validate import Checked


def execute(job: Job) -> Outcome:
    """Check every learned parameter group; writes result.json and gradcheck.png. The value is the largest error."""
    if str(job.cfg.runtime.precision) != "64":
        console.note("gradcheck computes in float64: runtime.precision=64 is used.")
        job.cfg.runtime.precision = "64"

    def build(checked: Checked) -> Any:
        expect_one_motion(checked, "gradcheck compares the gradient of one motion")
        return build_task(checked)

    prepared = prepare(job, build)
    from genesis.grad.check import Steps
    from genesis.runners.files import write_bytes, write_json
    from genesis.runners.gradcheck import gradcheck
    from genesis.runners.record import versions
    from genesis.runners.report.slopes import draw
    from genesis.runners.report.style import png

    options, seed = prepared.checked.plain["gradcheck"], prepared.checked.plain["runtime"].seed
    steps = Steps(options.longest_step, options.shortest_step)
    steps.lengths()  # what is wrong about them is said before anything is written
    store_config(job.cfg, job.folder)
    with compiling():
        report = gradcheck(prepared.task, directions=options.directions, steps=steps, tolerance=options.tolerance, seed=seed)
    tell(report)
    result = {
        "status": "agree" if report.ok else "differ",
        "verdicts": report.counts(),
        "largest_error": report.largest_error,
        "tolerance": options.tolerance,
        "surrogate": report.surrogate,
        "checks": [asdict(direction) for direction in report.directions],
        "seconds": {name: round(value, 6) for name, value in prepared.seconds.items()},
        "seed": seed,
        "versions": versions(),
    }
    write_bytes(job.folder / "gradcheck.png", png(lambda palette: draw(report, palette)))
    write_json(job.folder / "result.json", result)
    console.say(f"{job.folder}")
    return Outcome(OK if report.ok else FAILED, report.largest_error)


def tell(report: Any) -> None:
    """The table, what has to be said beside it, and the verdict."""
    header, *rows = report.table()
    console.table("", header, rows, right=[2, 3, 4])
    for note in report.notes():
        console.say(note)
    counts = report.counts()
    parts = [
        f"{counts.pop('exact', 0)} of {len(report.directions)} exact",
        *(f"{count} {verdict}" for verdict, count in counts.items()),
    ]
    which = "gradients without the surrogate" if any(report.surrogate.values()) else "gradients"
    if math.isfinite(report.largest_error):
        error = f"largest error {report.largest_error:.1e}"
    else:
        error = "one is not finite" if "wrong" in counts else "no error can be told"
    verdict = f"{which} {'agree' if report.ok else 'differ'}: {error}, tolerance {report.tolerance:g}"
    console.say(f"{verdict}; {', '.join(parts)}", "green" if report.ok else "red")
