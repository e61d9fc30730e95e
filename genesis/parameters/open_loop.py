"""Open-loop controls u(t) = bounds(base + Σ_k W_tk z_k S): the body of zero-order hold and splines."""

from copy import copy
from typing import Any, Self

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.grad.tensor import plain
from genesis.parameters.bounds import Bounds, read_bounds
from genesis.parameters.parameter import Changes, Inputs
from genesis.paths import is_path, path
from genesis.selection import dofs, driven_joints, finite, indices, joints_of, limits, tensor, vector
from genesis.setting import Setting


class OpenLoop:
    """Controls (T, n) of chosen degrees of freedom, the same in every environment.

    in_time: the free numbers (K, n) are those of K times, one after the other.

    Args:
        weights: W (T, K): which knots make the control at each step; None: each step has its own.
        rest: the keyword arguments of `Hold` and `Knots`.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        weights: Tensor | None,
        *,
        joints: Any,
        entity: str | None,
        init: Any,
        noise: float,
        scale: Any,
        bounds: Any,
        transform: str | None,
        learn: bool,
        lr: float | None,
    ) -> None:
        self.learn, self.lr = learn, lr
        self.weights = weights
        body = setting.entity(where, entity)
        chosen = driven_joints(where, body, joints)
        self.dofs, self.nv = dofs(chosen), setting.start_qvel.shape[-1]
        self.changes = Changes(controls=tuple(self.dofs))
        n = len(self.dofs)
        self.base = start_controls(f"{where}.init", init, setting, body, self.dofs)
        self.unit = control_unit(f"{where}.scale", scale, setting, body, chosen, self.dofs)
        named = {"limits": limits(body, chosen, setting.control)}
        self.limits = read_bounds(where, bounds, n, transform or "smooth", named)
        if self.limits is not None:
            self.base = self.limits.invert(self.base)
        self.horizon = setting.horizon
        count = self.horizon if weights is None else weights.shape[1]
        noises = torch.randn(count, n, generator=setting.generator, dtype=torch.float64)
        self.free = (noise * tensor(noises)).requires_grad_(learn)

    in_time = True

    def leaves(self) -> list[Tensor]:
        return [self.free]

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        scale = self.unit.diagonal()
        if self.limits is None or self.limits.smooth or not torch.equal(self.unit, torch.diag(scale)):
            return [None]  # coupled numbers have no bounds of their own; the controls are cut off instead
        low, high = (self.limits.low - self.base) / scale, (self.limits.high - self.base) / scale
        if low.ndim == 2 and not self.per_step:
            return [None]  # a knot makes controls at steps with bounds of their own
        return [(low.expand_as(self.free), high.expand_as(self.free))]

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        made = copy(self)
        (made.free,) = leaves
        return made

    def value(self) -> Tensor:
        """(T, n)"""
        curve = self._curve()
        return curve if self.limits is None else self.limits.apply(curve)

    def jacobian(self) -> Tensor:
        """Derivative of `value` to the free numbers (T, n, K n), those of a knot together: bounds'(curve) W_tk S."""
        weights = (torch.eye(self.horizon).to(self.free) if self.weights is None else self.weights)[:, None, :]
        if self.limits is not None:
            weights = weights * self.limits.slope(self._curve()).unsqueeze(-1)
        return (weights.unsqueeze(-1) * self.unit.T[:, None, :]).flatten(2)

    def _curve(self) -> Tensor:
        """What bounds are applied to (T, n)."""
        return self.base + (self.free if self.weights is None else self.weights @ self.free) @ self.unit

    def set_value(self, value: Tensor) -> None:
        """Knots whose curve is nearest to this one, in the sense of least squares."""
        if value.shape != (self.horizon, len(self.dofs)):
            raise InputError(f"controls have shape {tuple(value.shape)}; needs {(self.horizon, len(self.dofs))}, steps by dofs.")
        curve = (value if self.limits is None else self.limits.invert(value)) - self.base
        if self.weights is not None:
            curve = torch.linalg.lstsq(self.weights, curve).solution
        knots = torch.linalg.solve(self.unit, curve, left=False)
        with torch.no_grad():
            self.free.copy_(finite("controls", knots))

    @property
    def per_step(self) -> bool:
        """Whether every step has free numbers of its own."""
        return self.weights is None

    def cut_off(self) -> None:
        """Keep bounds by cutting off from now on, so that controls may lie on them; the present controls stay."""
        if self.limits is not None and self.limits.smooth:
            value, base = self.value().detach(), self.limits.apply(self.base)
            self.limits, self.base = Bounds(self.limits.low, self.limits.high, smooth=False), base
            self.set_value(value)

    def apply(self, inputs: Inputs) -> None:
        value = self.value()
        if len(inputs.controls.shape) == 3:
            value = value.unsqueeze(1).expand(-1, inputs.controls.shape[1], -1)
        inputs.controls = inputs.controls.index_add(-1, indices(self.dofs), value)

    def project(self) -> None:
        limits = self.leaf_bounds()[0]
        if limits is not None:
            with torch.no_grad():
                self.free.copy_(torch.clamp(self.free, limits[0], limits[1]))

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return None if self.limits is None else (self.limits.low, self.limits.high)

    def labels(self) -> list[str]:
        return []

    def prior_residuals(self) -> Tensor | None:
        return None


