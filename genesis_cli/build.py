"""From the checked config to objects of the engine. Imports torch and taichi when called."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from genesis_cli.build_scene import bodies_of, build_scene
from genesis_cli.job import Job
from genesis_cli.observation_files import absolute_observations
from genesis_cli.paths import resolve_file
from genesis_cli.validate import Checked

# Files that a loss or task may name instead of numbers.
DATA_FILES = (".csv", ".npy", ".npz")
BEGUN_AT = "begun_at.json"  # in the folder of a run: the estimates of another one that it began at


def absolute_files(job: Job) -> None:
    """Make every file named in the config absolute, in place, so that the stored config works from any folder."""
    cfg: DictConfig = job.cfg
    places = [("robot.file", "robots")]
    places += [(f"scene.entities.{name}.file", "scenes") for name in OmegaConf.select(cfg, "scene.entities") or {}]
    places += [("task.path", "tasks")]
    places += [(f"loss.{name}.target", "losses") for name in cfg.get("loss") or {}]
    places += [(f"constraint.{name}.target", "constraints") for name in cfg.get("constraint") or {}]
    places += [(f"parameter.{name}.init", "parameters") for name in cfg.get("parameter") or {}]
    for key, group in places:
        parent = OmegaConf.select(cfg, key.rpartition(".")[0])
        name = key.rpartition(".")[2]
        if not isinstance(parent, DictConfig) or name not in parent or OmegaConf.is_interpolation(parent, name):
            continue
        if OmegaConf.is_missing(parent, name) or not isinstance(parent[name], str):
            continue
        if name != "file" and Path(parent[name]).suffix not in DATA_FILES:
            continue
        typed = any(word.lstrip("+").startswith(f"{key}=") for word in job.overrides)
        parent[name] = resolve_file(parent[name], key, group, job.choices, job.sources, from_command_line=typed)
    for node, group in (("loss", "losses"), ("constraint", "constraints")):
        for name in cfg.get(node) or {}:
            _absolute_function(job, f"{node}.{name}", group)
    run = OmegaConf.select(cfg, "starts.run")
    if isinstance(run, str):
        cfg.starts.run = str(Path(run).expanduser().absolute())
    absolute_observations(cfg, job.choices, job.sources, job.overrides)


def _absolute_function(job: Job, where: str, group: str) -> None:
    """The file of a user's loss or constraint, FILE.py:function, made absolute in place."""
    node = OmegaConf.select(job.cfg, where)
    given = node.get("function") if isinstance(node, DictConfig) and "function" in node else None
    if not isinstance(given, str) or ":" not in given:
        return
    file, _, name = given.rpartition(":")
    typed = any(word.lstrip("+").startswith((f"{where}=", f"{where}.function=")) for word in job.overrides)
    node["function"] = f"{resolve_file(file, f'{where}.function', group, job.choices, job.sources, typed)}:{name}"


def start_engine(runtime: Any) -> None:
    """`gs.init`, or only a new seed if an earlier job of this process has started the same engine."""
    import torch

    from genesis import runtime as engine

    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    if engine.initialized():
        if engine_differs(runtime) is None:
            engine.set_seed(runtime.seed)
            return
        engine.destroy()
    engine.init(
        backend=runtime.backend,
        precision=runtime.precision,
        seed=runtime.seed,
        cpu_threads=runtime.kernel_threads,
        logging_level="info",
    )


def engine_differs(runtime: Any) -> str | None:
    """The first key of `runtime` in which the engine that runs is another one."""
    from genesis import runtime as engine

    now = engine.state()
    running = {"backend": now.asked[0].value, "precision": now.precision, "kernel_threads": now.cpu_threads}
    return next((name for name, value in running.items() if getattr(runtime, name) != value), None)


def build_task(checked: Checked) -> Any:
    """The scene of the config, and the task on it."""
    if checked.task.kind == "episodes":
        return build_episodes(checked)
    return task_on(build_scene(checked, checked.task.envs), checked)


def build_episodes(checked: Checked) -> Any:
    """The scene of the config, and the episodes on it."""
    from genesis.episodes.build import make_episodes

    scene, bodies = build_scene(checked, 0), bodies_of(checked)
    return make_episodes(
        scene,
        scene.get_entity(checked.robot.name),
        {name: scene.get_entity(name) for name in bodies},
        homes={name: body.home for name, body in bodies.items()},
        tool=checked.robot.tool,
        dt=scene.dt,
        seed=checked.plain["runtime"].seed,
        task=asdict(checked.task),
    )


