"""A neural feedback policy as a parameter."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from genesis.networks import Network, start_leaves
from genesis.parameters.bounds import read_bounds
from genesis.parameters.open_loop import control_unit, start_control
from genesis.parameters.parameter import Changes, Inputs
from genesis.selection import dofs, driven_joints, indices, joints_of, limits, match
from genesis.setting import Setting


class Policy:
    """u = bounds(base + MLP(observation) S); it observes qpos (periodic joints as sine and cosine) and qvel."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        entity: str | None = None,
        hidden: Any = (32, 32),
        activation: str = "tanh",
        periodic: Any = (),
        scale: Any = 1.0,
        init: Any = "zero",
        bounds: Any = None,
        transform: str | None = None,
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        self.learn, self.lr, self.activation = learn, lr, activation
        body = setting.entity(where, entity)
        chosen = driven_joints(where, body, joints)
        self.dofs, self.nv = dofs(chosen), setting.start_qvel.shape[-1]
        self.changes = Changes(controls=tuple(self.dofs))
        n = len(self.dofs)
        self.base = start_control(f"{where}.init", init, setting, body, self.dofs)
        self.unit = control_unit(f"{where}.scale", scale, setting, body, chosen, self.dofs)
        named = {"limits": limits(body, chosen, setting.control)}
        self.limits = read_bounds(where, bounds, n, transform or "smooth", named)
        if self.limits is not None:
            self.base = self.limits.invert(self.base)
        observed = joints_of(body)
        names = [joint.name for joint in observed]
        turning = set(match(f"{where}.periodic", "joint", periodic, names)) if periodic else set()
        self.plain = indices([i for k, joint in enumerate(observed) if k not in turning for i in joint.qs])
        self.angles = indices([observed[k].qs[0] for k in sorted(turning) if observed[k].is_scalar])
        self.velocities, self.columns = indices(dofs(observed)), indices(self.dofs)
        inputs = len(self.plain) + 2 * len(self.angles) + len(self.velocities)
        self.weights = [leaf.requires_grad_(learn) for leaf in start_leaves([inputs, *hidden, n], setting.generator)]

    def leaves(self) -> list[Tensor]:
        return list(self.weights)

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        return [None for _ in self.leaves()]

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        made = copy(self)
        made.weights = list(leaves)
        return made

    def law(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Controls ([B,]nv) at a state, for one rollout; weights with a leading axis ([n,B,]nv) are policies that each see their own."""
        return partial(self._act, Network(self.weights, self.activation))

    def _act(self, network: Network, qpos: Tensor, qvel: Tensor) -> Tensor:
        angles = qpos.index_select(-1, self.angles)
        seen = torch.cat(
            (qpos.index_select(-1, self.plain), angles.sin(), angles.cos(), qvel.index_select(-1, self.velocities)), -1
        )
        control = self.base + network(seen) @ self.unit
        if self.limits is not None:
            control = self.limits.apply(control)
        return control.new_zeros(*control.shape[:-1], self.nv).index_copy(-1, self.columns, control)

    def apply(self, inputs: Inputs) -> None:
        inputs.policies.append(self.law())

    def constants(self) -> dict[str, np.ndarray]:
        """All that the law is made of beside its weights.

        plain, angles: places in qpos of what it observes as it is, and as sine and cosine; velocities: places in qvel. dofs (n,): places in
        qvel of what it controls. base (n,), scale S (n, n); low, high (n,), ±inf where there is no bound; smooth: how bounds are kept.
        activation: its name.
        """
        n, bounds = len(self.dofs), self.limits
        low, high = (-torch.full((n,), torch.inf), torch.full((n,), torch.inf)) if bounds is None else (bounds.low, bounds.high)
        tensors = {
            "plain": self.plain, "angles": self.angles, "velocities": self.velocities, "dofs": self.columns,
            "base": self.base, "scale": self.unit, "low": low, "high": high,
        }  # fmt: skip
        made = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
        return {**made, "smooth": np.array(bounds is not None and bounds.smooth), "activation": np.array(self.activation)}

    def project(self) -> None:
        """A network has no bounds."""

    def value(self) -> Tensor:
        """All weights in one vector."""
        return torch.cat([leaf.detach().reshape(-1) for leaf in self.weights])

    def set_value(self, value: Tensor) -> None:
        with torch.no_grad():
            for leaf, part in zip(self.weights, value.split([leaf.numel() for leaf in self.weights]), strict=True):
                leaf.copy_(part.view_as(leaf))

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return None

    def labels(self) -> list[str]:
        return []

    def prior_residuals(self) -> Tensor | None:
        return None
