"""How what enters the physics of a task moves with its free numbers: start, controls, physical parameters; and what policies feed back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from genesis.parameters import Inputs, Parameter
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
    """torch's forward mode for what is open loop; for policies its reverse mode at all states at once.

    Args:
        inputs: what the parameters have made. x: (T, B, nx) states at the start of the steps.
    """
    names = list(inputs.physical)
    solver = setting.scene.rigid_solver
    fixed = {name: parameter for name, parameter in parameters.items() if isinstance(parameter, Policy)}
    open_loop = {name: parameter for name, parameter in parameters.items() if name not in fixed}
    leaves = [leaf.detach() for leaf in free_numbers(open_loop)]

    def made(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        here = inputs_of(setting, fixed | moved(open_loop, leaves, z), policies=False)
        at_start = torch.cat([here.qpos, here.qvel], -1)
        return at_start, here.controls, entries(solver, setting.control, {name: here.physical[name] for name in names})

    if leaves:
        start, controls, physical = torch.func.jacfwd(made)(torch.cat([leaf.reshape(-1) for leaf in leaves]))
    else:
        start, controls, physical = (part.new_zeros(*part.shape, 0) for part in made(x.new_zeros(0)))
    if not setting.batch:
        start, controls = start.unsqueeze(0), controls.unsqueeze(1)
    if not fixed:
        return InputDerivatives(start, controls, physical, names, None)
    return _with_policies(parameters, x, InputDerivatives(start, controls, physical, names, None))


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


def _with_policies(parameters: Mapping[str, Parameter], x: Tensor, open_loop: InputDerivatives) -> InputDerivatives:
    """Add the columns of the policies' weights, in their place in z, and the feedback."""
    horizon, batch, nv, _ = open_loop.controls.shape
    feedback = x.new_zeros(horizon, batch, nv, x.shape[-1])
    columns, first = [], 0
    for parameter in parameters.values():
        size = sum(leaf.numel() for leaf in parameter.leaves()) if parameter.learn else 0
        if isinstance(parameter, Policy):
            gain, weights = _policy_jacobian(parameter, x, nv)
            feedback += gain
            columns.append(weights[..., :size])
        elif size:
            columns.append(open_loop.controls[..., first : first + size])
            first += size
    return _spread(parameters, open_loop, torch.cat(columns, -1) if columns else open_loop.controls, feedback)


def _spread(
    parameters: Mapping[str, Parameter], open_loop: InputDerivatives, controls: Tensor, feedback: Tensor
) -> InputDerivatives:
    """Start and physical parameters with columns of zeros for the weights."""
    places: list[int] = []
    at = 0
    for parameter in parameters.values():
        size = sum(leaf.numel() for leaf in parameter.leaves()) if parameter.learn else 0
        if not isinstance(parameter, Policy):
            places += range(at, at + size)
        at += size

    def spread(table: Tensor) -> Tensor:
        made = table.new_zeros(*table.shape[:-1], at)
        made[..., places] = table
        return made

    return InputDerivatives(spread(open_loop.start), controls, spread(open_loop.parameters), open_loop.names, feedback)


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
