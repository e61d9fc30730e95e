"""Where a gradient left the finite numbers, for the message of the error."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from genesis.errors import DivergenceError
from genesis.model.model import Model
from genesis.model.names import coordinate_name, dof_name

if TYPE_CHECKING:
    from genesis.grad.launches import Launches
    from genesis.grad.physics import Physics
    from genesis.grad.rollout_launch import RolloutLaunch

ADVICE = "try a smaller dt, a shorter horizon, or cut the gradient (detach)"


def gradient_fault(
    launch: "RolloutLaunch",
    given: Mapping[str, torch.Tensor | None],
    made: Mapping[str, torch.Tensor],
    theta_bar: torch.Tensor | None,
    start: int,
) -> DivergenceError:
    """The error for a backward pass through T steps whose gradients are not finite.

    Args:
        given: gradients of the loss in the trajectory, (T or T + 1, B, n) or (B, n).
        made: those in what it was made of; theta_bar: those in the physical parameters, as the kernels keep them.
        start: steps before the launch.

    Time runs backwards: the last step that is not finite is at fault; of environments all are told in which something is not.
    """
    physics, launches = launch.physics, launch.launches
    widths = dict.fromkeys((*given, *made), physics.nv)
    widths |= {"qpos": physics.nq, "actuator controls": physics.nu, "external forces": 6 * physics.nlink}
    for name, gradient in given.items():
        at = _last(gradient, launches.batch, widths[name])
        if at is not None:
            step, env, column = at
            step = start + step + (0 if launch.with_initial and name != "qacc" else 1)
            return _error(
                f"the gradient that reaches {name} of {_name(physics.model, name, column)} from the loss is not finite in environment "
                f"{env} at step {step} (t = {step * physics.dt:g} s); look at the loss there (the root of zero, a division by zero).",
                env, step, name, launches.batch, _lost(given, launches.batch, widths),
            )  # fmt: skip
    found = {name: at for name, gradient in made.items() if (at := _last(gradient, launches.batch, widths[name])) is not None}
    if not found:
        return _of_parameters(physics, launches, theta_bar)
    name, (step, env, column) = max(found.items(), key=lambda item: item[1][0])
    step += start + 1
    blamed = None if launches.status is None else launches.status.fault(env)
    return _error(
        f"the gradient in {name} of {_name(physics.model, name, column)} is not finite in environment {env} at step {step} "
        f"(t = {step * physics.dt:g} s), though the motion is{'' if blamed is None else f': {blamed}'}; {ADVICE}.",
        env, step, name, launches.batch, _lost(made, launches.batch, widths),
    )  # fmt: skip


def expect_finite(
    physics: "Physics",
    batch: int,
    what: str,
    given: Mapping[str, tuple[torch.Tensor, int]],
    made: Mapping[str, torch.Tensor | None],
) -> None:
    """Of gradients at S states of B environments, of a quantity that is a function of each state alone.

    Args:
        what: that quantity; given: gradients of the loss in it, each with its width (S, B, width); made: those in what it depends on.
    Raises: DivergenceError, naming state and environment, with all environments in which one is not finite.
    """
    if math.isfinite(sum(x.sum().item() for x in made.values() if x is not None)):
        return
    for name, (gradient, width) in given.items():
        at = _last(gradient, batch, width)
        if at is not None:
            raise _error(
                f"the gradient that reaches {name} of {what} from the loss is not finite in environment {at[1]} at state {at[0]}; look at "
                "the loss there (the root of zero, a division by zero).",
                at[1], None, name, batch, _lost({n: x for n, (x, _) in given.items()}, batch, {n: w for n, (_, w) in given.items()}),
            )  # fmt: skip
    widths = {"qpos": physics.nq, "qvel": physics.nv, "qacc": physics.nv}
    for name, bar in made.items():
        at = _last(bar, batch, widths[name]) if name in widths else None
        if at is not None:
            raise _error(
                f"the gradient of {what} in {name} of {_name(physics.model, name, at[2])} is not finite in environment {at[1]} at state "
                f"{at[0]}; {ADVICE}.",
                at[1], None, name, batch, _lost({n: x for n, x in made.items() if n in widths}, batch, widths),
            )  # fmt: skip
    raise _error(f"the gradient of {what} in the physical parameters is not finite; {ADVICE}.", None, None, "parameters")


def _of_parameters(physics: "Physics", launches: "Launches", theta_bar: torch.Tensor | None) -> DivergenceError:
    """The first physical parameter whose gradient is not finite."""
    for name, (first, count) in physics.model.parameter_offsets.items():
        rows = (
            None if theta_bar is None else theta_bar.view(launches.blocks, launches.parameter_size, -1)[:, first : first + count]
        )
        if rows is not None and not bool(torch.isfinite(rows).all()):
            block, row, lane = (int(i) for i in (~torch.isfinite(rows)).nonzero()[0])
            env = min(block * launches.lanes + lane, launches.batch - 1)  # lanes that are left over repeat the last environment
            lost = (~torch.isfinite(rows)).any(1).flatten().nonzero()[:, 0].clamp(max=launches.batch - 1).unique()
            return _error(
                f"the gradient in parameter {name} (number {row}) is not finite in environment {env}, though the motion is; {ADVICE}.",
                env, None, name, launches.batch, tuple(lost.tolist()),
            )  # fmt: skip
    return _error(f"a gradient is larger than the precision holds, though the motion is finite; {ADVICE}.", None, None, "")


def _error(
    message: str, env: int | None, step: int | None, name: str, batch: int | None = None, envs: tuple[int, ...] = ()
) -> DivergenceError:
    return DivergenceError(f"backward: {message}", env=env, step=step, quantity=f"gradient of {name}", envs=envs, batch=batch)


def _lost(gradients: Mapping[str, torch.Tensor | None], batch: int, widths: Mapping[str, int]) -> tuple[int, ...]:
    """All environments with a number that is not finite in any of these gradients (S, B, width)."""
    lost: set[int] = set()
    for name, gradient in gradients.items():
        if gradient is not None and not bool(torch.isfinite(gradient).all()):
            bad = ~torch.isfinite(gradient.reshape(-1, batch, widths[name]))
            lost.update(bad.any(0).any(-1).nonzero()[:, 0].tolist())
    return tuple(sorted(lost))


def _last(gradient: torch.Tensor | None, batch: int, width: int) -> tuple[int, int, int] | None:
    """(step, environment, column) of the last step with a number that is not finite."""
    if gradient is None or bool(torch.isfinite(gradient).all()):
        return None
    bad = (~torch.isfinite(gradient.reshape(-1, batch, width))).nonzero()
    step, env, column = bad[bad[:, 0].argmax()].tolist()
    return step, env, column


def _name(model: Model, name: str, column: int) -> str:
    if name == "qpos":
        return f'"{coordinate_name(model, column)}"'
    if name == "actuator controls":
        return f'"{model.actuators[column].name}"'
    if name == "external forces":
        return f'"{model.links[column // 6].name}"'
    return f'"{dof_name(model, column)}"'
