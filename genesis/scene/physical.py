"""Physical parameters of a scene: described values, what users set over them, and the packed vector that the core reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from genesis.errors import InputError, unknown_name
from genesis.grad.physics import QUATERNIONS
from genesis.grad.pull_back import bare
from genesis.grad.transforms import outside
from genesis.model.checks import check_solimp, check_solref
from genesis.scene.inputs import ArrayLike, Index, UserValues, assign

MAX_THETAS = 8  # packed vectors kept for different control modes
MAX_PATCHES = 32  # settings of one parameter kept apart before they are merged
ACTUATOR_FORCE = ("act_gain", "act_bias0", "act_bias1", "act_bias2")
NOT_NEGATIVE = (
    "link_mass", "dof_armature", "dof_damping", "dof_stiffness", "dof_kp", "dof_kv", "dof_frictionloss", "geom_friction", "geom_size",
    "geom_solmix", "xpair_friction", "friction_ratio",
)  # fmt: skip
UNBOUNDED = ("dof_force_lo", "dof_force_hi", "ctrl_lo", "ctrl_hi", "force_lo", "force_hi", "limit_range")  # may be infinite


@dataclass
class Loops:
    """Which feedback loops are closed; bool arrays with one row, or one for each environment.

    kp, kv: (1 or B, nv) position and velocity gains of the joint controllers. actuators: (1 or B, nu), or None if all are on.
    """

    kp: np.ndarray
    kv: np.ndarray
    actuators: np.ndarray | None = None

    @classmethod
    def of(cls, kind: str, nv: int) -> "Loops":
        """Those that controls of a kind (force, position or velocity) close for all joints."""
        closed = np.ones((1, nv), bool)
        return cls(closed if kind == "position" else ~closed, ~closed if kind == "force" else closed)

    def key(self) -> tuple[bytes, bytes, bytes]:
        return self.kp.tobytes(), self.kv.tobytes(), b"" if self.actuators is None else self.actuators.tobytes()

    def masks(self) -> dict[str, np.ndarray]:
        """Core name of a parameter -> where it counts."""
        made = {"dof_kp": self.kp, "dof_kv": self.kv}
        return made if self.actuators is None else made | dict.fromkeys(ACTUATOR_FORCE, self.actuators)


@dataclass
class _Parameter:
    """One parameter: described value (1, N, ...), the value under the settings, and the settings, the latest last."""

    described: torch.Tensor
    base: torch.Tensor
    patches: dict[tuple[object, ...], tuple[torch.Tensor, Index, Index | None]] = field(default_factory=dict)
    value: torch.Tensor | None = None
    cut: bool = False  # the value was made while torch recorded no gradients, and lacks a graph that the settings have

    @property
    def marked(self) -> bool:
        """Whether a setting carries gradients."""
        return any(value.requires_grad for value, _, _ in self.patches.values())


def check_rows(name: str, values: torch.Tensor, what: str) -> None:
    """Raises: ModelError for solref (..., 2) or solimp (..., 5) that no constraint can use."""
    first, second = values[..., 0], values[..., 1]
    if name.endswith("_solref"):
        bad = (first > 0.0) != (second > 0.0)
    else:
        inside = (first >= 0.0) & (second <= 1.0) & (first <= second) & (values[..., 2] >= 0.0) & (values[..., 4] >= 1.0)
        bad = ~(inside & (values[..., 3] >= 0.0) & (values[..., 3] <= 1.0))
    if bad.any():
        worst = tuple(round(x, 6) for x in values[bad][0].tolist())
        if name.endswith("_solref"):
            check_solref(what, "solref", worst)
        else:
            check_solimp(what, "solimp", worst)


class PhysicalParameters:
    """Values by core name, each (1 or B, N, ...), and the packed vector for given control loops.

    A setting keeps the graph of what the user gave. When a backward pass has used up the graph of a packed vector it is packed
    again, so that a scene may be stepped and differentiated on after `backward()`. What was computed under `torch.no_grad` is
    not served where gradients are recorded.

    Args:
        pack: dict of tensors (N, ...) or (B, N, ...) to the flat vector, described values for names left out.
        described: name -> (N, ...).
        changed: called whenever a packed vector is no longer valid.
    """

    def __init__(
        self,
        pack: Callable[[Mapping[str, torch.Tensor]], torch.Tensor],
        described: Mapping[str, torch.Tensor],
        inputs: UserValues,
        changed: Callable[[], None],
    ) -> None:
        self._pack, self._inputs, self._changed = pack, inputs, changed
        self._parameters = {name: _Parameter(value.unsqueeze(0), value.unsqueeze(0)) for name, value in described.items()}
        self._thetas: dict[tuple[object, ...], torch.Tensor] = {}
        self._gains: dict[tuple[object, ...], torch.Tensor] = {}

    @property
    def names(self) -> list[str]:
        return list(self._parameters)

    def value(self, name: str) -> torch.Tensor:
        """(1 or B, N, ...)"""
        parameter = self._parameters[name]
        if parameter.value is None or (parameter.cut and torch.is_grad_enabled()):
            value = parameter.base
            for patch, columns, rows in parameter.patches.values():
                batched = rows is not None or patch.shape[0] > 1
                if batched and value.shape[0] == 1:
                    value = value.expand(self._inputs.rows, *value.shape[1:])
                value = assign(value, patch, columns, rows)
            parameter.value, parameter.cut = value, parameter.marked and not torch.is_grad_enabled()
        return parameter.value

    def set(self, name: str, value: torch.Tensor, columns: Index, rows: Index | None, what: str) -> None:
        """Set columns (in rows) of a parameter; value (b or 1, n, ...).

        Raises: InputError if not finite or negative where it must not be.
        """
        self.check(name, value, what)
        value = bare(value)
        parameter = self._parameters[name]
        key = (columns.local, columns.start, None if rows is None else rows.local)
        parameter.patches.pop(key, None)
        if rows is None and columns.n == parameter.described.shape[1]:
            parameter.patches.clear()
        if len(parameter.patches) >= MAX_PATCHES and not parameter.marked:
            parameter.base, parameter.patches = self.value(name), {}
        parameter.patches[key] = (value, columns, rows)
        self._drop(parameter)

    def restore(self, name: str) -> None:
        """The described value again."""
        parameter = self._parameters[name]
        if parameter.patches or parameter.base is not parameter.described:
            parameter.base, parameter.patches = parameter.described, {}
            self._drop(parameter)

    def described(self, name: str) -> torch.Tensor:
        """The value (1, N, ...) of the model."""
        return self._parameters[name].described

    def renew(self) -> None:
        """Pack again where gradients are recorded, so that what follows has a graph of its own."""
        if any(theta.requires_grad for theta in self._thetas.values()):
            self._spent()

    def gain(self, name: str, closed: np.ndarray) -> torch.Tensor:
        """Gains (b, nv) that act: those of open loops are zero."""
        key = (name, closed.tobytes(), torch.is_grad_enabled())
        gain = self._gains.get(key)
        if gain is None:
            value = self.value(name)
            with outside():
                gain = value if closed.all() else value * torch.from_numpy(closed).to(value)
            if gain is not value and gain.requires_grad:
                gain.register_hook(self._spent)
            if len(self._gains) >= MAX_THETAS:
                self._gains.clear()
            self._gains[key] = gain
        return gain

    def theta_with(self, loops: Loops, params: Mapping[str, ArrayLike], where: str) -> torch.Tensor:
        """`theta` with some values replaced, as `params` of `Scene.rollout`. Raises: as `replacements`."""
        return self.packed(loops, self.replacements(params, where)) if params else self.theta(loops)

    def theta(self, loops: Loops) -> torch.Tensor:
        """The packed vector (P,) or (B, P), kept until a parameter changes."""
        key = (*loops.key(), torch.is_grad_enabled())
        theta = self._thetas.get(key)
        if theta is None:
            if len(self._thetas) >= MAX_THETAS:
                self._thetas.clear()
            with outside():
                theta = self._thetas[key] = self.packed(loops)
            if theta.requires_grad:
                theta.register_hook(self._spent)
        return theta

    def packed(self, loops: Loops, replaced: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """Pack now, with some values (b, N, ...) replaced."""
        values = {name: self.value(name) for name, p in self._parameters.items() if p.patches or p.base is not p.described}
        values.update(replaced or {})
        ratio = values.pop("friction_ratio", None)
        if ratio is not None:
            friction = values.get("geom_friction", self.value("geom_friction"))
            sliding, *rest = friction.unbind(-1)
            values["geom_friction"] = torch.stack(torch.broadcast_tensors(sliding * ratio, *rest), -1)
        for name, mask in loops.masks().items():
            value = values.get(name, self.value(name))
            values[name] = value * torch.from_numpy(mask).to(value)
        return self._pack({name: value[0] if value.shape[0] == 1 else value for name, value in values.items()})

    def entries(self, loops: Loops, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Named values (N, ...) as a packed vector has them, one after the other (F,), in operations that forward mode and `vmap` know."""
        masks, parts = loops.masks(), [next(iter(self._parameters.values())).described.new_zeros(0)]
        for name, value in values.items():
            if name in QUATERNIONS:
                value = torch.nn.functional.normalize(value, dim=-1)
            elif name == "geom_friction":
                value = torch.cat([value[..., :1] * self.value("friction_ratio")[0].unsqueeze(-1), value[..., 1:]], -1)
            elif name in masks:
                value = value * torch.from_numpy(masks[name][0]).to(value)
            parts.append(value.reshape(-1))
        return torch.cat(parts)

    def replacements(self, params: Mapping[str, ArrayLike], where: str) -> dict[str, torch.Tensor]:
        """The user's values by core name as (1 or B, N, ...). Raises: UnknownNameError, InputError."""
        made = {}
        for name, value in params.items():
            if name not in self._parameters:
                raise unknown_name(where, "parameter", name, self._parameters)
            what = f'{where}: parameter "{name}"'
            tail = tuple(self._parameters[name].described.shape[1:])
            made[name] = self._inputs.rows_of(value, what, tail, keep_graph=True)
            self.check(name, made[name], what)
        return made

    def _drop(self, parameter: _Parameter) -> None:
        parameter.value = None
        self._thetas.clear()
        self._gains.clear()
        self._changed()

    def _spent(self, _gradient: torch.Tensor | None = None) -> None:
        for parameter in self._parameters.values():
            if parameter.patches:
                parameter.value = None
        self._thetas.clear()
        self._gains.clear()
        self._changed()

    def check(self, name: str, value: torch.Tensor, what: str) -> None:
        """Raises: InputError, ModelError for values that cannot be simulated."""
        if name.endswith(("_solref", "_solimp")):
            check_rows(name, value.detach(), what)
        if name not in UNBOUNDED:
            self._inputs.finite(value, what, 0.0 if name in NOT_NEGATIVE else None)
        elif torch.isnan(value.detach()).any():
            raise InputError(f"{what}: there is a NaN; allowed: numbers, or infinity for none.")
