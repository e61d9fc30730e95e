"""`genesis sysid`: parameters of a model from recorded motion."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from genesis_cli import console
from genesis_cli.build import build_identification, build_problem, keep_values, values_to_begin_at
from genesis_cli.commands.optimize import outcome_of, recorded
from genesis_cli.commands.prepare import Prepared, prepare
from genesis_cli.commands.replay import identified_replay, wanted, write_replay
from genesis_cli.commands.report import asked_for, beside, leave_report
from genesis_cli.job import Job, Outcome
from genesis_cli.progress import Progress
from genesis_cli.sweeps.results import RESULT, read
from genesis_cli.validate import Checked
from genesis_cli.watch import WatchedRun

log = logging.getLogger("genesis_cli")
NOT_TRUSTED = "NOT TRUSTED"
STYLES = {"converged": "green", "does_not_fit": "red"}  # of the line that says how it ended; others yellow


def execute(job: Job, watch: bool = False, port: int | None = None, as_json: bool = False) -> Outcome:
    """One identification; the outcome's value is the objective of the estimate. watch, port: as of `genesis optimize`; as_json: result.json is
    all that stdout gets."""
    with console.reserved(as_json):
        with WatchedRun(port) if watch else nullcontext() as window:
            outcome = _execute(job, window)
        if as_json:
            console.document(read(job.folder / RESULT))
        return outcome


def _execute(job: Job, window: WatchedRun | None) -> Outcome:
    prepared = prepare(job, build_problem)
    for warning in prepared.task.dataset.warnings:
        console.note(f"warning: {warning}", "yellow")
    progress = Progress(prepared.checked.plain["stop"].iterations) if prepared.checked.plain["logging"].progress else None
    with progress or nullcontext():
        loop, result = learn(job, prepared, [progress] if progress is not None else [], window, progress)
    simulates = prepared.checked.plain["residual"] == "motion" or prepared.checked.plain["logging"].replay is True
    with loop.record.released():
        if simulates and wanted(job, prepared.checked) and result.objective_best is not None:  # the report has it inside
            write_replay(job, lambda: identified_replay(job, prepared, loop.problem))
        if result.error is None:
            conclude(job, prepared, loop, result)
        else:
            leave_report(job, prepared.checked, loop.record.held)
    if window is not None:
        window.stay()
    return outcome_of(result)


def learn(
    job: Job, prepared: Prepared, observers: list[Any], window: WatchedRun | None = None, progress: Progress | None = None
) -> tuple[Any, Any]:
    """The loop on a prepared job, with its record; returns the loop and its result.

    window: shows what it simulates. progress: is told what goes on before the first iteration.
    """
    from genesis.runners.identify import resume

    observers = [*observers, *job.observers()]
    told = {} if progress is None else {"tell": progress.say}
    run = prepared.checked.plain["starts"].run
    taken = values_to_begin_at(job, run)
    loop = build_identification(
        prepared.checked, prepared.task, seconds=prepared.seconds, taken=taken, observers=observers, **told
    )
    if window is not None:
        observe = window.observer(lambda _: identified_replay(job, prepared, loop.problem))
        loop.observers = [*loop.observers, observe]
    if job.resume:
        resume(loop, job.folder)
    keep_values(job, run, taken)
    return loop, recorded(job, prepared.checked, loop)


def conclude(job: Job, prepared: Prepared, loop: Any, result: Any) -> None:
    """Beside what the loop has stored: the files of the answer, and what the terminal shows."""
    from genesis.runners.identify import found

    made = found(loop.problem, result)
    if made is None:
        console.say(f"{result.status}: {result.reason}", "yellow")
        leave_report(job, prepared.checked, loop.record.held)
        return
    models = write_answer(job.folder, made, loop, result, prepared.checked, OmegaConf.to_yaml(job.cfg))
    show(job, made, models, prepared.task.dataset.warnings, asked_for(job, prepared.checked))


def write_answer(
    folder: Path,
    made: Any,
    loop: Any,
    result: Any,
    checked: Checked,
    config: str,
    tell: Callable[[str], None] = console.note,
) -> list[str]:
    """Identified models, report.html, the answer in result.json and in TensorBoard; returns the names of the models.

    Args:
        made: the `Identification` that the loop of a `SysidProblem` has ended with. config: as text. tell: takes what cannot be written,
            which takes nothing from the answer.
    """
    from genesis.runners.report import to_json, write_report, write_tensorboard

    doubt = "" if made.status == "converged" else f"{made.status}: {made.reason}"
    problem, logged = loop.problem, folder / "sysid.log"
    content: dict[str, Any] = {**result.content(), **to_json(made), "models": []}
    loop.record.held = content
    with loop.record.released():
        models = content["models"] = write_models(folder, problem.problem.setting, problem.parameters(), tell, doubt)
        title = f"{checked.robot.name}: {len(made.names)} parameters from {len(problem.problem.recordings)} recordings"
        if checked.plain["logging"].report is not False:
            with beside("report", logged, tell):
                write_report(folder, made, title, config, content)
        if checked.plain["logging"].tensorboard:
            with beside("curves in TensorBoard", logged, tell):
                write_tensorboard(folder / "tensorboard", made)
    return models


def write_models(
    folder: Path, setting: Any, values: dict[str, Any], tell: Callable[[str], None] = console.note, doubt: str = ""
) -> list[str]:
    """Robot files with the identified values in them, NAME.identified.urdf (or .xml), and what they cannot say beside them.

    Returns the names of what was written. What cannot be written is told, and is no reason to fail. doubt: why they are not to be trusted,
    which stands inside of them.
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
            for path in (written.path, written.sidecar) if doubt else ():
                if path is not None:
                    say_inside(path, f"{NOT_TRUSTED}: {doubt}")
        except (GenesisError, OSError) as error:
            tell(f"note: the model of {name} is not written: {error}")
            continue
        for remark in written.remarks:
            tell(f"note: {written.path.name}: {remark}")
        if not written.edits and not written.beside:
            out.unlink()
            if written.sidecar is not None:  # of joints that it does not change
                written.sidecar.unlink()
            continue
        paths = [path for path in (written.path, written.sidecar) if path is not None]
        made += [path.name for path in paths]
    return made