def start_controls(where: str, init: Any, setting: Setting, body: Any, index: list[int]) -> Tensor:
    """Controls before learning: (n,) at every step, or (T, n) along waypoints or a file of them.

    A path of forces has the force of each step, one of targets the target of each state: a step takes that of the state it leads to.
    """
    if not is_path(init):
        return start_control(where, init, setting, body, index)
    if setting.control == "force":
        return path(where, init, len(index), setting.horizon - 1)
    return path(where, init, len(index), setting.horizon)[1:]


def start_control(where: str, init: Any, setting: Setting, body: Any, index: list[int]) -> Tensor:
    """Control (n,) before learning.

    zero, or numbers; gravity: the force that holds the start; with position control home: the start itself, hold: the target that holds
    the start against gravity, by the gains of the robot.
    """
    qpos, qvel = setting.one_start()
    if isinstance(init, str):
        if init == "zero":
            return torch.zeros_like(qvel[index])
        if init == "gravity" and setting.control == "force":
            return _gravity(setting, index)
        if init in ("home", "hold") and setting.control == "position":
            places = {joint.dofs[0]: joint.qs[0] for e in setting.entities.values() for joint in joints_of(e) if joint.is_scalar}
            if all(dof in places for dof in index):
                home = qpos[[places[dof] for dof in index]].clone()
                return home if init == "home" else home + _gravity(setting, index) / _gains(where, body, index)
        allowed = {"force": "zero, gravity", "position": "zero, home, hold", "velocity": "zero"}[setting.control]
        raise InputError(
            f'{where}: "{init}" is not possible with task.control {setting.control}; allowed: {allowed}, or numbers.'
        )
    return vector(where, init, len(index))


def _gravity(setting: Setting, index: list[int]) -> Tensor:
    """Force (n,) that holds the start."""
    force = plain(setting.scene.gravity_force(setting.start_qpos)).detach()
    return (force if force.ndim == 1 else force[0])[index].clone()


def _gains(where: str, body: Any, index: list[int]) -> Tensor:
    """Position gains (n,) of the robot. Raises: InputError if one is zero."""
    gains = plain(body.get_dofs_kp()).detach()
    chosen = (gains if gains.ndim == 1 else gains[0])[[i - body.dof_start for i in index]]
    if bool((chosen == 0).any()):
        raise InputError(f"{where}: hold, but a joint has no position gain; set robot.kp.")
    return chosen


def control_unit(where: str, scale: Any, setting: Setting, body: Any, chosen: Any, index: list[int]) -> Tensor:
    """S (n, n): row i is the control that one unit of the i-th learned number makes.

    Number, list, or limits (the largest force): a diagonal. inertia: the mass matrix at the start, so that learned numbers are
    joint accelerations; steps of the optimizer are then about equally long for the shoulder and the wrist.
    """
    if isinstance(scale, str) and scale == "inertia":
        if setting.control != "force":
            raise InputError(f"{where}: inertia is a unit of force, but task.control is {setting.control}; give numbers.")
        mass = plain(setting.scene.mass_matrix(setting.start_qpos)).detach()
        mass = mass if mass.ndim == 2 else mass[0]
        return mass[index][:, index].clone()
    if isinstance(scale, str) and scale == "limits":
        high = limits(body, chosen, "force")[1]
        if not bool(torch.isfinite(high).all()):
            raise InputError(f"{where}: limits, but the robot has a joint without a force limit; give numbers.")
        return torch.diag(high)
    values = vector(where, scale, len(index))
    if bool((values <= 0).any()):
        raise InputError(f"{where}: {scale} must be positive.")
    return torch.diag(values)
