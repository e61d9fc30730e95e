"""`genesis sysid`: parameters of a model from recorded motion."""

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.build import build_problem, settings
from genesis_cli.commands.prepare import Prepared, prepare, store_config
from genesis_cli.errors import FAILED, OK
from genesis_cli.job import Job, Outcome
from genesis_cli.progress import IdentifyProgress

log = logging.getLogger("genesis_cli")


def execute(job: Job) -> Outcome:
    """One identification; the outcome's value is the cost of the estimate."""
    prepared = prepare(job, build_problem)
    from genesis.runners.identify import INTERRUPTED, Identify, Plan
    from genesis.runners.record import Journal, load_checkpoint
    from genesis.sysid.solvers import make_solver

    plain, problem = prepared.checked.plain, prepared.task
    for warning in problem.dataset.warnings:
        console.note(f"warning: {warning}", "yellow")
    seed = plain["runtime"].seed
    solver = make_solver(vars(prepared.checked.solver), seed)
    plan = Plan(
        **vars(plain["starts"]), **vars(plain["statistics"]), seconds=plain["stop"].seconds, seed=seed,
        checkpoint_every=plain["logging"].checkpoint_every,
    )  # fmt: skip
    state = load_checkpoint(job.folder) if job.resume else None
    store_config(job)
    journal = Journal(job.folder)
    shown = IdentifyProgress(prepared.checked.solver.iterations) if plain["logging"].progress else None
    run = Identify(problem, solver, plan, journal, shown)
    if state is not None:
        run.load(state)
    journal.open(len(run.history))
    try:
        with shown or nullcontext():
            found = run.run()
    finally:
        journal.close()
    models = write(job, prepared, run, found)
    show(job, found, models, problem.dataset.warnings)
    return Outcome(OK if found.status == "converged" else FAILED, found.cost_best, interrupted=found.status == INTERRUPTED)


def write(job: Job, prepared: Prepared, run: Any, found: Any) -> list[str]:
    """result.json, report.html, TensorBoard, solution.npz, identified models, whose names it returns."""
    import numpy as np
    from omegaconf import OmegaConf

    from genesis.runners.files import write_json, write_npz
    from genesis.runners.identify import identified_parameters
    from genesis.runners.record import versions
    from genesis.runners.report import to_json, write_report, write_tensorboard

    text, problem = OmegaConf.to_yaml(job.cfg), prepared.task
    point = run.best[1] if run.best is not None else None
    values = identified_parameters(problem, point) if point is not None else {}
    arrays = {f"physical/{name}": value for name, value in values.items()}
    arrays |= {f"estimate/{e.name}": np.array([e.value, e.std]) for e in found.estimates}
    write_npz(job.folder / "solution.npz", arrays)
    models = write_models(job.folder, problem.setting, values)
    seed = prepared.checked.plain["runtime"].seed
    seconds = {**{name: round(value, 6) for name, value in prepared.seconds.items()}, **found.seconds}
    metrics = {f"rmse_{row['split']}_{row['channel']}": row["after"] for row in found.rmse if row["recording"] == "all"}
    content = {**to_json(found), "metrics": metrics, "seconds": seconds, "models": models, "seed": seed, "versions": versions()}
    write_json(job.folder / "result.json", content)
    title = f"{prepared.checked.robot.name}: {len(found.names)} parameters from {len(problem.recordings)} recordings"
    write_report(job.folder, found, title, text)
    if prepared.checked.plain["logging"].tensorboard:
        write_tensorboard(job.folder / "tensorboard", found, text, settings(job.cfg))
    return models


def write_models(folder: Path, setting: Any, values: dict[str, Any]) -> list[str]:
    """Robot files with the identified values in them, NAME.identified.urdf (or .xml), and what they cannot say beside them.

    Returns the names of what was written. What cannot be written is told, and is no reason to fail.
    """
    from genesis.errors import GenesisError
    from genesis.scene.export import write_entity
    from genesis.scene.morphs import MJCF, URDF

    made: list[str] = []
    for name, entity in setting.entities.items() if values else ():
        is_file = isinstance(entity.morph, (URDF, MJCF))
        if not is_file and entity is not setting.robot:
            continue
        source = Path(entity.morph.file) if is_file else Path(name)
        out = folder / f"{source.stem}.identified{source.suffix}"
        if out.exists() and out.name in made:  # another entity of the same file
            out = folder / f"{name}.identified{source.suffix}"
        try:
            written = write_entity(entity, values, out)
        except (GenesisError, OSError) as error:
            console.note(f"note: the model of {name} is not written: {error}")
            continue
        if not written.edits and not written.beside:
            out.unlink()
            if written.sidecar is not None:  # of joints that it does not change
                written.sidecar.unlink()
            continue
        made += [path.name for path in (written.path, written.sidecar) if path is not None]
    return made


def show(job: Job, found: Any, models: list[str], told: list[str]) -> None:
    """Tables of estimates and errors, warnings that are not told yet, how it ended, where it lies."""
    from genesis.runners.report import ESTIMATE_COLUMNS, RMSE_COLUMNS, console_rows

    estimates, errors = console_rows(found)
    console.table("", ESTIMATE_COLUMNS, estimates, right=[1, 2, 3])
    console.say()
    console.table("", RMSE_COLUMNS, errors, right=[3, 4, 6])
    console.say()
    for warning in found.warnings:
        if warning not in told:
            console.note(f"warning: {warning}", "yellow")
    seconds = sum(found.seconds.values())
    ending = (
        f"{found.status}: {found.reason} ({found.iterations} iterations, {found.simulations} simulated windows, {seconds:.1f} s)"
    )
    console.say(ending, "green" if found.status == "converged" else "yellow")
    for name in ("report.html", *models):
        console.say(f"{job.folder / name}")
    log.info("%s; cost %.6g -> %.6g", ending, found.cost_first, found.cost_best)
