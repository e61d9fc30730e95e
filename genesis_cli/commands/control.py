"""`genesis control`: a task in closed loop."""

from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from genesis_cli import console
from genesis_cli.build import store_config, task_on
from genesis_cli.build_scene import build_scene
from genesis_cli.commands.prepare import Prepared, expect_one_motion, prepare
from genesis_cli.commands.replay import title_of, wanted, write_replay
from genesis_cli.commands.report import leave_report
from genesis_cli.errors import FAILED, OK, CommandError
from genesis_cli.job import Job, Outcome
from genesis_cli.numbers import metric_lines
from genesis_cli.progress import compiling
from genesis_cli.validate import Checked

TIMED = ("contact_schedule", "slip", "periodic")  # kinds of constraints that are of certain times of a motion


def execute(job: Job) -> Outcome:
    """Drive the plant for the task's horizon; writes trajectory.npz, control.jsonl, TensorBoard and result.json."""
    made: dict[str, Any] = {}

    def build(checked: Checked) -> Any:
        expect_one_motion(checked, "control drives a plant along one motion")
        if checked.task.envs:
            raise CommandError("task.envs: a controller drives one plant; set task.envs=0.")
        scene = build_scene(checked, 0)
        if checked.plain["control"].controller == "receding":
            made["plan"], made["losses_at"] = _plan(scene, checked)
            scene.reset()
        return task_on(scene, checked)

    prepared = prepare(job, build)
    from genesis.runners.controlled import receding, tracked
    from genesis.runners.interrupt import Interrupt
    from genesis.runners.receding import Planner, Planning

    asked, task, text = prepared.checked.plain["control"], prepared.task, store_config(job.cfg, job.folder)
    plant = _plant(prepared)
    with Interrupt() as interrupt, _Log(job.folder, text, prepared.checked.plain["logging"].tensorboard) as log, compiling():
        if asked.controller == "receding":
            planning = Planning(asked.horizon, asked.iterations, asked.every, asked.lengths, asked.shortest, asked.first)
            planner = Planner(made["plan"], planning, made["losses_at"], task.setting.horizon)
            found = receding(task, planner, plant, log.step, lambda: interrupt.asked)
        else:
            law = _law(asked.run)
            found = tracked(task, law, plant, log.step, lambda: interrupt.asked, feedback=asked.controller == "tvlqr")
    return _leave(job, prepared, found)


def _plan(scene: Any, checked: Checked) -> tuple[Any, Any]:
    """The task of a plan, and its losses as they are at a time, None where they do not change."""
    from genesis.paths import is_path
    from genesis.setting import PlanWindow
    from genesis.tasks.task import make_losses

    _refuse_still(checked)
    short, whole = deepcopy(checked), checked.task.horizon
    short.task.horizon = checked.plain["control"].horizon
    plan = task_on(scene, short, clock=PlanWindow(0, whole))
    if not any(is_path(getattr(node, "target", None)) for node in checked.loss.values()):
        return plan, None
    specs = {name: asdict(node) for name, node in checked.loss.items()}

    def losses_at(clock: Any) -> Any:
        own = make_losses(replace(plan.setting, clock=clock), specs)
        return SimpleNamespace(own_losses=own, losses={**own, **plan.constraints.losses()})

    return plan, losses_at


def _refuse_still(checked: Checked) -> None:
    """Raises: CommandError for terms that have times of their own, which do not move on with the plans."""
    from genesis.paths import is_path

    for where, nodes in (("loss", checked.loss), ("constraint", checked.constraint)):
        for name, node in nodes.items():
            if isinstance(getattr(node, "at", None), list):
                raise CommandError(
                    f"{where}.{name}.at: a part of the motion does not move on with plans; allowed here: all or end (of a plan)."
                )
    for name, node in checked.constraint.items():
        if node.kind in TIMED or is_path(getattr(node, "target", None)):
            raise CommandError(
                f"constraint.{name}: its times do not move on with plans; leave it out (constraint.{name}=null), or drive a stored motion with "
                "control.controller=tvlqr."
            )


def _plant(prepared: Prepared) -> Any:
    from genesis.runners.plant import ERRORS, NOISE, PlantOptions

    asked = prepared.checked.plain["control"]
    errors = {name: getattr(asked, f"{name}_error") for name in ERRORS}
    noise = {name: getattr(asked, f"{name}_noise") for name in NOISE}
    return PlantOptions(errors, noise, asked.delay, asked.pushes, prepared.checked.plain["runtime"].seed)


