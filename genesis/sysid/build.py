"""The estimation problem from plain descriptions, in the order in which its parts need each other."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.channels import make_channel
from genesis.errors import InputError
from genesis.observations import (
    Dataset,
    Recording,
    StateLayout,
    input_places,
    input_units,
    load,
    measured_state,
    not_measured,
    start_noise,
    state_layout,
    suspicions,
)
from genesis.parameters import StartState, make_parameters
from genesis.setting import Columns, Recorded, Setting
from genesis.start import start_state
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals, of_windows
from genesis.sysid.shooting import Shooting


def make_problem(
    scene: Any,
    robot: Any,
    entities: dict[str, Any],
    *,
    homes: Mapping[str, Any],
    tool: str | None,
    seed: int,
    observation: Mapping[str, Any],
    parameters: Mapping[str, Mapping[str, Any]],
    shooting: Mapping[str, Any],
    base: Path | None = None,
) -> RecordingProblem:
    """The problem of the training recordings.

    Args:
        scene: built with n_envs = 0. entities: by name, the robot among them; homes: their configurations, None for the file's.
        observation: node of the config, see `genesis.observations.load`; base: folder of relative files.
        parameters: name -> kind and keyword arguments, see `genesis.parameters`; start states are free where none of kind start_state
        says otherwise.
        shooting: fields of `Shooting`.
    """
    generator = torch.Generator().manual_seed(seed)
    named = {entities[name]: homes.get(name) for name in entities}
    qpos, qvel = start_state(scene, robot, named, generator=generator)
    setting = Setting(
        scene=scene, robot=robot, entities=entities, tool=tool, horizon=1, dt=scene.dt, control="force", start_qpos=qpos,
        start_qvel=qvel, generator=generator,
    )  # fmt: skip
    return problem_of(setting, load(observation, base), parameters, Shooting(**shooting), free_starts=True)


def problem_of(
    setting: Setting,
    dataset: Dataset,
    parameters: Mapping[str, Mapping[str, Any]],
    shooting: Shooting | None = None,
    free_starts: bool = False,
) -> RecordingProblem:
    """The problem of recordings that are already read.

    free_starts: what start states are where no parameter of kind start_state says so: free, or measured exactly.
    Raises: InputError if no number is learned.
    """
    channels = {
        name: make_channel(setting, spec.where, spec.kind, spec.names, spec.options) for name, spec in dataset.specs.items()
    }
    for spec in dataset.inputs.values():
        input_places(setting, spec)  # names are checked before their numbers are judged
    dataset.warnings += suspicions(setting, dataset)
    measured = {name: Columns(channel.labels, channel.units) for name, channel in channels.items()}
    driven = {name: Columns(spec.labels, input_units(setting, spec)) for name, spec in dataset.inputs.items()}
    setting = replace(setting, recorded=Recorded(measured, driven))
    made = make_parameters(setting, parameters)
    starts = [parameter for parameter in made.values() if isinstance(parameter, StartState)]
    numbers = {name: parameter for name, parameter in made.items() if not isinstance(parameter, StartState)}
    if not any(parameter.learn for parameter in numbers.values()):
        raise InputError("parameter: nothing is identified; give at least one parameter with learn: true.")
    layout = state_layout(setting, dataset)
    _tell_unmeasured(setting, dataset, layout, shooting or Shooting())
    states = partial(_state, dataset, layout)
    start = next(iter(starts), None)
    if start is None and free_starts:
        start = StartState(setting, "parameter")
        start.implied = True
    noise = partial(_start_noise, dataset, layout)
    return RecordingProblem(setting, dataset, channels, numbers, shooting or Shooting(), dataset.train, states, start, noise)


def _tell_unmeasured(setting: Setting, dataset: Dataset, layout: StateLayout, shooting: Shooting) -> None:
    """Warn of joints whose position nothing measures. Raises: InputError where windows inside a recording would start from nothing at all."""
    missing, everything = not_measured(setting, dataset, layout)
    if not missing:
        return
    text = f"{'joint' if len(missing) == 1 else 'joints'} {', '.join(missing)}"
    measured = "joint_position, or markers and poses of enough links"
    if everything and shooting.window is not None:
        raise InputError(
            f"observation.channels: no channel tells the position of {text}, so that the start of a window is unknown; measure it "
            f"({measured}), or simulate whole recordings from the robot's home (shooting.window=null)."
        )
    dataset.warnings.append(
        f"observation.channels: no channel tells the position of {text}: windows start there at home, at rest unless a velocity is "
        f"measured. Measure it ({measured}), or free the start (parameter.start.kind=start_state, position_std=null)."
    )


def validation_problem(problem: RecordingProblem) -> RecordingProblem | None:
    """The same parameters judged on the recordings that were held out, from measured start states; None without any.

    Numbers that each recording has of its own are those of the start there.
    """
    held_out = problem.dataset.validation
    if not held_out:
        return None
    parameters = {}
    for name, parameter in problem.parameters.items():
        if parameter.each_recording:
            frozen = copy(parameter)
            frozen.learn = False
            parameters[name] = frozen
        else:
            parameters[name] = parameter
    return replace(problem, parameters=parameters, recordings=held_out, start=None, simulations=0, windows=[], batches=[])


def held_out_starts(problem: RecordingProblem, best: np.ndarray) -> Residuals | None:
    """The recordings that were held out with all that belongs to them alone free, as in training: start states, and numbers of each recording;
    what they share stays as in a flat point of ``problem``. None where there is nothing of that kind, or nothing is held out."""
    own = any(parameter.each_recording for parameter in problem.learned)
    if not problem.dataset.validation or not (own or problem.nt):
        return None
    made = of_windows(replace(problem, recordings=problem.dataset.validation, simulations=0, windows=[], batches=[]))
    places = [k for _, recording, part in made.problem.slices if recording is None for k in range(part.start, part.stop)]
    made.held = dict(zip(places, best[shared_numbers(problem)].tolist(), strict=True))
    return made


def shared_numbers(problem: RecordingProblem) -> list[int]:
    """Columns of z that are not of a single recording, in the order of `validation_problem`."""
    return [k for parameter, recording, part in problem.slices if recording is None for k in range(part.start, part.stop)]


def _state(dataset: Dataset, layout: Any, recording: Recording, times: Any) -> Any:
    return measured_state(recording, dataset, layout, times)


def _start_noise(dataset: Dataset, layout: Any, recording: Recording, times: Any) -> Any:
    return start_noise(recording, dataset, layout, times)
