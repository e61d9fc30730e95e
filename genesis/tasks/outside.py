"""How what enters the physics of a task moves with its free numbers: start, controls, physical parameters; and what policies feed back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from genesis.parameters import Changes, Inputs, Parameter
from genesis.parameters.open_loop import OpenLoop
from genesis.parameters.policy import Policy
from genesis.scene.linear import entries
from genesis.setting import Setting
from genesis.tasks.rollout import inputs_of
from genesis.tasks.task import prior_rows


@dataclass(frozen=True)
class InputDerivatives:
    """Derivatives to the free numbers z (n,) of what enters the physics, states held.

    start (B, nx, n). controls (T, B, nv, n). parameters (F, n): of the entries of theta of the parameters `names`.
    feedback (T, B, nv, nx): derivative of the controls to the states that they answer to, None without policies.
    """

    start: Tensor
    controls: Tensor
    parameters: Tensor
    names: list[str]
    feedback: Tensor | None


def free_numbers(parameters: Mapping[str, Parameter]) -> list[Tensor]:
    """The leaves of all learned parameters, in the order of z."""
    return [leaf for parameter in parameters.values() if parameter.learn for leaf in parameter.leaves()]


def outside(setting: Setting, parameters: Mapping[str, Parameter], inputs: Inputs, x: Tensor) -> InputDerivatives:
    """Known Jacobians of open-loop controls, torch's forward mode for other parameters, and for policies its reverse mode at all states.

    Args:
        inputs: what the parameters have made. x: (T, B, nx) states at the start of the steps.
    """
    physics, names, places = setting.scene.rigid_solver.physics, list(inputs.physical), columns(parameters)
    (horizon, batch, nx), n = x.shape, max((own.stop for own in places.values()), default=0)
    start, controls = x.new_zeros(batch, nx, n), x.new_zeros(horizon, batch, physics.nv, n)
    physical, feedback = x.new_zeros(len(physics.columns(names)), n), None
    known = {name for name in places if isinstance(parameters[name], (OpenLoop, Policy)) or parameters[name].changes == Changes()}
    rest = [name for name in places if name not in known]
    if rest:
        at = [k for name in rest for k in range(places[name].start, places[name].stop)]
        start[..., at], controls[..., at], physical[..., at] = _forward_mode(setting, parameters, rest, names)
    for name, parameter in parameters.items():
        if isinstance(parameter, OpenLoop) and parameter.learn:
            made = parameter.jacobian().unsqueeze(1)
            for k, dof in enumerate(parameter.dofs):
                controls[:, :, dof, places[name]] = made[:, :, k]
        elif isinstance(parameter, Policy):
            gain, weights = _policy_jacobian(parameter, x, physics.nv)
            feedback = gain if feedback is None else feedback + gain
            if parameter.learn:
                controls[..., places[name]] = weights
    return InputDerivatives(start, controls, physical, names, feedback)


def columns(parameters: Mapping[str, Parameter]) -> dict[str, slice]:
    """Which of the free numbers z are those of each learned parameter."""
    made, last = dict[str, slice](), 0
    for name, parameter in parameters.items():
        if parameter.learn:
            first, last = last, last + sum(leaf.numel() for leaf in parameter.leaves())
            made[name] = slice(first, last)
    return made


def _forward_mode(
    setting: Setting, parameters: Mapping[str, Parameter], some: Sequence[str], names: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor]:
    """Start (B, nx, m), controls (T, B, nv, m) and physical parameters (F, m) to the free numbers of some of the parameters."""
    solver, own = setting.scene.rigid_solver, {name: parameters[name] for name in some}
    leaves = [leaf.detach() for leaf in free_numbers(own)]

    def made(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        here = inputs_of(setting, {**parameters, **moved(own, leaves, z)}, policies=False)
        at_start = torch.cat([here.qpos, here.qvel], -1)
        return at_start, here.controls, entries(solver, setting.control, {name: here.physical[name] for name in names})

    start, controls, physical = torch.func.jacfwd(made)(torch.cat([leaf.reshape(-1) for leaf in leaves]))
    if not setting.batch:
        start, controls = start.unsqueeze(0), controls.unsqueeze(1)
    return start, controls, physical


def moved(parameters: Mapping[str, Parameter], leaves: list[Tensor], z: Tensor) -> dict[str, Parameter]:
    """The parameters at free numbers z (n,); those that are not learned stay."""
    parts = iter(part.view(leaf.shape) for part, leaf in zip(z.split([leaf.numel() for leaf in leaves]), leaves, strict=True))
    return {
        name: parameter.with_leaves([next(parts) for _ in parameter.leaves()]) if parameter.learn else parameter
        for name, parameter in parameters.items()
    }


def prior_jacobian(parameters: Mapping[str, Parameter]) -> tuple[Tensor, Tensor] | None:
    """Residuals (m,) of what is known of parameters beforehand, and their Jacobian (m, n); None where nothing is."""
    with torch.no_grad():
        rows = prior_rows(parameters)
    if rows is None:
        return None
    leaves = [leaf.detach() for leaf in free_numbers(parameters)]

    def made(z: Tensor) -> Tensor:
        return cast(Tensor, prior_rows(moved(parameters, leaves, z)))

    return rows, torch.func.jacfwd(made)(torch.cat([leaf.reshape(-1) for leaf in leaves]))


def _policy_jacobian(policy: Policy, x: Tensor, nv: int) -> tuple[Tensor, Tensor]:
    """Derivatives (T, B, nv, ·) of a policy's controls to the states (nx) and to its weights: as many policies as there are states, each with
    weights of its own."""
    horizon, batch, nx = x.shape
    count = horizon * batch
    seen = x.reshape(count, nx).detach().requires_grad_()
    weights = [leaf.detach().expand(count, *leaf.shape).requires_grad_() for leaf in policy.leaves()]
    total = sum(leaf[0].numel() for leaf in weights)
    gain, table = x.new_zeros(count, nv, nx), x.new_zeros(count, nv, total)
    with torch.enable_grad():
        act = policy.with_leaves(weights).law()
        controls = act(*seen.split([nx - nv, nv], -1))
        for dof in policy.changes.controls:
            bars = torch.autograd.grad(controls[:, dof].sum(), [seen, *weights], retain_graph=True)
            gain[:, dof], table[:, dof] = bars[0], torch.cat([bar.flatten(1) for bar in bars[1:]], -1)
    return gain.unflatten(0, (horizon, batch)), table.unflatten(0, (horizon, batch))