def _law(run: str | None) -> Any:
    """The feedback of a run. Raises: CommandError."""
    from genesis.runners.stored import read_solution

    if run is None:
        raise CommandError(
            "control.run: must be given for this controller: the folder of a run that ddp has found, control.run=outputs/DATE/TIME."
        )
    folder = Path(run).expanduser()
    solution = read_solution(folder.parent if folder.is_file() else folder)
    if solution.feedback is None:
        raise CommandError(f"control.run: {run} has no feedback gains; those of runs with optimizer=ddp have.")
    return solution.feedback


class _Log:
    """control.jsonl and TensorBoard's curves, a line and a point each step."""

    def __init__(self, folder: Path, text: str, board: bool) -> None:
        self.folder, self.text, self.wanted = folder, text, board

    def __enter__(self) -> "_Log":
        from genesis.runners.events import Events

        self.file = (self.folder / "control.jsonl").open("w", encoding="utf-8")
        self.board = Events(self.folder / "tensorboard") if self.wanted else None
        if self.board is not None:
            self.board.text("config", "    " + self.text.replace("\n", "\n    "))
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()
        if self.board is not None:
            self.board.close()

    def step(self, told: Any) -> None:
        """One control step."""
        import json
        import math

        row = asdict(told)
        self.file.write(
            json.dumps({k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}) + "\n"
        )
        if self.board is not None and told.status != "held":
            points = {f"control/{k}": float(row[k]) for k in ("cost", "length", "damping", "seconds")}
            self.board.scalars({**points, "control/rate": 1.0 / max(told.seconds, 1e-9)}, told.step)


def _leave(job: Job, prepared: Prepared, found: Any) -> Outcome:
    from genesis.runners.files import write_json, write_npz
    from genesis.runners.record import versions
    from genesis.runners.series import dof_arrays
    from genesis.runners.solution import meaning_arrays

    task, trajectory = prepared.task, found.trajectory
    arrays = {name: getattr(trajectory, name).detach().cpu().numpy() for name in ("qpos", "qvel", "controls")}
    arrays |= {"time": trajectory.time.detach().cpu().numpy(), **meaning_arrays(task), **dof_arrays(task), **found.arrays()}
    write_npz(job.folder / "trajectory.npz", arrays)
    result = {
        "status": found.status, "reason": found.reason, "objective": found.objective, "terms": found.terms, "metrics": found.metrics,
        "tolerances": {limit.metric: limit.largest for limit in task.limits}, "steps": len(found.loop.told), "control": found.rates,
        "seconds": {name: round(value, 6) for name, value in {**prepared.seconds, "rollout": found.seconds}.items()},
        "seed": prepared.checked.plain["runtime"].seed,
        "versions": versions(),
    }  # fmt: skip
    good = found.status in ("converged", "finished")
    console.say(f"{found.status}: {found.reason}", "green" if good else "yellow")
    for line in metric_lines(found.metrics, result["tolerances"], f"objective {found.objective:.4g}"):
        console.say(line)
    console.say(rates_line(found.rates))
    console.say(f"{job.folder}")
    try:
        if wanted(job, prepared.checked):
            from genesis.runners.replay import replay_of_task

            write_replay(
                job,
                lambda: replay_of_task(task, title=title_of(job, prepared.checked), name="closed loop", trajectory=trajectory),
            )
        leave_report(job, prepared.checked, result)
    finally:
        write_json(job.folder / "result.json", result)
    if found.loop.error is not None:
        raise found.loop.error
    return Outcome(OK if good else FAILED, found.objective, interrupted=found.status == "interrupted")


def rates_line(rates: dict[str, float]) -> str:
    """In words."""
    if "plans" not in rates:
        return (
            (
                f"largest deviation from the motion {rates['largest_position_deviation']:.3g} [rad | m], "
                f"{rates['largest_velocity_deviation']:.3g} [rad/s | m/s]"
            )
            if rates
            else ""
        )
    speed = f"{1e3 * rates['median_plan_seconds']:.1f} ms (median), {rates['iterations_per_second']:.0f} iterations/s of one core"
    return (
        f"{rates['plans']:.0f} plans of {speed}, {rates['failed']:.0f} failed; the first took {rates['first_plan_seconds']:.1f} s"
    )
