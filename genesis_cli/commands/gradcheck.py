"""`genesis gradcheck`: gradients against central differences."""

from dataclasses import asdict

from genesis_cli import console
from genesis_cli.bridge import Job, Outcome
from genesis_cli.commands.prepare import prepare, store_config
from genesis_cli.errors import FAILED, OK


def execute(job: Job) -> Outcome:
    """Check every learned parameter group; writes result.json. The value is the largest error."""
    if str(job.cfg.runtime.precision) != "64":
        console.note("gradcheck computes in float64: runtime.precision=64 is used.")
        job.cfg.runtime.precision = "64"
    prepared = prepare(job)
    from genesis.runners.files import write_json
    from genesis.runners.gradcheck import gradcheck
    from genesis.runners.record import versions

    store_config(job)
    options, seed = prepared.checked.plain["gradcheck"], prepared.checked.plain["runtime"].seed
    checks = gradcheck(prepared.task, directions=options.directions, epsilon=options.epsilon, seed=seed)
    worst = max(check.error for check in checks)
    good = worst <= options.tolerance
    rows = [
        (
            check.group,
            f"{check.analytic:.10e}",
            f"{check.numeric:.10e}",
            f"{check.error:.1e}",
            "ok" if check.error <= options.tolerance else "off",
        )
        for check in checks
    ]
    console.table("", ["parameter", "adjoint", "central difference", "relative error", ""], rows, right=[1, 2, 3])
    verdict = "agree" if good else "differ"
    console.say(f"gradients {verdict}: largest error {worst:.1e}, tolerance {options.tolerance:g}", "green" if good else "red")
    result = {
        "status": "agree" if good else "differ",
        "largest_error": worst,
        "tolerance": options.tolerance,
        "checks": [asdict(check) for check in checks],
        "seconds": {name: round(value, 6) for name, value in prepared.seconds.items()},
        "seed": seed,
        "versions": versions(),
    }
    write_json(job.folder / "result.json", result)
    console.say(f"{job.folder}")
    return Outcome(OK if good else FAILED, worst)