def say_inside(path: Path, words: str) -> None:
    """A comment on top of an XML or YAML file, behind the XML declaration."""
    from genesis.description.write import remarked
    from genesis.runners.files import write_bytes

    text = path.read_text(encoding="utf-8")
    comment = "".join(f"# {line}\n" for line in words.splitlines()) + text if path.suffix == ".yaml" else remarked(text, [words])
    write_bytes(path, comment.encode())


def show(job: Job, found: Any, models: list[str], told: list[str], page: bool) -> None:
    """Tables of estimates and errors, warnings that are not told yet, how it ended, where it lies."""
    from genesis.runners.report import (
        BASE_COLUMNS,
        ESTIMATE_COLUMNS,
        RMSE_COLUMNS,
        TORQUE_COLUMNS,
        console_rows,
        fit_lines,
        torque_rows,
    )

    estimates, errors = console_rows(found)
    console.table("", ESTIMATE_COLUMNS, estimates, right=[1, 2, 3])
    console.say()
    if found.torque_errors:
        combinations, joints = torque_rows(found)
        console.table("", BASE_COLUMNS, combinations, right=[0, 1, 2])
        console.say()
        console.table("", TORQUE_COLUMNS, joints, right=list(range(1, len(TORQUE_COLUMNS))))
        console.say()
    console.table("", RMSE_COLUMNS, errors, right=[3, 4, 6])
    console.say()
    for line in fit_lines(found):
        console.say(line)
    for warning in found.warnings:
        if warning not in told:
            console.note(f"warning: {warning}", "yellow")
    seconds = found.seconds["loop"]
    ending = (
        f"{found.status}: {found.reason} (iteration {found.iterations}, {found.simulations} simulated windows, {seconds:.1f} s)"
    )
    console.say(ending, STYLES.get(found.status, "yellow"))
    if found.fit.reasons and found.status != "does_not_fit":
        console.say(f"so far {'; '.join(found.fit.reasons)}; likeliest cause: {found.fit.cause}", "yellow")
    for doubt in found.fit.doubts if found.status != "converged" else ():
        if doubt not in found.reason:
            console.say(f"not to be trusted: {doubt}", "yellow")
    for name in models:
        console.say(f"{job.folder / name}{'' if found.status == 'converged' else f' ({NOT_TRUSTED} stands inside)'}")
    console.say(f"report {job.folder / 'report.html'}" if page and (job.folder / "report.html").is_file() else f"{job.folder}")
    log.info("%s; objective %.6g -> %.6g", ending, found.objective_first, found.objective_best)