def build_problem(checked: Checked) -> Any:
    """The scene of the config, and the estimation problem on it."""
    from genesis.sysid.build import make_problem

    scene, bodies = build_scene(checked, 0), bodies_of(checked)
    return make_problem(
        scene,
        scene.get_entity(checked.robot.name),
        {name: scene.get_entity(name) for name in bodies},
        homes={name: body.home for name, body in bodies.items()},
        tool=checked.robot.tool,
        seed=checked.plain["runtime"].seed,
        observation=asdict(checked.plain["observation"]),
        parameters={name: asdict(node) for name, node in checked.parameter.items()},
        shooting=asdict(checked.plain["shooting"]),
    )


def task_on(scene: Any, checked: Checked, seed: int | None = None, clock: Any = None) -> Any:
    """The task of the config on its built scene; seed: in place of the config's; clock: of a plan that is part of a longer motion."""
    from genesis.tasks import make_task

    bodies = bodies_of(checked)
    return make_task(
        scene,
        scene.get_entity(checked.robot.name),
        {name: scene.get_entity(name) for name in bodies},
        homes={name: body.home for name, body in bodies.items()},
        tool=checked.robot.tool,
        dt=scene.dt,
        seed=checked.plain["runtime"].seed if seed is None else seed,
        task=asdict(checked.task),
        parameters={name: asdict(node) for name, node in checked.parameter.items()},
        losses={name: asdict(node) for name, node in checked.loss.items()},
        constraints={name: asdict(node) for name, node in checked.constraint.items()},
        clock=clock,
    )


def build_method(checked: Checked) -> Any:
    """The method of the config."""
    from genesis.methods import make_method

    plain = checked.plain
    return make_method(asdict(checked.optimizer), asdict(checked.scheduler), plain["stop"].iterations, plain["runtime"].seed)


def build_further(checked: Checked, task: Any = None) -> list[Any]:
    """The descents that follow the first: restarts of a task, and the polish."""
    import numpy as np

    from genesis.methods import SEEDED, make_method
    from genesis.runners.evaluate import groups_of
    from genesis.runners.further import Further, Restarts, drawn_anew, start

    plain, made = checked.plain, []
    iterations, seed = plain["stop"].iterations, plain["runtime"].seed
    restarts = Restarts(**vars(plain["restarts"])) if "restarts" in plain else Restarts()

    def begin(k: int) -> Any:
        drawn = drawn_anew(task.parameters, task_on(task.setting.scene, checked, seed + k).parameters)
        return start(
            restarts.spread, groups_of(task), drawn, np.random.default_rng((seed, k)), alone=checked.optimizer.kind in SEEDED
        )

    for k in range(1, restarts.count + 1):
        method = make_method(asdict(checked.optimizer), asdict(checked.scheduler), iterations, seed, k)
        made.append(Further(f"restart {k} of {restarts.count}", method, partial(begin, k)))
    if checked.polish is not None:
        made.append(Further("polish", make_method(asdict(checked.polish), {"kind": "constant"}, iterations, seed)))
    return made


def build_loop(
    checked: Checked, task: Any, *, seconds: dict[str, float], problem: Callable[..., Any] | None = None, **options: Any
) -> Any:
    """The run of the config on its task.

    Args:
        seconds: spent before, by phase. problem: what evaluates points, where that is not the task alone. options: observers, signals.
    Raises: InputError for a task that the method cannot learn.
    """
    if checked.task.kind == "episodes":
        return build_training(checked, task, seconds, problem is not None, options)
    from genesis.runners.constrained import Rounds
    from genesis.runners.estimator import GradientOptions
    from genesis.runners.evaluate import TaskProblem
    from genesis.runners.loop import Stop
    from genesis.runners.optimize import optimization
    from genesis.runners.shooting import MultipleShooting

    plain = checked.plain
    return optimization(
        task, build_method(checked), Stop(**vars(plain["stop"])), seconds=seconds, problem=problem or TaskProblem,
        further=build_further(checked, task),
        shooting=MultipleShooting(**vars(plain["multiple_shooting"])) if "multiple_shooting" in plain else MultipleShooting(),
        gradient=GradientOptions(**vars(plain["gradient"]), seed=plain["runtime"].seed) if "gradient" in plain else GradientOptions(),
        budget_mb=plain["memory"].budget_mb if "memory" in plain else None,
        rounds=Rounds(**vars(plain["augmented_lagrangian"])) if "augmented_lagrangian" in plain else Rounds(),
        checkpoint_every=plain["logging"].checkpoint_every, seed=plain["runtime"].seed, **options,
    )  # fmt: skip


