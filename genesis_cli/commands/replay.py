"""The replay of a run: written into its folder at its end, or made anew from what lies there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.build import task_on
from genesis_cli.commands.prepare import Prepared
from genesis_cli.commands.report import beside
from genesis_cli.errors import CommandError
from genesis_cli.job import Job
from genesis_cli.run_folder import stored_config
from genesis_cli.validate import Checked

HTML = "replay.html"


def wanted(job: Job, checked: Checked) -> bool:
    """Whether this job writes its replay: as `logging.replay` says; null: unless it is one of many."""
    asked = checked.plain["logging"].replay
    return job.sweep is None if asked is None else bool(asked)


def title_of(job: Job, checked: Checked) -> str:
    """What a replay of this job is called."""
    task = job.choices.get("tasks") or job.choices.get("observations") or checked.task.kind
    return f"{task} with {checked.robot.name}"


def write_replay(job: Job, make: Callable[[], Any]) -> None:
    """Write replay.npz and replay.html, and say where. The run is over: what fails here is told, and is no reason to fail.

    Args: make: gives the `genesis.replay.replay.Replay`.
    """
    from genesis.replay.html import write_html
    from genesis.replay.replay import FILE

    with beside("replay", job.log):
        replay = make()
        replay.save(job.folder / FILE)
        console.say(f"{write_html(replay, job.folder / HTML)}")


def learned_replay(job: Job, prepared: Prepared, loop: Any) -> Any:
    """Of an optimisation whose best point is in the leaves of its task."""
    if prepared.checked.task.kind == "episodes":
        return _shown(loop.problem, title_of(job, prepared.checked))
    from genesis.runners.replay import replay_of_task

    latest = loop.problem.latest
    return replay_of_task(
        prepared.task, title=title_of(job, prepared.checked), initial=_initial(prepared.task, prepared.checked),
        last=None if latest is None else latest.point, without=loop.best.diverged,
    )  # fmt: skip


def simulated_replay(job: Job, prepared: Prepared) -> Any:
    """Of one rollout of a task."""
    from genesis.runners.replay import SIMULATED, replay_of_task

    return replay_of_task(prepared.task, title=title_of(job, prepared.checked), name=SIMULATED)


def identified_replay(job: Job, prepared: Prepared, problem: Any) -> Any:
    """Of an identification that is at its best point."""
    from genesis.runners.recorded_replay import replay_of_identification

    return replay_of_identification(prepared.task, problem.start, problem.squares.x, title=title_of(job, prepared.checked))


def rebuilt(folder: Path) -> Any:
    """The replay of a run that wrote none, from its config and its solution.

    Raises: CommandError, GenesisError for a folder that is no run, or whose motion cannot be made again.
    """
    import numpy as np

    from genesis.runners.names import CONFIG, SOLUTION, TRAJECTORY
    from genesis.runners.replay import SIMULATED, replay_of_task
    from genesis.runners.report.folder import chosen_options
    from genesis_cli.stored import checked_of, load_solution, task_of_checked

    if not (folder / CONFIG).is_file():
        raise CommandError(f"{folder}: no run there ({CONFIG} is missing); give a run folder such as outputs/DATE/TIME.")
    if "observation" in stored_config(folder / CONFIG):
        raise CommandError(f"{folder}: this identification wrote no replay; make it with `genesis sysid --rerun {folder}`.")
    if not (folder / SOLUTION).is_file() and not (folder / TRAJECTORY).is_file():
        raise CommandError(f"{folder}: the run has no motion ({SOLUTION} is missing): it has not ended, or is none of optimize.")
    checked = checked_of(folder)
    task = task_of_checked(folder, checked)
    title = f"{chosen_options(folder).get('tasks') or checked.task.kind} with {checked.robot.name}"
    if checked.task.kind == "episodes":
        return _episodes(task, folder / SOLUTION, title)
    if not (folder / SOLUTION).is_file():
        return replay_of_task(task, title=title, name=SIMULATED)
    qpos = load_solution(folder).qpos
    lost = np.flatnonzero(~np.isfinite(qpos).all((0, 2))).tolist() if qpos.ndim == 3 else []
    return replay_of_task(task, title=title, initial=_initial(task, checked), without=lost)


def _shown(problem: Any, title: str) -> Any:
    """Some episodes of a policy that is in the leaves of its task."""
    from genesis.runners.episode_replay import SHOWN, replay_of_episodes

    found = problem.test(SHOWN)
    return replay_of_episodes(problem.task.setting, found.qpos, found.qvel, title=title)


def _episodes(task: Any, file: Path, title: str) -> Any:
    """The same of a stored policy."""
    from genesis.runners.episode_arrays import restore
    from genesis.runners.training import TrainingProblem

    problem = TrainingProblem(task)
    restore(problem, file)
    return _shown(problem, title)


def forget(folder: Path) -> None:
    """Take away the replay of a run that goes on: it shows a motion that is no longer the best."""
    from genesis.replay.replay import FILE

    for name in (FILE, HTML):
        (folder / name).unlink(missing_ok=True)


def _initial(task: Any, checked: Checked) -> Any:
    """The same task on the same scene where learning begins."""
    scene = task.setting.scene
    scene.reset()  # starts are taken from its state, which rollouts have moved
    return task_on(scene, checked)
