"""Several optimisations as environments of one batched simulation."""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from genesis_cli.build import absolute_files, start_engine, task_on
from genesis_cli.build_scene import build_scene
from genesis_cli.commands.optimize import learn, outcome_of
from genesis_cli.commands.prepare import Prepared
from genesis_cli.errors import CommandError
from genesis_cli.job import Job, Outcome
from genesis_cli.progress import Progress
from genesis_cli.sweeps.batched import REMEDY
from genesis_cli.validate import Checked, check

# Keys under scene and robot that are physical parameters of the model, which every environment can have its own of.
PHYSICAL = ("gravity", "density", "friction")
SHARED = "is shared by all environments of launcher=batched"
HINT = f"{REMEDY}, or name the quantity as a parameter that is not learned (kind: mass, friction, …, learn: false)"

Attend = Callable[[Job, Callable[[Job], Outcome]], None]


def run_together(jobs: list[Job], attend: Attend) -> None:
    """Run the jobs at once; `attend(job, work)` keeps a job's folder around its work.

    Raises: CommandError for jobs that cannot share a simulation, naming the key.
    """
    earlier: dict[str, tuple[Any, Any]] = {}
    tried = [attempt(job, earlier) for job in jobs]
    good = [(job, checked) for job, checked in zip(jobs, tried, strict=True) if isinstance(checked, Checked)]
    for job, checked in zip(jobs, tried, strict=True):
        if not isinstance(checked, Checked):
            attend(job, partial(give_up, checked))
    if not good:
        return
    first = good[0][1]
    for _, checked in good[1:]:
        refuse_differences(first, checked)
    if any(loss.kind == "user" for loss in first.loss.values()):
        raise CommandError(f"loss: a loss of kind user sees the whole scene, which {SHARED}; {REMEDY}.")
    start_engine(first.plain["runtime"])
    ready = []
    scenes: list[tuple[Checked, Any]] = []
    for job, checked in good:
        clock = perf_counter()
        try:
            if checked.task.kind == "episodes":
                raise CommandError(f"launcher: jobs of launcher=batched are tasks without episodes; {REMEDY}.")
            task = task_on(scene_of(checked, scenes), checked)
        except Exception as error:
            attend(job, partial(give_up, error))
        else:
            ready.append((job, Prepared(checked, task, {"build": perf_counter() - clock})))
    if ready:
        move_together(ready, attend)


def move_together(ready: list[tuple[Job, Prepared]], attend: Attend) -> None:
    """The loops of all candidates in step."""
    from genesis.runners.lockstep import Lockstep
    from genesis.runners.together import Together, TogetherProblem

    first = ready[0][1]
    together = Together([prepared.task for _, prepared in ready], lambda envs: build_scene(first.checked, envs))
    lockstep = Lockstep(together)
    progress = progress_of(first, len(ready))

    def work(number: int, prepared: Prepared, job: Job) -> Outcome:
        problem = partial(TogetherProblem, ask=partial(lockstep.ask, number))
        observers = [progress] if progress is not None and number == 0 else []
        loop, result = learn(job, prepared, observers, problem)
        loop.record.release()
        return outcome_of(result)

    lockstep.run([partial(attend, job, partial(work, n, prepared)) for n, (job, prepared) in enumerate(ready)])


def progress_of(first: Prepared, count: int) -> Progress | None:
    """Progress of the first candidate stands for all: they move in step."""
    if not first.checked.plain["logging"].progress:
        return None
    steps = first.task.setting.horizon * count * max(first.checked.task.envs, 1)
    return Progress(first.checked.plain["stop"].iterations, steps)


def attempt(job: Job, earlier: dict[str, tuple[Any, Any]]) -> Checked | Exception:
    """The checked config of a job, or what is wrong with it; `earlier` as in `check`."""
    try:
        absolute_files(job)
        return check(job.cfg, earlier)
    except Exception as error:
        return error


def give_up(error: Exception, job: Job) -> Outcome:
    """The work of a job that cannot begin."""
    raise error


def scene_of(checked: Checked, scenes: list[tuple[Checked, Any]]) -> Any:
    """The candidate's own small scene; candidates with equal bodies share one."""
    for other, scene in scenes:
        if (other.scene, other.robot) == (checked.scene, checked.robot):
            return scene
    scene = build_scene(checked, checked.task.envs)
    scenes.append((checked, scene))
    return scene


def refuse_differences(first: Checked, other: Checked) -> None:
    """Raises: CommandError naming the first key that the candidates of one batch cannot differ in."""
    for name in ("scene", "robot"):
        for key, mine, theirs in differences(name, getattr(first, name), getattr(other, name)):
            if key.rpartition(".")[2] not in PHYSICAL:
                raise CommandError(f"{key}: {mine} and {theirs}, but it {SHARED}; {HINT}.")
    for key in ("kind", "horizon", "control", "envs"):
        mine, theirs = getattr(first.task, key), getattr(other.task, key)
        if mine != theirs:
            raise CommandError(f"task.{key}: {mine} and {theirs}, but it {SHARED}; {REMEDY}.")
    for key in ("backend", "precision", "threads", "kernel_threads"):
        mine, theirs = (getattr(c.plain["runtime"], key) for c in (first, other))
        if mine != theirs:
            raise CommandError(f"runtime.{key}: {mine} and {theirs}, but it {SHARED}; {REMEDY}.")


def differences(where: str, first: Any, other: Any) -> list[tuple[str, Any, Any]]:
    """(key, value, other value) of the leaves in which two nodes differ."""
    if first == other:
        return []
    tables = [node if isinstance(node, dict) else getattr(node, "__dict__", None) for node in (first, other)]
    if tables[0] is None or tables[1] is None or type(first) is not type(other):
        return [(where, first, other)]
    names = dict.fromkeys([*tables[0], *tables[1]])
    return [found for name in names for found in differences(f"{where}.{name}", tables[0].get(name), tables[1].get(name))]