def build_training(checked: Checked, task: Any, seconds: dict[str, float], together: bool, options: dict[str, Any]) -> Any:
    """The run of the config on its episodes; together: in one batch with others.

    Raises: InputError for what episodes do not have.
    """
    from genesis.errors import InputError
    from genesis.runners.loop import Loop, Stop
    from genesis.runners.training import TrainingProblem

    plain = checked.plain
    for name in ("loss", "constraint", "parameter"):
        if getattr(checked, name):
            raise InputError(
                f"{name}.{next(iter(getattr(checked, name)))}: a task of episodes has rewards and a policy of its own; leave it out."
            )
    if together:
        raise InputError("launcher: jobs of launcher=batched are tasks without episodes; use another launcher.")
    if build_further(checked, task):
        raise InputError("polish, restarts: policies are learned in one descent; leave them out.")
    method = build_method(checked)
    if method.revisits and method.needs == "gradient":
        raise InputError(
            f"optimizer: {method.kind} compares points, and no window of episodes is like another; take optimizer=shac, or adam."
        )
    return Loop(
        TrainingProblem(task, seconds=seconds), method, Stop(**vars(plain["stop"])),
        checkpoint_every=plain["logging"].checkpoint_every, seed=plain["runtime"].seed, **options,
    )  # fmt: skip


def build_identification(
    checked: Checked, problem: Any, *, seconds: dict[str, float], taken: dict[str, float] | None = None, **options: Any
) -> Any:
    """The run of the config on its recordings.

    Args:
        seconds: spent before, by phase. taken: what `starts.run` has found, where it is known. options: observers, signals.
    Raises: InputError for a problem that the method cannot lower, UnknownNameError.
    """
    from genesis.runners.identify import identification
    from genesis.runners.loop import Stop
    from genesis.sysid.answer import Asked
    from genesis.sysid.fit import FitLimits
    from genesis.sysid.identification import Starts

    plain = checked.plain
    begin_at_run(plain["starts"].run, problem, taken)
    asked = plain["statistics"]
    limits = FitLimits(asked.chi2, asked.explained, asked.held_out, asked.absurd)
    starts = Starts(**{name: value for name, value in vars(plain["starts"]).items() if name != "run"})
    return identification(
        problem, build_method(checked), Stop(**vars(plain["stop"])), starts=starts,
        asked=Asked(asked.errors, asked.profile, limits), seconds=seconds, seed=plain["runtime"].seed, further=build_further(checked),
        checkpoint_every=plain["logging"].checkpoint_every, torque=_torque(plain), **options,
    )  # fmt: skip


def _torque(plain: dict[str, Any]) -> Any:
    """How torques identify, where the config wants that; else None."""
    from genesis.sysid.inverse_dynamics.equations import TorqueOptions

    if plain.get("residual", "motion") != "torque":
        return None
    return TorqueOptions(**vars(plain["torque"]))


def begin_at_run(run: str | None, problem: Any, taken: dict[str, float] | None = None) -> None:
    """Put the estimates of another run into the parameters that both have, and say which. Raises: InputError."""
    if run is None:
        return
    from genesis.sysid.warm_start import begin_at
    from genesis_cli import console

    console.note(begin_at(problem, Path(run), taken))


def values_to_begin_at(job: Job, run: str | None) -> dict[str, float] | None:
    """Estimates of `starts.run`, of a run that goes on those that it began at, which its folder keeps; None without any. Raises: InputError."""
    if run is None:
        return None
    from genesis.sysid.warm_start import estimates_of

    kept = job.folder / BEGUN_AT
    return estimates_of(kept if job.resume and kept.is_file() else Path(run))


def keep_values(job: Job, run: str | None, taken: dict[str, float] | None) -> None:
    """Write what a run begins at into its folder: the other run may move, or go on."""
    if taken is None or job.resume:
        return
    from genesis.runners.files import write_json

    job.folder.mkdir(parents=True, exist_ok=True)
    rows = [{"name": name, "value": value} for name, value in taken.items()]
    write_json(job.folder / BEGUN_AT, {"run": run, "estimates": rows})


def store_config(cfg: DictConfig, folder: Path) -> str:
    """Write config.yaml, which --rerun and --resume read: the composed config with absolute paths; returns its text."""
    from genesis.runners.files import write_bytes

    text = OmegaConf.to_yaml(cfg)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "config.yaml", text.encode())
    return text


def build_record(checked: Checked, cfg: DictConfig, folder: Path) -> Any:
    """The record of a run in its folder, which has the config already."""
    from genesis.runners.record import Record, RecordOptions

    writing = checked.plain["logging"]
    hyperparameters = settings(cfg) if writing.tensorboard else None
    return Record(folder, RecordOptions(store_config(cfg, folder), hyperparameters, writing.tensorboard, writing.every))


def settings(cfg: DictConfig) -> dict[str, Any]:
    """The numbers, texts and switches of a config as a flat table, for comparing runs."""
    from genesis_cli.compose import flat_keys

    resolved = cfg.copy()
    OmegaConf.resolve(resolved)
    return {key: value for key, value in flat_keys(resolved).items() if isinstance(value, (bool, int, float, str))}
